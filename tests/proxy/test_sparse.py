"""L1 and elastic net: the conditions of the optimum, an independent solver, and what is set to zero."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from cfdna_interp.proxy.sparse import FEWEST, SparseLogistic


def planted(n, p, seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, p)) + 1.5 * rng.normal(size=(n, 1))
    y = (X[:, 0] - X[:, 1] + rng.logistic(size=n) > 0).astype(int)
    y[:2] = [0, 1]
    return X, y, rng.choice([0.5, 1.0, 2.0], n)


@settings(max_examples=30, deadline=None)
@given(
    st.sampled_from([(60, 8), (25, 90), (80, 400)]),
    st.sampled_from([0.05, 1.0, 10.0]),
    st.floats(0.2, 1),
    st.integers(0, 999),
)
def test_the_fit_meets_the_conditions_of_an_optimum(shape, C, ratio, seed):
    # Subgradient of C·loss + ratio·|b| + (1 - ratio)/2·b²: of the loss it is ratio·sign(b) where b is not 0,
    # and at most ratio elsewhere; of the intercept it is 0.
    X, y, w = planted(*shape, seed)
    model = SparseLogistic(C=C, l1_ratio=ratio, tol=1e-6).fit(X, y, sample_weight=w)
    beta = model.coef_[0]
    residual = w * (y - model.predict_proba(X)[:, 1])
    slope = C * X.T @ residual - (1 - ratio) * beta
    active = beta != 0
    np.testing.assert_allclose(slope[active], ratio * np.sign(beta[active]), atol=2e-3)
    assert (np.abs(slope[~active]) <= ratio + 2e-3).all()
    assert residual.sum() == pytest.approx(0, abs=1e-3)


def test_the_fit_is_that_of_scikit_learn_where_its_solver_converges():
    X, y, w = planted(200, 6, 1)
    ours = SparseLogistic(C=0.2, l1_ratio=0.5, tol=1e-8).fit(X, y, sample_weight=w)
    theirs = LogisticRegression(
        C=0.2, l1_ratio=0.5, solver="saga", tol=1e-10, max_iter=20_000, random_state=0
    )
    theirs.fit(X, y, sample_weight=w)
    np.testing.assert_allclose(ours.coef_, theirs.coef_, atol=1e-5)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, atol=1e-5)


def test_a_warm_start_ends_where_a_cold_one_does():
    X, y, w = planted(60, 20, 3)
    warm = SparseLogistic(C=0.1, l1_ratio=1.0, tol=1e-7, warm_start=True).fit(X, y, sample_weight=w)
    warm.set_params(C=1.0).fit(X, y, sample_weight=w)
    cold = SparseLogistic(C=1.0, l1_ratio=1.0, tol=1e-7).fit(X, y, sample_weight=w)
    np.testing.assert_allclose(warm.coef_, cold.coef_, atol=1e-5)


def test_more_inputs_want_in_than_are_let_in_at_once():
    # Every one of 400 inputs is steep enough at the start, and the fit still ends at the optimum.
    X, y, w = planted(80, 400, 5)
    beyond = np.abs(30 * X.T @ (w * (y - w @ y / w.sum()))) > 1
    assert beyond.sum() > 3 * FEWEST
    model = SparseLogistic(C=30.0, l1_ratio=1.0, tol=1e-6).fit(X, y, sample_weight=w)
    slope = 30 * X.T @ (w * (y - model.predict_proba(X)[:, 1]))
    assert (np.abs(slope) <= 1 + 2e-3).all()


def test_a_weight_of_zero_leaves_a_sample_out():
    X, y, _ = planted(60, 8, 4)
    w = np.repeat([1.0, 0.0], 30)
    some = SparseLogistic(C=1.0, l1_ratio=0.5, tol=1e-8).fit(X, y, sample_weight=w)
    first = SparseLogistic(C=1.0, l1_ratio=0.5, tol=1e-8).fit(X[:30], y[:30])
    np.testing.assert_allclose(some.coef_, first.coef_, atol=1e-5)


def test_a_strong_penalty_leaves_the_intercept_alone():
    # The weighted share of cases, as a logit.
    X, y, w = planted(40, 5, 2)
    model = SparseLogistic(C=1e-4, l1_ratio=1.0).fit(X, y, sample_weight=w)
    share = w @ y / w.sum()
    assert (model.coef_ == 0).all()
    assert model.intercept_[0] == pytest.approx(np.log(share / (1 - share)), abs=1e-6)
