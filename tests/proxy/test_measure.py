"""What is measured beside the AUROC: operating points, curves, subgroups, and what could have been shown."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from made_validation import FIRST, counts, validation
from scipy.stats import norm
from sklearn.metrics import roc_auc_score

from cfdna_interp.artifacts.matrix import Table
from cfdna_interp.config import Config
from cfdna_interp.proxy.measure import METRICS, HeldoutSubjects, families, measure
from cfdna_interp.proxy.subgroups import covariates_of, subgroups
from cfdna_interp.records.missing import Cause, Missing
from cfdna_interp.records.validation import Detectable, HeldoutScore, Untested, ValidationResult
from cfdna_interp.report.heldout import subgroup_sentences
from cfdna_interp.stats.multiplicity import holm
from cfdna_interp.stats.power import detectable_auroc
from cfdna_interp.stats.roc import delong

CONFIG = Config(sheet="", outdir="", seed=3)


def planted(per_class=60, seed=1):
    """Length tells the label at .85, and nothing else does; at site b the model tells nothing."""
    rng = np.random.default_rng(seed)
    labels = np.tile([1, 0], per_class)
    n = 2 * per_class
    site = np.where(np.arange(n) % 6 < 4, "a", "b")
    latent = rng.normal(size=n) + np.sqrt(2) * norm.ppf(0.9) * labels * (site == "a")
    noise = rng.normal(size=(5, n))
    scores = {
        "model": latent,
        "proxy": latent + 0.3 * noise[0],
        "model_without_fragment_length": noise[1],
        "baseline_fragment_length": latent + 0.3 * noise[0],
        "baseline_methylation": noise[2],
        "baseline_technical": noise[3],
    }
    covariates = {
        "site": site.tolist(),
        "sex": np.where(noise[4] > 0, "F", "M").tolist(),
        "age": np.linspace(40, 80, n)[rng.permutation(n)].round().tolist(),
    }
    subjects = tuple(f"P{i:03d}" for i in range(n))
    return HeldoutSubjects(subjects, labels, tuple(site), scores, "fragment_length", covariates)


def measured_of(cohort):
    return measure(cohort, CONFIG, opening=FIRST, discovery=counts(60, 60), simulated=False)


@pytest.fixture(scope="module")
def measured():
    return measured_of(planted())


def test_model_and_proxy_are_tested_against_every_other_baseline():
    scores = ["model", "proxy", "model_without_a", "baseline_a", "baseline_b", "baseline_c"]
    assert families(scores, "a")[2:] == [
        [("proxy", "baseline_b"), ("proxy", "baseline_c")],
        [("model", "baseline_b"), ("model", "baseline_c")],
    ]
    # Without a dominant group there is no proxy, and no baseline is one.
    assert families(scores[:1] + scores[3:], None)[1] == [("model", f"baseline_{g}") for g in "abc"]


def test_a_model_known_by_its_scores_is_not_retrained_its_surrogate_is():
    assert families(["model", "surrogate", "proxy", "model_without_a"], "a")[:2] == [
        [("surrogate", "model_without_a")],
        [("model", "proxy")],
    ]


def test_holm_is_within_a_family(measured):
    rows = [row for row in measured.paired if row.a == "model" and row.b.startswith("baseline_")]
    assert [row.b for row in rows] == ["baseline_methylation", "baseline_technical"]
    np.testing.assert_allclose([row.p_holm for row in rows], holm([row.p for row in rows]))
    assert all(row.p_holm < 0.05 for row in rows)


def test_which_of_two_is_better_follows_from_p_after_holm_and_the_sign(measured):
    for row in measured.paired:
        expected = "" if row.p_holm > 0.05 else row.a if row.value > 0 else row.b
        assert row.better == expected
    assert {row.better for row in measured.paired} >= {"model", "proxy"}


def test_the_detectable_difference_follows_from_delongs_error(measured):
    cohort = planted()
    row = next(row for row in measured.paired if row.b == "baseline_methylation" and row.a == "proxy")
    _, covariance = delong(
        cohort.labels, np.stack([cohort.scores["proxy"], cohort.scores["baseline_methylation"]])
    )
    error = np.sqrt(np.array([1, -1]) @ covariance @ np.array([1, -1]))
    assert row.detectable == pytest.approx((norm.isf(0.025) + norm.isf(0.2)) * error)
    assert measured.detectable == Detectable(auroc=detectable_auroc(60, 60), power=0.8, alpha=0.05)


def test_scores_that_never_differ_have_no_detectable_difference():
    cohort = planted(20)
    cohort.scores["proxy"] = 2 * cohort.scores["model"]
    row = next(row for row in measured_of(cohort).paired if (row.a, row.b) == ("model", "proxy"))
    assert row.detectable is None


def test_every_score_has_its_operating_points_and_the_main_ones_a_curve(measured):
    cohort = planted()
    for name, record in measured.scores.items():
        assert [point.specificity for point in record.at_specificity] == [0.9, 0.95]
        for point in record.at_specificity:
            above = cohort.scores[name] > point.threshold
            assert above[cohort.labels == 1].mean() == point.sensitivity.value
            assert above[cohort.labels == 0].mean() <= 1 - point.specificity + 1e-12
    assert set(measured.calibration_curve) == {"model", "proxy"}
    assert measured.calibration_curve["model"].missing is None
    assert measured.scores["model"].auroc_caution == ""
    assert measured.subgroups


def test_a_site_where_the_model_fails_is_found(measured):
    by = {division.by: division for division in measured.subgroups["model"]}
    cohort = planted()
    site = by["site"]
    for group in site.groups:
        rows = np.array(cohort.covariates["site"]) == group.group
        expected = roc_auc_score(cohort.labels[rows], cohort.scores["model"][rows])
        assert group.auroc.value == pytest.approx(expected)
        assert (group.case, group.control) == (40, 40) if group.group == "a" else (20, 20)
    # .9 of 40 + 40 against .5 of 20 + 20: about 4 standard errors.
    assert site.interaction.p_holm < 0.05
    assert by["sex"].interaction.p_holm > 0.05
    tests = [division.interaction for division in by.values()]
    np.testing.assert_allclose([t.p_holm for t in tests], holm([t.p for t in tests]))
    # Thirds of 120 subjects, none twice.
    assert [g.case + g.control for g in by["age"].groups] == pytest.approx([40, 40, 40], abs=3)
    assert sum(g.case + g.control for g in by["age"].groups) == 120


def test_small_groups_have_numbers_and_an_obstacle_but_no_auroc():
    labels = np.repeat([1, 0], 20)
    site = ["a"] * 4 + ["b"] * 16 + ["a"] * 10 + ["b"] * 8 + [""] * 2
    got = subgroups(labels, np.random.default_rng(1).normal(size=40), {"site": site}, 1, ("x",), 50)
    small, large = got[0].groups
    assert (small.case, small.control, small.auroc) == (4, 10, None)
    assert small.missing == Missing(why=Cause.FEW_OF_A_CLASS, seen=4, needed=5)
    assert (large.case, large.control, large.missing) == (16, 8, None)
    assert got[0].unknown == 2
    assert got[0].interaction is None
    assert got[0].missing == Missing(why=Cause.FEW_GROUPS, needed=5)
    assert [division.missing for division in got[1:]] == [
        Missing(why=Cause.NO_COLUMN, names=(name,)) for name in ("sex", "age")
    ]


def test_separated_groups_have_no_interaction_test():
    labels = np.tile([1, 0], 20)
    got = subgroups(labels, labels + 0.0, {"sex": ["F"] * 20 + ["M"] * 20}, 1, ("x",), 50)[1]
    assert [group.auroc.value for group in got.groups] == [1, 1]
    assert got.interaction is None
    assert got.missing == Missing(why=Cause.FEW_VARIANCES)
    assert got.left_out == tuple(
        Untested(group=sex, missing=Missing(why=Cause.SCORE_SEPARATES)) for sex in ("F", "M")
    )


def test_a_group_that_is_not_in_the_test_is_named_and_not_counted():
    # Three sites of 20: in c the score is the same for everybody, which doesn't separate anything.
    labels = np.tile([1, 0], 30)
    scores = np.random.default_rng(3).normal(size=60) + 0.5 * labels
    scores[40:] = 1.0
    got = subgroups(labels, scores, {"site": ["a"] * 20 + ["b"] * 20 + ["c"] * 20}, 1, ("x",), 50)[0]
    assert got.left_out == (Untested(group="c", missing=Missing(why=Cause.CONSTANT_SCORE)),)
    assert (got.interaction.n, got.interaction.groups, got.interaction.df) == (40, 2, 1)
    told = dict(subgroup_sentences(validation(subgroups={"model": (got,)}), "model"))["By site"]
    assert "(n = 40 in 2 groups;" in told
    assert told.endswith("Left out of the test: c, since the score is the same for all subjects.")


def test_ages_are_divided_where_known_and_ties_stay_together():
    labels = np.tile([1, 0], 30)
    age = [50.0] * 30 + [60.0] * 20 + [float("nan")] * 10
    got = subgroups(labels, np.random.default_rng(2).normal(size=60), {"age": age}, 1, ("x",), 50)[2]
    assert [(g.group, g.case + g.control) for g in got.groups] == [("50-50", 30), ("60-60", 20)]
    assert got.unknown == 10


def test_covariates_are_those_of_a_subjects_first_sample():
    obs = pd.DataFrame(
        {"site": ["a", "b", "b"], "sex": ["F", "F", None], "age": [50.0, 51.0, np.nan]},
        index=["s1", "s2", "s3"],
    )
    table = Table(("s1", "s2", "s3"), ("P1", "P1", "P2"), None, np.zeros((3, 0)), (), (), (), obs, False)
    got = covariates_of(table, ["P1", "P2"])
    assert (got["site"], got["sex"]) == (["a", "b"], ["F", ""])
    np.testing.assert_equal(got["age"], [50.0, np.nan])
    bare = Table(("s1",), ("P1",), None, np.zeros((1, 0)), (), (), (), obs.iloc[:1, :0], False)
    assert covariates_of(bare, ["P1"]) == {}


def test_agreement_of_model_and_proxy_is_that_of_their_held_out_logits(measured):
    cohort = planted()
    model, proxy = cohort.scores["model"], cohort.scores["proxy"]
    got = measured.fidelity
    assert got.pearson.value == pytest.approx(np.corrcoef(model, proxy)[0, 1])
    assert got.pearson.low < got.pearson.value < got.pearson.high
    assert (got.n, got.margin) == (120, CONFIG.validation.sufficiency_margin)
    # The proxy is the model and noise that knows nothing: the model's lead is the pair's of rung L3.
    pair = next(row for row in measured.paired if (row.a, row.b) == ("model", "proxy"))
    assert got.difference.value == pytest.approx(pair.value)
    alone = replace(cohort, scores={"model": model, "model_without_fragment_length": proxy}, group=None)
    assert measured_of(alone).fidelity is None


def test_the_protocol_names_everything_that_is_measured(measured):
    of_each, of_all = set(HeldoutScore.__struct_fields__), set(ValidationResult.__struct_fields__)
    beside = {"n", "discovery", "simulated", "opening", "scores", "auroc_caution", "directionless"}
    assert (of_each | of_all) - set(METRICS) == beside
    assert set(METRICS) <= of_each | of_all
    # Without a word from discovery there is nothing to repeat.
    assert measured.groups == measured.repeated == {}
