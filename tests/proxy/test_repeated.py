"""Held, weaker, reversed: the rule at its bounds, errors by hand, its null, what it has to find."""

from dataclasses import replace

import numpy as np
import pytest
from frozen_run import World, finished_run
from made_validation import interval, pair
from msgspec import structs
from scipy.stats import norm
from stored import stored

from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.predictions import load_predictions
from cfdna_interp.proxy.repeated import (
    BY_SIZE,
    DRAWN,
    Discovery,
    Repeated,
    discovery_figure,
    group_record,
    load_discovery,
    repeat,
    repeated_score,
    word,
)
from cfdna_interp.records.proxy import Proxy
from cfdna_interp.records.validation import Cost, Repetition, ValidationResult
from cfdna_interp.records.verdict import CautionKind, Verdict
from cfdna_interp.stats.estimates import IntervalEstimate
from cfdna_interp.stats.power import error
from cfdna_interp.stats.roc import auroc, auroc_interval, delong

CEILING = 0.65
HOLDS, WEAKER, REVERSED, NOT_TOLD, NO_CLAIM = Repetition


def found(discovery=0.81, heldout=(0.7, 0.6, 0.8), p=0.2):
    value, low, high = heldout
    fall = discovery - value
    return Repeated(
        IntervalEstimate(discovery, discovery - 0.1, discovery + 0.1, "made up"),
        IntervalEstimate(value, low, high, "made up"),
        fall, fall - 0.1, fall + 0.1, p,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("discovery", "heldout", "p", "role", "cost", "expected"),
    [
        # The group of the issue: .41 [.34, .49] and the model gains .121 without it.
        (0.81, (0.41, 0.34, 0.49), 1e-6, "carrier", (-0.18, -0.06), REVERSED),
        (0.81, (0.41, 0.34, 0.4999), 0.2, "redundant", (-0.01, 0.01), REVERSED),
        (0.81, (0.41, 0.34, 0.50), 0.2, "redundant", (-0.01, 0.01), NOT_TOLD),  # not below .5
        (0.81, (0.70, 0.60, 0.80), 0.2, "carrier", (-0.05, -0.001), REVERSED),  # it was needed
        (0.81, (0.70, 0.60, 0.80), 0.2, "carrier", (-0.05, 0.0), NOT_TOLD),
        (0.81, (0.70, 0.60, 0.80), 0.2, "carrier", (0.0, 0.05), NOT_TOLD),  # no cost is shown
        (0.81, (0.70, 0.60, 0.80), 0.2, "carrier", (0.001, 0.05), HOLDS),
        # A twin that the model is a little better without has not turned round: it was not needed.
        (0.81, (0.80, 0.70, 0.90), 0.9, "redundant", (-0.02, -0.001), HOLDS),
        (0.95, (0.67, 0.57, 0.77), 0.05, "redundant", (-0.02, 0.02), WEAKER),
        (0.95, (0.67, 0.57, 0.77), 0.0501, "redundant", (-0.02, 0.02), HOLDS),
        (0.70, (0.90, 0.85, 0.95), 0.01, "carrier", (0.1, 0.2), HOLDS),  # a rise is no fall
        # Below the ceiling nothing was claimed of it alone.
        (0.6499, (0.41, 0.34, 0.49), 0.01, "unused", (-0.02, -0.001), NO_CLAIM),
        (0.65, (0.41, 0.34, 0.49), 0.01, "unclear", (-0.02, -0.001), REVERSED),
        (0.55, (0.45, 0.35, 0.55), 0.3, "partner", (0.01, 0.2), HOLDS),
        (0.55, (0.45, 0.35, 0.55), 0.3, "partner", (-0.1, -0.01), REVERSED),
        (0.55, (0.45, 0.35, 0.55), 0.3, "suppressor", (-0.1, 0.1), NOT_TOLD),
        (0.81, (0.5, float("nan"), float("nan")), 0.2, "redundant", (-0.1, 0.1), NOT_TOLD),  # constant
    ],
)  # fmt: skip
def test_the_word_at_its_bounds(discovery, heldout, p, role, cost, expected):
    assert word(found(discovery, heldout, p), CEILING, role, cost) == expected


