"""Adjusted differences and replication of single features, by hand and under the null."""

import numpy as np
import pandas as pd
import pytest
from scipy.stats import t

from cfdna_interp.artifacts.matrix import Table
from cfdna_interp.verdict.evidence import adjusted_difference, replicate, subject_frame, subject_values


def series(values):
    return pd.Series(np.asarray(values, dtype=float), index=[f"P{i:03d}" for i in range(len(values))])


def frame(**columns):
    n = len(columns["label"])
    return pd.DataFrame(columns, index=[f"P{i:03d}" for i in range(n)])


def confounded():
    """8 of 10 cases and 2 of 10 controls are men; value = 2 label + 10 man, plus and minus 1 by turns."""
    label = np.repeat([1, 0], 10)
    man = np.array([1] * 8 + [0] * 2 + [1] * 2 + [0] * 8)
    value = 2 * label + 10 * man + np.tile([1, -1], 10)
    return series(value), frame(label=label, sex=np.where(man, "M", "F")), man


def test_a_confounder_is_taken_out():
    values, subjects, man = confounded()
    got = adjusted_difference(values, subjects)
    # Means: cases .8 * 12 + .2 * 2 = 10, controls .2 * 10 = 2. Squares: 8 * 2² + 2 * 8² + 10 * 1 = 170
    # a class, so that the SD within the classes is √(340 / 18).
    sd = np.sqrt(340 / 18)
    assert got.sd == pytest.approx(sd)
    assert got.crude == pytest.approx(8 / sd)
    assert got.value == pytest.approx(2 / sd)
    assert got.held == ("sex=M",)
    assert got.reason == ""
    # HC3 by its definition: (X'X)^-1 X' diag(e² / (1 - h)²) X (X'X)^-1.
    X = np.column_stack([np.ones(20), subjects["label"], man])
    bread = np.linalg.inv(X.T @ X)
    y = values.to_numpy() / sd
    e = y - X @ bread @ X.T @ y
    h = np.einsum("ij,jk,ik->i", X, bread, X)
    error = np.sqrt((bread @ (X.T * (e / (1 - h)) ** 2) @ X @ bread)[1, 1])
    half = t.isf(0.025, 17) * error
    assert (got.low, got.high) == pytest.approx((2 / sd - half, 2 / sd + half))
    assert got.p == pytest.approx(2 * t.sf(2 / sd / error, 17))


def test_a_column_that_is_the_label_cannot_be_held():
    values, subjects, _ = confounded()
    subjects["site"] = np.where(subjects["label"] == 1, "A", "B")
    got = adjusted_difference(values, subjects)
    assert got.held == ("sex=M",)
    assert got.reason == "not held, since the label or the terms before tell them: site=B"


def test_no_more_terms_than_there_are_subjects_for():
    # 20 subjects carry two terms: the label and age. The technical column that goes along least waits.
    values, subjects, _ = confounded()
    rng = np.random.default_rng(0)
    subjects = subjects.drop(columns="sex").assign(age=rng.normal(size=20), technical_gc=rng.normal(size=20))
    got = adjusted_difference(values, subjects)
    assert got.held == ("age",)
    assert got.reason == "not held, since a term needs 10 subjects: technical_gc"


def test_a_level_of_one_subject_is_not_held():
    # Its indicator would fit that subject without error, and HC3 divides by what is left: nothing.
    rng = np.random.default_rng(4)
    for n in (40, 57, 83):
        label = np.arange(n) % 2
        subjects = frame(label=label, age=rng.normal(60, 8, n), sex=["M", *["F"] * (n - 1)])
        got = adjusted_difference(series(label + rng.normal(size=n)), subjects)
        assert got.held == ("age",)
        assert got.reason == "not held, since a level needs 5 subjects: sex=M"
        assert np.isfinite([got.low, got.high, got.p]).all()
        assert got.low < 1 < got.high


def test_nothing_to_hold_is_said_and_the_crude_difference_stands():
    values, subjects, _ = confounded()
    got = adjusted_difference(values, subjects[["label"]])
    assert (got.value, got.low) == (got.crude, got.crude_low)
    assert got.reason == "the cohort has no age, sex, technical column or site that varies"


