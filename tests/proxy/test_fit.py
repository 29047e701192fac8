"""The logistic regression: exact plain numbers, honest folds, planted signals and none."""

import json

import made_proxy
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.special import expit

from cfdna_interp.artifacts.matrix import Inputs
from cfdna_interp.errors import InputError
from cfdna_interp.proxy.fit import cross_validate, fit
from cfdna_interp.proxy.linear import linear_of
from cfdna_interp.proxy.penalty import GRID, choose_penalty, one_standard_error
from cfdna_interp.proxy.pipeline import pipeline
from cfdna_interp.records.base import load_record, save_record
from cfdna_interp.records.proxy import Proxy
from cfdna_interp.stats.roc import auroc


def cohort(n=60, features=8, effect=2.0, seed=1, missing=0.0):
    rng = np.random.default_rng(seed)
    y = np.tile([1, 0], n // 2)
    X = rng.normal(size=(n, features))
    X[:, 0] += effect * y
    X[rng.random(X.shape) < missing] = np.nan
    names = tuple(f"f{i}" for i in range(features))
    return Inputs(names, 5 + 3 * X), y, np.array([f"P{i:03d}" for i in range(n)])


def rng(seed=3):
    return np.random.default_rng(seed)


def mean_auroc(*cohort):
    return np.mean([fold.auroc for fold in cross_validate(*cohort).folds])


@pytest.mark.parametrize("features", [8, 150])
def test_scoring_from_json_reproduces_scikit_learns_probabilities(tmp_path, features):
    inputs, y, subjects = cohort(features=features, missing=0.05)
    linear = fit(inputs, y, subjects, rng(), draws=3)
    save_record(made_proxy.proxy(linear), tmp_path / "proxy.json")
    frozen = linear_of(load_record(Proxy, tmp_path / "proxy.json").regression)
    model = pipeline(linear.C).fit(inputs.X, y, regression__sample_weight=np.ones(len(y)))
    new = cohort(features=features, missing=0.2, seed=9)[0].X
    np.testing.assert_allclose(expit(frozen.logits(new)), model.predict_proba(new)[:, 1], rtol=0, atol=1e-12)


def test_a_planted_difference_is_found_and_judged_fold_by_fold():
    # Two SD in one feature of eight: the AUROC is Phi(2 / sqrt 2) = .92 at best; five folds of 12 subjects.
    inputs, y, subjects = cohort()
    linear = fit(inputs, y, subjects, rng(), draws=40)
    folds = cross_validate(inputs, y, subjects, rng()).folds
    assert len(folds) == 5
    assert 0.8 < np.mean([fold.auroc for fold in folds]) <= 1
    assert linear.bounds()[0][0] > 0
    assert abs(linear.coefficient[0]) == np.abs(linear.coefficient).max()
    fresh, truth, _ = cohort(n=400, seed=8)
    assert auroc(truth, linear.logits(fresh.X)) == pytest.approx(0.92, abs=0.05)


def test_without_a_difference_folds_scatter_around_one_half():
    # Mean of 3 x 5 folds with 6 + 6 subjects each: SD of one fold's AUROC .17, of the mean about .06
    # (folds of one cohort lean against each other).
    means = [mean_auroc(*cohort(effect=0, seed=s), rng(s)) for s in range(3)]
    assert abs(np.mean(means) - 0.5) < 0.2
    assert fit(*cohort(effect=0, seed=1), rng()).C <= 0.1


def test_two_equal_samples_of_each_subject_change_nothing():
    inputs, y, subjects = cohort(n=40)
    once = fit(inputs, y, subjects, rng(), draws=5)
    twice = fit(
        Inputs(inputs.names, np.repeat(inputs.X, 2, axis=0)),
        np.repeat(y, 2),
        np.repeat(subjects, 2),
        rng(),
        draws=5,
    )
    assert once.C == twice.C
    np.testing.assert_allclose(once.coefficient, twice.coefficient, atol=1e-6)
    np.testing.assert_allclose(once.draws, twice.draws, atol=1e-6)


def test_samples_of_one_subject_never_stand_on_both_sides_of_a_fold():
    # Each subject has a feature of its own that tells its label: useless for strangers, perfect for a
    # second sample of the same subject. Leaking folds would score near 1.
    y = np.repeat(np.tile([1, 0], 15), 2)
    subjects = np.repeat([f"P{i:02d}" for i in range(30)], 2)
    X = np.repeat(np.eye(30), 2, axis=0) + 0.01 * rng(1).normal(size=(60, 30))
    assert mean_auroc(Inputs(tuple(f"f{i}" for i in range(30)), X), y, subjects, rng()) < 0.8


def test_columns_without_values_or_variation_are_dropped():
    inputs, y, subjects = cohort()
    X = np.column_stack([np.full(60, np.nan), inputs.X[:, 0], np.full(60, 7.0)])
    linear = fit(Inputs(("empty", "signal", "constant"), X), y, subjects, rng())
    assert linear.names == ("signal",)
    assert fit(Inputs(("empty",), X[:, :1]), y, subjects, rng()) is None
    assert fit(Inputs((), X[:, :0]), y, subjects, rng()) is None


def test_too_few_subjects_are_an_error_that_counts_them():
    inputs, y, subjects = cohort(n=12)
    few = np.flatnonzero((y == 0) | (np.cumsum(y) <= 2))
    with pytest.raises(InputError, match=r"2 cases and 6 controls.*at least 3"):
        fit(Inputs(inputs.names, inputs.X[few]), y[few], subjects[few], rng())


def test_one_standard_error_by_hand():
    # One fold is much harder than the other, so that losses have a standard error of .2; but the first
    # strength is worse by .10 in both, a standard error of 0. The second is worse by .04 and better by .01:
    # .015 on average, within the .025 = (.05 / sqrt 2) / sqrt 2 of that difference.
    grid = np.array([1.0, 2, 3, 4])
    losses = np.array([[0.60, 0.54, 0.50, 0.9], [0.20, 0.09, 0.10, 0.9]])
    assert one_standard_error(grid, losses) == 2
    # Worse by .04 and .01: .025 on average, beyond .015. And a strength that a fold did not try is never
    # chosen.
    losses[1, 1] = 0.11
    assert one_standard_error(grid, losses) == 3
    losses[0, 0] = np.inf
    assert one_standard_error(grid, losses) == 3


def test_choice_of_penalty_follows_the_strength_of_the_signal():
    weak, strong = cohort(effect=0, n=100), cohort(effect=5, n=100)
    penalties = [choose_penalty(i.X, y, s, rng()) for i, y, s in (weak, strong)]
    assert penalties[0] < penalties[1]
    assert set(penalties) <= set(GRID)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(-1e6, 1e6), min_size=8, max_size=8))
