"""Stacks of ridge and logistic regressions beside scikit-learn, and penalties beside explicit refits."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LinearRegression, LogisticRegression, Ridge
from sklearn.model_selection import LeaveOneOut, cross_val_predict

from cfdna_interp.attribution.tabular.regression import PENALTIES, Regressions


def problems(rows: int, inputs: int, count: int, seed: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Return inputs with correlations and an offset, targets 0 and 1, and bootstrap weights."""
    rng = np.random.default_rng(seed)
    Z = rng.normal(size=(rows, inputs)) @ rng.normal(size=(inputs, inputs)) / inputs**0.5 + 1
    first = (Z[:, 0] - 1 + rng.normal(size=rows) > 0).astype(float)
    first[:2] = 0, 1
    targets = np.stack([rng.permutation(first) if i else first for i in range(count)], axis=1)
    # Each row once at least, so that both classes are there whatever is drawn.
    weights = 1 + rng.multinomial(rows, [1 / rows] * rows, size=count).T.astype(float)
    return Z, targets, weights


@settings(max_examples=25, deadline=None)
@given(
    rows=st.integers(12, 60),
    inputs=st.integers(1, 80),
    penalty=st.sampled_from(PENALTIES),
    seed=st.integers(0, 2**16),
)
def test_a_stack_of_logistic_regressions_is_scikit_learns_one_by_one(
    rows: int, inputs: int, penalty: float, seed: int
) -> None:
    Z, targets, weights = problems(rows, inputs, 3, seed)
    penalties = np.array([penalty, 1.0, 100.0])
    solved = Regressions(Z, logistic=True).solve(targets, weights, penalties)
    for i, ridge in enumerate(penalties):
        single = LogisticRegression(C=1 / ridge, solver="newton-cholesky", tol=1e-12, max_iter=500)
        single.fit(Z, targets[:, i], sample_weight=weights[:, i])
        said = Z @ solved.coefficient[:, i] + solved.intercept[i]
        np.testing.assert_allclose(said, single.decision_function(Z), atol=2e-5)


@pytest.mark.parametrize("inputs", [5, 90])
def test_without_the_logistic_loss_they_are_ridge_regressions(inputs: int) -> None:
    Z, targets, weights = problems(50, inputs, 2, 3)
    solved = Regressions(Z, logistic=False).solve(targets, weights, np.array([10.0, 1000.0]))
    for i, ridge in enumerate((10.0, 1000.0)):
        single = Ridge(alpha=ridge).fit(Z, targets[:, i], sample_weight=weights[:, i])
        np.testing.assert_allclose(solved.coefficient[:, i], single.coef_, atol=1e-5)
        assert solved.intercept[i] == pytest.approx(single.intercept_, abs=1e-5)


def test_without_inputs_there_is_the_mean() -> None:
    targets, weights = np.array([[0.0], [1.0], [1.0], [1.0]]), np.ones((4, 1))
    solved = Regressions(np.empty((4, 0)), logistic=True).solve(targets, weights, np.ones(1))
    assert solved.intercept[0] == pytest.approx(np.log(3))  # three of four: odds of 3


@pytest.mark.parametrize("inputs", [4, 60])
def test_the_penalty_is_that_of_explicit_leave_one_out_refits(inputs: int) -> None:
    Z, targets, _ = problems(24, inputs, 2, 8)
    chosen = Regressions(Z, logistic=False).left_out(targets).penalty
    for i in range(2):
        squares = np.array(
            [
                (cross_val_predict(Ridge(alpha=ridge), Z, targets[:, i], cv=LeaveOneOut()) - targets[:, i])
                ** 2
                for ridge in PENALTIES
            ]
        )
        # The row that is left out also leaves the mean of the inputs, as in the closed form.
        mean = squares.mean(axis=1)
        best = mean.argmin()
        limit = mean[best] + squares[best].std(ddof=1) / 24**0.5
        assert chosen[i] == PENALTIES[np.flatnonzero(mean <= limit)[0]]


def test_noise_gets_the_largest_penalty_and_a_signal_a_smaller_one() -> None:
    rng = np.random.default_rng(4)
    Z = rng.normal(size=(200, 10))
    signal = (2 * Z[:, 0] + rng.normal(size=200) > 0).astype(float)
    noise = [rng.permutation(signal) for _ in range(99)]
    chosen = Regressions(Z, logistic=True).left_out(np.stack([signal, *noise], axis=1)).penalty
    assert np.median(chosen[1:]) == PENALTIES[0]
    assert chosen[0] < PENALTIES[1]


def test_errors_are_compared_after_the_best_stretch_of_the_predictions() -> None:
    # Leave-one-out predictions of explicit refits; the factor by scikit-learn's regression without intercept,
    # of what is said beyond the mean of the other rows.
    Z, targets, _ = problems(24, 4, 2, 8)
    found = Regressions(Z, logistic=False).left_out(targets)
    for i in range(2):
        said = cross_val_predict(Ridge(alpha=found.penalty[i]), Z, targets[:, i], cv=LeaveOneOut())
        others = (targets[:, i].sum() - targets[:, i]) / 23
        line = LinearRegression(fit_intercept=False, positive=True)
        line.fit((said - others)[:, None], targets[:, i] - others)
        left = targets[:, i] - others - line.predict((said - others)[:, None])
        np.testing.assert_allclose(found.squares[:, i], left**2, atol=1e-9)


def test_predictions_that_point_the_wrong_way_count_as_none() -> None:
    # One input that says nothing: its leave-one-out predictions run against the target. Not told at all, the
    # squared error is that of the mean of the other rows.
    targets = np.array([[0.0], [1.0], [0.0], [1.0]])
    found = Regressions(np.array([[1.0], [1.0], [-1.0], [-1.0]]), logistic=False).left_out(targets)
    np.testing.assert_allclose(found.squares[:, 0], (0.5 * 4 / 3) ** 2)