def test_what_was_not_measured_is_left_out_and_too_little_is_no_difference():
    values, subjects, _ = confounded()
    some = values.copy()
    some.iloc[[0, 19]] = np.nan
    assert np.isfinite(adjusted_difference(some, subjects).value)
    few = values.copy()
    few.iloc[2:10] = np.nan
    got = adjusted_difference(few, subjects)
    assert np.isnan(got.value)
    assert got.reason == "measured in 2 cases and 10 controls of discovery"
    flat = adjusted_difference(values * 0 + 5, subjects)
    assert flat.reason == "it does not vary within the classes"


@pytest.mark.parametrize(
    ("case", "control", "sign", "auroc", "p"),
    [
        # All 9 pairs: 1 of the 20 orders of 3 + 3.
        ([4, 5, 6], [1, 2, 3], 1, 1.0, 1 / 20),
        # 8 of 9 pairs; one order has 9, one has 8: 2 of 20.
        ([3, 5, 6], [1, 2, 4], 1, 8 / 9, 2 / 20),
        # The same against the direction of discovery: 1 of 9 pairs or more in all orders but the one with 0.
        ([3, 5, 6], [1, 2, 4], -1, 1 / 9, 19 / 20),
    ],
)
def test_replication_by_hand(case, control, sign, auroc, p):
    labels = pd.Series([1] * 3 + [0] * 3, index=[f"P{i:03d}" for i in range(6)])
    got = replicate(series(case + control), labels, sign, np.random.default_rng(0))
    assert (got.auroc, got.p) == pytest.approx((auroc, p))
    assert got.low <= got.auroc <= got.high
    assert (got.case, got.control) == (3, 3)


def test_replication_needs_three_of_a_class():
    labels = pd.Series([1, 1, 0, 0, 0], index=[f"P{i:03d}" for i in range(5)])
    got = replicate(series([1, 2, 3, 4, 5]), labels, 1, np.random.default_rng(0))
    assert np.isnan(got.p)
    assert got.reason == "measured in 2 cases and 3 controls of the held-out cohort"


@pytest.mark.parametrize("planted", [0.0, 1.0])
def test_intervals_cover_and_nulls_keep_their_level(planted):
    """Value follows site, label goes along with site: crude differences mislead, adjusted ones don't."""
    rng = np.random.default_rng(5)
    crude = adjusted = replicated = 0
    draws = 100
    for _ in range(draws):
        label = np.repeat([1, 0], 25)
        site = np.where(rng.random(50) < 0.75, label, 1 - label)
        values = series(2.0 * site + planted * label + rng.normal(size=50))
        subjects = frame(label=label, site=np.where(site, "A", "B"))
        got = adjusted_difference(values, subjects)
        crude += not got.crude_low * got.sd <= planted <= got.crude_high * got.sd
        adjusted += not got.low * got.sd <= planted <= got.high * got.sd
        noise = series(rng.normal(size=50))
        replicated += replicate(noise, subjects["label"], 1, rng).p <= 0.05
    assert crude > 0.5 * draws
    # 100 draws at 5 %: 99.9 % of such counts are at most 13.
    assert adjusted <= 13
    assert replicated <= 13


def make_table():
    return Table(
        samples=("b1", "a1", "b2"),
        subjects=("B", "A", "B"),
        labels=np.array([1, 0, 1]),
        X=np.array([[1.0, 10.0], [2.0, 20.0], [3.0, np.nan]]),
        names=("x", "y"),
        groups=("fragment_length",) * 2,
        definitions=("", ""),
        obs=pd.DataFrame(
            {"site": ["s2", "s1", "s3"], "technical_gc": [0.1, 0.2, 0.3], "subject": ["B", "A", "B"]},
            index=["b1", "a1", "b2"],
        ),
        simulated=True,
    )


def test_a_subjects_value_is_the_sum_of_members_averaged_over_its_samples():
    assert subject_values(make_table(), ("x",)).to_dict() == {"A": 2.0, "B": 2.0}
    # Sample b2 has no y: the sum of B is that of b1.
    assert subject_values(make_table(), ("x", "y")).to_dict() == {"A": 22.0, "B": 11.0}
    assert subject_values(make_table(), ("z",)).isna().all()


def test_a_subjects_columns_are_those_of_its_first_sample():
    got = subject_frame(make_table())
    assert got.index.tolist() == ["A", "B"]
    assert got.to_dict("list") == {"site": ["s1", "s2"], "technical_gc": [0.2, 0.1], "label": [0, 1]}
