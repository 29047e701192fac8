"""Plainer models beside a table's: by hand, against scikit-learn, and what is said where one is better."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from table_worlds import GROUPS, cross_fitted_auroc, decide, planted

from cfdna_interp.attribution.tabular.cohort import DiscoveryFeatures, FoldedFeatures, fold_cohort
from cfdna_interp.attribution.tabular.model import Fits, contributions_of
from cfdna_interp.attribution.tabular.refits import fit_model
from cfdna_interp.attribution.tabular.regression import PENALTIES
from cfdna_interp.attribution.tabular.rivals import beaten_by, plain_logits, rivals_of, worse_than
from cfdna_interp.config.settings import Validation
from cfdna_interp.records.retraining import Rival

LENGTH, METHYLATION, _ = GROUPS


def folded(world: str, per_class: int, seed: int) -> FoldedFeatures:
    table = planted(world, 2 * per_class, np.random.default_rng([8, seed]))
    return fold_cohort(DiscoveryFeatures.of(table), folds=5, seed=seed)


def logits_of(one: FoldedFeatures, fitted: dict[str, Fits]) -> dict[str, np.ndarray]:
    """The cross-fitted logits of fitted models, by name."""
    return {name: contributions_of(one, fits).logit[0] for name, fits in fitted.items()}


def test_the_plain_regression_is_scikit_learns() -> None:
    # On features standardised by the training subjects, none of the test values beyond the training range.
    one = folded("unequal", 30, 1)
    said = plain_logits(one)
    for fold in one.folds:
        X = one.cohort.X
        X = np.clip(X, X[fold.train].min(axis=0), X[fold.train].max(axis=0))
        standard = StandardScaler().fit(X[fold.train]).transform(X)
        found = [
            LogisticRegression(C=1 / penalty, solver="newton-cholesky", tol=1e-10, max_iter=500)
            .fit(standard[fold.train], one.cohort.subject_labels[fold.train])
            .decision_function(standard[fold.test])
            for penalty in PENALTIES
        ]
        assert any(np.allclose(said[fold.test], logits, atol=1e-4) for logits in found)


def test_differences_are_of_the_cross_fitted_aurocs() -> None:
    one = folded("length", 40, 2)
    fitted = {"model": fit_model(one)} | {f"model_only_{g}": fit_model(one, (g,)) for g in one.cohort.names}
    records = rivals_of(one, logits_of(one, fitted), seed=1)
    assert [record.name for record in records] == [*list(fitted)[1:], "plain"]
    model = cross_fitted_auroc(one, fitted["model"])
    for record in records[:-1]:
        rival = cross_fitted_auroc(one, fitted[record.name])
        assert record.auroc == pytest.approx(rival)
        assert record.difference == pytest.approx(rival - model)
        assert record.low <= record.difference <= record.high
        assert record.n == 80
    # Noise is surely no rival, and the group that carries everything is none that is surely better.
    noise = next(record for record in records if record.name == f"model_only_{METHYLATION}")
    assert noise.high < 0
    assert beaten_by(records) is None
    assert records == rivals_of(one, logits_of(one, fitted), seed=1)


def test_a_model_that_is_no_better_than_chance_beside_its_group_is_beaten() -> None:
    # The model of noise in the place of the full one: lengths alone are better by .9 - .5.
    one = folded("length", 40, 3)
    fitted = {"model": fit_model(one, (METHYLATION,)), f"model_only_{LENGTH}": fit_model(one, (LENGTH,))}
    record = beaten_by(rivals_of(one, logits_of(one, fitted), seed=1))
    assert record is not None
    assert record.low > 0.2
    assert LENGTH in worse_than(record)


def test_under_the_null_nobody_is_beaten() -> None:
    # A lower bound of 97.5 % above .02, four rivals: at most a tenth of null cohorts, of 20 fewer than 6
    # (P(X >= 6) = .011).
    beaten = 0
    for seed in range(20):
        one = folded("null", 30, 100 + seed)
        fitted = {"model": fit_model(one)} | {
            f"model_only_{g}": fit_model(one, (g,)) for g in one.cohort.names
        }
        beaten += beaten_by(rivals_of(one, logits_of(one, fitted), seed=seed)) is not None
    assert beaten < 6


def test_of_a_model_that_a_rival_beats_nothing_is_said() -> None:
    decision = decide(planted("length", 120, np.random.default_rng(9)), 1, bootstrap=20, permutations=19)
    assert decision.outcome.outcome == "dominant"
    retraining = decision.retraining
    obstacle = worse_than(Rival(name="plain", auroc=0.99, difference=0.1, low=0.05, high=0.15, n=120))
    found = decision.figures.judge(
        subjects=120, context=0.0, retraining=retraining, margins=Validation(), obstacle=obstacle
    )
    assert (found.outcome, found.group) == ("can't tell", None)
    assert set(found.roles.values()) == {"unclear"}
    assert found.reason == obstacle


def test_a_surrogate_has_no_rivals() -> None:
    table = planted("length", 80, np.random.default_rng(10))
    scored = replace(table, obs=table.obs.assign(score=table.X[:, 0]))
    one = fold_cohort(DiscoveryFeatures.of(scored), folds=5, seed=1)
    assert rivals_of(one, logits_of(one, {"model": fit_model(one)}), seed=1) == ()
