"""The rule for ``dominant`` on cohorts whose truth is planted."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from toys import toy_cohort, toy_fragments, toy_study

from cfdna_interp.attribution.alike import within_class_correlations
from cfdna_interp.attribution.coalition_values import coalition_values
from cfdna_interp.attribution.contributions import Contributions
from cfdna_interp.attribution.dataset import EmbeddedBags
from cfdna_interp.attribution.embed import embed_bags
from cfdna_interp.attribution.head_refits import refit_heads
from cfdna_interp.attribution.judge import Ruling, judge
from cfdna_interp.attribution.refit_plan import Refit
from cfdna_interp.attribution.route import subsets_of
from cfdna_interp.models.crossfit import crossfit
from cfdna_interp.models.masked_pretraining import pretrain
from cfdna_interp.models.reference_encoder import ReferenceEncoder
from cfdna_interp.stats.roc import mean_auroc

GROUPS = ("fragment_length", "methylation", "tissue_of_origin")


@pytest.fixture(scope="module")
def encoder() -> ReferenceEncoder:
    return pretrain(toy_fragments(60_000, np.random.default_rng(0)), loci=4, dim=16, epochs=6, seed=1)[0]


def embedded(
    encoder: ReferenceEncoder, effect: dict[str, float], seed: int
) -> tuple[EmbeddedBags, torch.Tensor]:
    subjects = 60
    cohort, labels, _ = toy_cohort(subjects, 3_000, seed, effect=effect, tilt=0.2)
    study = toy_study(cohort, labels, encoder, bag_size=400, seed=seed)
    banks = study.banks()
    samples = [
        embed_bags(encoder, study.bags(f"S{i}", fragments), banks) for i, fragments in enumerate(cohort)
    ]
    return (
        EmbeddedBags(
            samples=tuple(f"S{i}" for i in range(subjects)),
            subjects=tuple(f"P{i}" for i in range(subjects)),
            codes=np.arange(subjects),
            labels=labels,
            versions=torch.stack([item.versions for item in samples]),
            touches=torch.stack([item.touches for item in samples]),
        ),
        torch.stack([encoder.encode(bag) for bag in study.reference_bags(banks)]),
    )


def outcome(cohort: EmbeddedBags, reference: torch.Tensor) -> tuple[Ruling, np.ndarray]:
    bootstrap, permuted = (
        [refit_heads(cohort, Refit(kind, n), folds=4, seed=1) for n in range(number)]
        for kind, number in (("bootstrap", 20), ("permutation", 19))
    )
    # Every subject has one sample.
    dealt = [refit.contributions(cohort, reference) for refit in permuted]
    fitted = crossfit(
        cohort.versions[:, 0], cohort.labels, cohort.codes, folds=4, rng=np.random.default_rng(0)
    )
    values = coalition_values(cohort, fitted, reference)
    contributions = Contributions.of_values(values.values, values.reference)
    shares = contributions.shares()
    assert contributions.completeness < 1e-5
    cross_fitted, alone = {}, {}
    for name, present in subsets_of(GROUPS).items():
        bags = cohort.coalition(present)
        retrained = crossfit(bags, cohort.labels, cohort.codes, folds=4, rng=np.random.default_rng(0))
        logits = retrained.logits(bags).mean(axis=1)
        cross_fitted[name] = mean_auroc(logits, cohort.labels, retrained.fold)
        if len(present) == 1:
            alone[name.removeprefix("model_only_")] = logits
    verdict = judge(
        share=shares.share,
        covariance=shares.covariance,
        bootstrap=np.array(
            [refit.contributions(cohort, reference).shares(refit.multiplicity).share for refit in bootstrap]
        ),
        permuted=np.array([one.shares().share for one in dealt]),
        performance=contributions.performance(cohort.labels, seed=1),
        permuted_performance=np.array(
            [one.performance(refit.targets, seed=1) for one, refit in zip(dealt, permuted, strict=True)]
        ),
        context=float(shares.context),
        subjects=len(cohort.labels),
        cross_fitted=cross_fitted,
        necessity_margin=0.02,
        replaceable_margin=0.05,
        signal_ceiling=0.65,
        alike={
            (first, second): value
            for pair, value in within_class_correlations(alone, cohort.labels, fitted.fold).items()
            for first, second in [pair.split(":")]
        },
    )
    return verdict, shares.share


@pytest.mark.parametrize("place", [0, 1])
def test_the_planted_group_is_named(encoder: ReferenceEncoder, place: int) -> None:
    effect = {("length", "methylation")[place]: 3.0}
    verdict, share = outcome(*embedded(encoder, effect, seed=place))
    assert (verdict.outcome, verdict.group) == ("dominant", GROUPS[place])
    assert share[place] > 0.6


def test_no_group_is_named_where_nothing_was_planted(encoder: ReferenceEncoder) -> None:
    verdict, _ = outcome(*embedded(encoder, {}, seed=5))
    assert verdict.group is None