@pytest.mark.parametrize(
    ("discovery", "heldout", "p", "expected"),
    [
        (0.95, (0.67, 0.57, 0.77), 0.001, WEAKER),
        (0.8, (0.3, 0.2, 0.4), 0.001, REVERSED),
        (0.8, (0.75, 0.65, 0.85), 0.5, HOLDS),
        (0.8, (0.55, 0.45, 0.65), 0.06, NOT_TOLD),
        (0.6, (0.3, 0.2, 0.4), 0.001, NO_CLAIM),
    ],
)
def test_a_score_has_no_cost(discovery, heldout, p, expected):
    assert word(found(discovery, heldout, p), CEILING) == expected


def test_being_better_without_is_told_apart_from_the_word():
    lost = pair("model", "model_without_x", -0.121, -0.18, -0.06)
    record = group_record(found(), CEILING, "redundant", 0.01, lost)
    assert record.better_without
    assert record.word == HOLDS
    assert record.cost == Cost(discovery=0.01, heldout=interval(-0.121, -0.18, -0.06))
    assert not group_record(found(), CEILING, "carrier", 0.01, structs.replace(lost, high=0.0)).better_without


def cohort(seed, n=40, d=1.5):
    rng = np.random.default_rng(seed)
    labels = np.tile([1, 0], n)
    return labels, rng.normal(size=2 * n) + d * labels


def test_the_fall_is_a_two_sample_comparison():
    labels, scores = cohort(1)
    heldout = auroc_interval(labels, scores, np.random.default_rng(1))
    got = repeat(IntervalEstimate(0.95, 0.9, 0.99, "made up"), 0.02, labels, scores, heldout)
    spread = np.sqrt(0.02**2 + delong(labels, scores)[1][0, 0])
    assert got.fall == pytest.approx(0.95 - auroc(labels, scores))
    assert (got.low, got.high) == pytest.approx((got.fall - 1.959964 * spread, got.fall + 1.959964 * spread))
    assert got.p == pytest.approx(2 * norm.sf(abs(got.fall) / spread))


def test_a_perfect_score_is_not_known_without_error():
    labels = np.tile([1, 0], 20)
    got = repeat(
        IntervalEstimate(0.9, 0.8, 0.95, ""), 0.04, labels, 1.0 * labels, IntervalEstimate(1.0, 0.9, 1.0, "")
    )
    # Half a subject of 20 away from 1: .975.
    spread = np.sqrt(0.04**2 + error(0.975, 20, 20) ** 2)
    assert got.p == pytest.approx(2 * norm.sf(0.1 / spread))


def test_the_error_of_a_group_alone_follows_from_its_height_and_its_folds():
    labels = np.array([1, 1, 0, 0, 0] * 10)
    folds = np.repeat(np.arange(5), 10)  # 4 cases and 6 controls each
    discovery = Discovery(labels, folds, None, {"model_only_a": 0.8})
    interval, spread = discovery_figure(discovery, "model_only_a", np.random.default_rng(1), 10)
    # Mean of five independent AUROCs.
    assert spread == pytest.approx(error(0.8, 4, 6) / np.sqrt(5))
    assert (interval.value, interval.method) == (0.8, BY_SIZE)
    assert interval.low < 0.8 < interval.high