def test_a_missing_value_scores_as_the_training_median(values):
    inputs = _SMALL[0]
    x = np.array([values])
    for i in range(8):
        hole, filled = x.copy(), x.copy()
        hole[0, i], filled[0, i] = np.nan, np.median(inputs.X[:, i])
        assert _FITTED.logits(hole)[0] == pytest.approx(_FITTED.logits(filled)[0], rel=1e-9)


_SMALL = cohort(n=30)
_FITTED = fit(*_SMALL, rng())


def test_a_file_that_is_no_proxy_is_named(tmp_path):
    path = tmp_path / "proxy.json"
    for record, words in (
        ({"format": Proxy.FORMAT, "regression": None}, "has no usable 'obstacle'"),
        ({"group": "x"}, "is of no format"),
    ):
        path.write_text(json.dumps(record))
        with pytest.raises(InputError, match=rf"proxy\.json {words}"):
            load_record(Proxy, path)


@pytest.mark.realdata
def test_published_lung_cohort_by_its_fragment_lengths(realdata):
    # 100 people, 936 arm-by-length bins: L2 logistic regression is known to reach .929 [.854 to .988] on the
    # validation part, age and sex about .5 (README of the data).
    import pandas as pd

    data = pd.read_csv(realdata / "cohorts" / "early_lung_fsd.csv")
    y, train = data["label"].to_numpy(), (data["cohort"] == "train").to_numpy()
    bins = tuple(name for name in data.columns if name.startswith("fsd_"))
    people = np.column_stack([data["cov_age"], data["cov_sex"] == "M"]).astype(float)
    subjects = data["sample"].to_numpy(dtype=str)

    def validated(inputs):
        linear = fit(Inputs(inputs.names, inputs.X[train]), y[train], subjects[train], rng())
        return auroc(y[~train], linear.logits(inputs.X[~train]))

    lengths = Inputs(bins, data[list(bins)].to_numpy(dtype=float))
    assert 0.854 <= validated(lengths) <= 0.988
    worth = mean_auroc(Inputs(bins, lengths.X[train]), y[train], subjects[train], rng())
    assert worth == pytest.approx(0.907, abs=0.08)
    assert validated(Inputs(("age", "sex"), people)) == pytest.approx(0.5, abs=0.15)
