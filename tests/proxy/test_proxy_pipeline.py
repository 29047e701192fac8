"""Pipeline inside and numbers outside are one model, for every penalty, basis and hole in the data."""

import made_proxy
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from scipy.special import expit

from cfdna_interp.artifacts.matrix import Inputs
from cfdna_interp.config.settings import ProxySettings
from cfdna_interp.errors import InputError
from cfdna_interp.proxy.fit import cross_validate, fit
from cfdna_interp.proxy.linear import Linear, linear_of
from cfdna_interp.proxy.penalty import GRID, choose
from cfdna_interp.proxy.pipeline import fold_back, pipeline
from cfdna_interp.records.base import load_record, save_record
from cfdna_interp.records.proxy import Proxy
from cfdna_interp.stats.roc import auroc

BINS = tuple(f"length_bin_{low}_{low + 5}" for low in range(100, 180, 5))
NAMES = (*BINS, "length_mode", "length_ratio")


def shares(n, seed, effect=0.0, zeros=0.05):
    """Shares of 16 bins that sum to 1, a quarter more common in cases, and two features beside them."""
    rng = np.random.default_rng(seed)
    y = np.tile([1, 0], n // 2)
    logs = 0.4 * rng.normal(size=(n, 16)) - 0.1 * np.abs(np.arange(16) - 8)
    logs[:, :4] += effect * y[:, None]
    parts = np.exp(logs)
    parts[rng.random(parts.shape) < zeros] = 0
    beside = [160, 2] + [5, 0.3] * rng.normal(size=(n, 2))
    X = np.column_stack([parts / parts.sum(axis=1, keepdims=True), beside])
    return X, y, np.array([f"P{i:03d}" for i in range(n)])


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    penalty=st.sampled_from(["l2", "l1", "elasticnet"]),
    basis=st.sampled_from(["none", "splines", "ilr"]),
    components=st.sampled_from([None, 1, 5, 40]),
    centred=st.booleans(),
    C=st.sampled_from([0.01, 0.3, 10.0]),
    missing=st.sampled_from([0.0, 0.1]),
    seed=st.integers(0, 2**16),
)
def test_the_json_gives_the_pipelines_probabilities(
    tmp_path, penalty, basis, components, centred, C, missing, seed
):
    recipe = ProxySettings(penalty, basis, 6, components, centred)
    X, y, _ = shares(30, seed, effect=0.5)
    new = shares(12, seed + 1)[0]
    rng = np.random.default_rng(seed)
    for table in (X, new):
        table[rng.random(table.shape) < missing] = np.nan
    model = pipeline(C, recipe, NAMES).fit(X, y)
    numbers = fold_back(model, X)
    regression = model["regression"]
    linear = Linear(
        names=NAMES,
        impute=numbers.impute,
        mean=numbers.mean,
        scale=numbers.scale,
        coefficient=numbers.coefficients(regression.coef_[0]),
        intercept=float(numbers.intercepts(regression.coef_[0], regression.intercept_[0])),
        C=C,
        draws=np.zeros((2, 19)),
        compositions=numbers.compositions,
        recipe=recipe,
    )
    save_record(made_proxy.proxy(linear), tmp_path / "proxy.json")
    frozen = linear_of(load_record(Proxy, tmp_path / "proxy.json").regression)
    for table in (X, new):
        expected = model.predict_proba(table)[:, 1]
        np.testing.assert_allclose(expit(frozen.logits(table)), expected, rtol=0, atol=1e-12)
    assert frozen.recipe == recipe


@pytest.mark.parametrize("basis", ["none", "splines", "ilr"])
def test_a_fit_and_its_bootstrap_pass_through_the_same_numbers(basis):
    # A draw in which every subject came once is the fit itself: the mean of draws lies around the fit.
    X, y, subjects = shares(80, 3, effect=0.6)
    recipe = ProxySettings(basis=basis, spline_functions=6)
    linear = fit(Inputs(NAMES, X), y, subjects, np.random.default_rng(1), draws=60, settings=recipe)
    model = pipeline(linear.C, linear.recipe, NAMES).fit(X, y)
    np.testing.assert_allclose(linear.logits(X), model.decision_function(X), atol=1e-9)
    spread = linear.draws[:, 1:].std(axis=0)
    assert (np.abs(linear.draws[:, 1:].mean(axis=0) - linear.coefficient) < 3 * spread + 1e-9).all()
    assert auroc(y, linear.logits(X)) > 0.8