def test_the_error_of_the_model_is_drawn_within_folds():
    labels, scores = cohort(2, n=60)
    folds = np.arange(120) // 2 % 5
    shifted = scores + 100 * folds  # fits of different folds share no scale
    discovery = Discovery(labels, folds, shifted, {"model": 0.123})
    interval, spread = discovery_figure(discovery, "model", np.random.default_rng(1), 4_000)
    parts = [(labels[folds == fold], scores[folds == fold]) for fold in range(5)]
    assert interval.value == pytest.approx(np.mean([auroc(*part) for part in parts]))
    assert interval.method == DRAWN
    # DeLong's variances of the folds, of 12 + 12 subjects: (n - 1) / n of them under the bootstrap.
    expected = np.sqrt(sum(delong(*part)[1][0, 0] for part in parts)) / 5
    assert spread == pytest.approx(expected, rel=0.1)


@pytest.mark.parametrize(("d", "own"), [(1.0, True), (1.0, False), (2.0, True)])
def test_the_same_strength_in_both_roles_is_rarely_called_weaker_and_a_lost_one_mostly(d, own):
    # No fit stands between: the score is one function in both roles. One-sided 2.5 %, 300 cohorts: SD .9 %.
    weaker = lost = 0
    for seed in range(300):
        labels, scores = cohort([seed, 1], d=d)
        folds = np.arange(80) // 2 % 5
        value = float(np.mean([auroc(labels[folds == f], scores[folds == f]) for f in range(5)]))
        discovery = Discovery(labels, folds, scores if own else None, {"model": value})
        rngs = (np.random.default_rng(seed), np.random.default_rng(seed + 1))
        tested, new = cohort([seed, 2], d=d)
        weaker += word(repeated_score(discovery, "model", tested, new, rngs, 200), 0.5) == WEAKER
        gone = repeated_score(discovery, "model", *cohort([seed, 3], d=0.0), rngs, 200)
        lost += word(gone, 0.5) in (WEAKER, REVERSED)
    assert weaker / 300 < 0.06
    assert lost / 300 > (0.75 if d == 1 else 0.98)


def test_what_discovery_said_is_read_from_the_frozen_files(finished):
    layout = Layout.of(finished.outdir)
    got = load_discovery(layout)
    rows = {row.subject: row for row in load_predictions(layout.file("predictions.discovery.parquet"))}
    names = sorted(rows)
    assert got.logits is not None
    np.testing.assert_allclose(got.logits, [rows[name].logit for name in names])
    assert got.folds.tolist() == [rows[name].fold for name in names]
    assert got.reached["proxy"] == stored(Proxy, finished).regression.cv.mean
    assert got.roles["fragment_length"] == "carrier"


def test_groups_of_a_finished_run_hold_or_had_nothing_to_hold(finished):
    record = stored(ValidationResult, finished)
    groups = record.groups
    assert groups["fragment_length"].word == HOLDS
    assert groups["methylation"].word == groups["tissue_of_origin"].word == NO_CLAIM
    alone = record.scores["model_only_fragment_length"].auroc
    assert groups["fragment_length"].alone.heldout == alone
    lost = next(row for row in record.paired if row.b == "model_without_methylation")
    assert groups["methylation"].cost.heldout.value == lost.value
    assert set(record.repeated) == {"model", "proxy"}
    assert record.repeated["model"].word == HOLDS


def test_a_signal_that_new_people_lack_is_weaker_or_reversed(tmp_path_factory):
    # Discovery says .9 by its record; the held-out subjects show nothing.
    config = finished_run(World(effect=0), tmp_path_factory.getbasetemp())
    record = stored(ValidationResult, config)
    assert record.groups["fragment_length"].word in (WEAKER, REVERSED)
    kinds = {caution.kind for caution in stored(Verdict, config).cautions}
    assert kinds & {CautionKind.GROUP_WEAKER, CautionKind.GROUP_REVERSED}


def test_of_a_model_known_by_its_scores_the_surrogate_is_repeated():
    labels, scores = cohort(4)
    discovery = Discovery(labels, np.arange(80) // 2 % 5, None, {"model": 0.85})
    got = repeated_score(
        replace(discovery, logits=None), "model", labels, scores, (np.random.default_rng(1),) * 2, 50
    )
    assert (got.discovery.value, got.discovery.method) == (0.85, BY_SIZE)
