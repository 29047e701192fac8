"""Depth and batch among controls: planted ones are found, absent ones are not, cases are not looked at."""

from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import balanced_accuracy_score

from cfdna_interp.artifacts.features import GROUPS
from cfdna_interp.artifacts.matrix import Table
from cfdna_interp.audit.batches import balanced_accuracies, batch_from_groups
from cfdna_interp.audit.depth import depth_correlations, subject_means
from cfdna_interp.records.missing import Cause, Missing


def table(n=60, seed=1, depth=0.0, batch=0.0):
    """Four features a group; the first of `coverage` follows depth and `methylation` follows the batch.

    Half are cases, whose features all follow both strongly.
    """
    rng = np.random.default_rng(seed)
    names = tuple(f"{group}_{i}" for group in GROUPS for i in range(4))
    groups = tuple(group for group in GROUPS for _ in range(4))
    labels = np.tile([1, 0], n // 2)
    fragments = rng.normal(10_000, 1_000, size=n)
    batches = np.array([f"b{i % 3}" for i in rng.permutation(n)])
    X = rng.normal(size=(n, len(names)))
    X[:, names.index("coverage_0")] += depth * (fragments - 10_000) / 1_000
    X[:, [g == "methylation" for g in groups]] += batch * (batches == "b1")[:, None]
    X[labels == 1] += 10 * ((fragments - 10_000) / 1_000 + (batches == "b1"))[labels == 1, None]
    subjects = tuple(f"P{i:02d}" for i in range(n))
    obs = pd.DataFrame({"technical_fragments": fragments, "batch": batches}, index=list(subjects))
    return Table(subjects, subjects, labels, X, names, groups, names, obs, True)


def test_a_planted_dependence_on_depth_is_first_and_significant():
    data = table(depth=3.0)
    got = depth_correlations(data)
    first = got.correlations[0]
    controls = data.labels == 0
    expected = spearmanr(
        data.X[controls, data.names.index("coverage_0")], data.obs["technical_fragments"][controls]
    )
    assert (first.feature, first.group) == ("coverage_0", "coverage")
    assert first.spearman == pytest.approx(expected.statistic)
    assert first.q < 0.001
    assert sum(item.q <= 0.05 for item in got.correlations) <= 3
    assert len(got.correlations) == 24


def test_without_dependence_few_features_pass():
    # Any feature below q = .05 in one cohort has probability .05; in 12 cohorts 4 or more has .002.
    hits = [any(i.q <= 0.05 for i in depth_correlations(table(seed=s)).correlations) for s in range(12)]
    assert sum(hits) <= 3


def test_equal_depth_and_unknown_depth_are_said():
    data = table()
    equal = replace(data, obs=data.obs.assign(technical_fragments=5_000.0))
    assert depth_correlations(equal).missing == Missing(why=Cause.CONSTANT_DEPTH)
    unknown = replace(data, obs=data.obs[["batch"]])
    assert depth_correlations(unknown).missing == Missing(why=Cause.NO_DEPTH)


def test_a_subject_without_a_count_is_left_out():
    data = table(depth=3.0)
    fragments = data.obs["technical_fragments"].to_numpy().copy()
    fragments[0], fragments[1] = np.nan, np.nan  # a case and a control
    got = depth_correlations(replace(data, obs=data.obs.assign(technical_fragments=fragments)))
    rows = (data.labels == 0) & np.isfinite(fragments)
    expected = spearmanr(data.X[rows, data.names.index("coverage_0")], fragments[rows])
    assert got.correlations[0].feature == "coverage_0"
    assert got.correlations[0].spearman == pytest.approx(expected.statistic)


def test_empty_and_constant_features_are_not_tested():
    data = table()
    X = data.X.copy()
    X[:, 0], X[:, 1] = np.nan, 1.0
    tested = {item.feature for item in depth_correlations(replace(data, X=X)).correlations}
    assert tested == set(data.names[2:])


def test_samples_of_a_subject_count_once():
    data = table(n=20)
    twice = replace(
        data,
        samples=tuple(f"{s}{i}" for s in data.subjects for i in range(2)),
        subjects=tuple(np.repeat(data.subjects, 2)),
        labels=np.repeat(data.labels, 2),
        X=np.repeat(data.X, 2, axis=0) + np.tile([[-1.0], [1.0]], (20, 1)),
    )
    values, controls = subject_means(twice)
    np.testing.assert_allclose(values, data.X)
    np.testing.assert_array_equal(controls, data.labels == 0)


def test_the_batch_is_read_from_the_group_that_carries_it_and_from_no_other():
    got = batch_from_groups(table(n=120, batch=4.0), seed=1)
    # Two of three batches look alike: balanced accuracy about (1 + 1/2 + 1/2) / 3 = .67 against 1/3.
    assert got["methylation"].accuracy == pytest.approx(2 / 3, abs=0.12)
    assert got["methylation"].p == 0.01
    assert got["methylation"].chance == pytest.approx(1 / 3, abs=0.05)
    assert (got["methylation"].batches, got["methylation"].subjects) == (3, 60)
    assert min(got[group].p for group in GROUPS if group != "methylation") > 0.01


def test_balanced_accuracy_is_that_of_scikit_learn():
    rng = np.random.default_rng(5)
    truth = np.stack([rng.permutation([0] * 30 + [1] * 8 + [2] * 3) for _ in range(6)])
    answers = rng.integers(0, 3, truth.shape)
    answers[0] = 1  # a batch that is never read
    indicators = (truth[:, None, :] == np.arange(3)[:, None]).astype(float)
    peer = [balanced_accuracy_score(*pair) for pair in zip(truth, answers, strict=True)]
    np.testing.assert_allclose(balanced_accuracies(indicators, answers), peer, rtol=1e-12)


def test_null_p_values_of_batch_reading_are_not_small():
    p = np.array([r.p for s in range(8) for r in batch_from_groups(table(seed=s), seed=s).values()])
    # 40 roughly uniform values: mean .5 with SD .05.
    assert abs(p.mean() - 0.5) < 0.2
    assert (p <= 0.05).sum() <= 8


def test_one_batch_or_few_controls_are_said():
    data = table(n=40)
    one = replace(data, obs=data.obs.assign(batch="b"))
    few = replace(data, obs=data.obs.assign(batch=[f"b{i // 6}" for i in range(40)]))
    for odd in (one, few, replace(data, obs=data.obs[["technical_fragments"]])):
        reading = batch_from_groups(odd, seed=1)["methylation"]
        assert reading.accuracy is None
        assert reading.missing is not None
        assert (reading.missing.why, reading.missing.needed) == (Cause.FEW_BATCHES, 5)
    empty = replace(data, groups=tuple("coverage" for _ in data.groups))
    constant = Missing(why=Cause.CONSTANT_FEATURES)
    assert batch_from_groups(empty, seed=1)["methylation"].missing == constant