def test_log_ratios_do_not_see_what_all_parts_are_multiplied_by():
    # Only ratios among the parts count: a sample whose parts are all doubled gets the same logit.
    X, y, subjects = shares(60, 5, effect=0.6, zeros=0)
    recipe = ProxySettings(basis="ilr")
    linear = fit(Inputs(BINS, X[:, :16]), y, subjects, np.random.default_rng(1), settings=recipe)
    np.testing.assert_allclose(linear.logits(2 * X[:, :16]), linear.logits(X[:, :16]), atol=1e-12)
    # A log-contrast: coefficients of the logarithms themselves sum to 0.
    assert (linear.coefficient / linear.scale).sum() == pytest.approx(0, abs=1e-9)


def test_log_ratios_are_refused_where_parts_make_no_whole():
    X, y, subjects = shares(30, 2)
    recipe = ProxySettings(basis="ilr")

    def refused(table, words):
        with pytest.raises(InputError, match=words):
            fit(Inputs(NAMES, table), y, subjects, np.random.default_rng(1), settings=recipe)

    uneven, negative = X.copy(), X.copy()
    uneven[3, 0] += 0.01
    negative[3, 0] -= 1
    refused(
        uneven, r"length_bin_100_105 to length_bin_175_180 add up to 1 in one sample and 1\.01 in another"
    )
    refused(negative, "values below 0; set proxy.basis to none")


def test_splines_without_a_histogram_are_refused():
    inputs = Inputs(("a", "b"), np.random.default_rng(1).normal(size=(20, 2)))
    with pytest.raises(InputError, match=r"more than 12 bins.*set proxy\.basis to none"):
        fit(
            inputs,
            np.tile([1, 0], 10),
            np.arange(20),
            np.random.default_rng(1),
            settings=ProxySettings("l2", "splines"),
        )


def test_uncentred_components_keep_the_direction_of_the_mean():
    # All samples lie far from zero along one direction and differ along another: the first principal
    # component of centred inputs is the difference, of inputs as they are the mean.
    rng = np.random.default_rng(1)
    y = np.tile([1, 0], 40)
    X = np.column_stack([100 + rng.normal(size=80), 100 + rng.normal(size=80)])
    X += np.outer(3 * (y - 0.5), [1, -1])
    found = {}
    for centred in (True, False):
        model = pipeline(1.0, ProxySettings(components=1, centred=centred), ("a", "b")).fit(X, y)
        found[centred] = np.abs(model["components"].components_[0])
        assert (auroc(y, model.decision_function(X)) > 0.9) == centred
    np.testing.assert_allclose(found[False], [0.5**0.5] * 2, atol=0.02)


def test_all_components_with_a_ridge_are_the_ridge_itself():
    # With one component left out of 18 columns that span 17 dimensions nothing is lost: shares sum to 1.
    X, y, _ = shares(60, 7, effect=0.5, zeros=0)
    X = X[:, :16]
    plain = pipeline(0.1, ProxySettings(), BINS).fit(X, y)
    turned = pipeline(0.1, ProxySettings(components=16), BINS).fit(X, y)
    np.testing.assert_allclose(turned.decision_function(X), plain.decision_function(X), atol=1e-3)


def test_auto_prefers_l2_unless_another_is_clearly_better():
    rng = np.random.default_rng(4)
    n = 100
    y = np.tile([1, 0], n // 2)
    subjects = np.arange(n).astype(str)
    names = tuple(f"f{i}" for i in range(30))
    auto = ProxySettings(penalty="auto")
    spread = rng.normal(size=(n, 30)) + 0.3 * y[:, None]
    assert choose(spread, names, y, subjects, np.random.default_rng(1), auto).penalty == "l2"
    # Two columns carry everything, the others nothing.
    sparse = rng.normal(size=(n, 30))
    sparse[:, :2] += 2.5 * y[:, None]
    choice = choose(sparse, names, y, subjects, np.random.default_rng(1), auto)
    assert choice.penalty in ("elasticnet", "l1")
    assert choice.C in GRID


def test_logits_along_given_folds_never_saw_the_subject():
    # Each subject has a feature of its own that tells its label, in both its samples.
    y = np.repeat(np.tile([1, 0], 15), 2)
    subjects = np.repeat([f"P{i:02d}" for i in range(30)], 2)
    X = np.repeat(np.eye(30), 2, axis=0) + 0.01 * np.random.default_rng(1).normal(size=(60, 30))
    folds = np.repeat(np.arange(30) // 2 % 5, 2)
    inputs = Inputs(tuple(f"f{i}" for i in range(30)), X)
    found = cross_validate(inputs, y, subjects, np.random.default_rng(1), folds=folds)
    logits = found.logits
    np.testing.assert_array_equal(found.fold, np.arange(30) // 2 % 5)
    assert logits.shape == (30,)
    assert auroc(np.tile([1, 0], 15), logits) < 0.8
