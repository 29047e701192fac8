"""Stacked ridge logistic regressions against scikit-learn's."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from cfdna_interp.models.ridge import _solve, ridge_logistic, weighted_log_loss


@settings(max_examples=25)
@given(seed=st.integers(0, 10_000), rows=st.integers(8, 60), dim=st.integers(1, 12))
def test_each_problem_is_scikit_learns(seed: int, rows: int, dim: int) -> None:
    rng = np.random.default_rng(seed)
    x = rng.normal(size=(rows, dim)) * rng.uniform(0.1, 20)
    y = np.arange(rows) % 2
    weights = rng.integers(0, 3, (4, rows)).astype(float)
    weights[:, :2] = 1.0  # both classes are there
    strengths = np.array([1e-3, 1e-2, 1e-1, 1.0])
    fitted = ridge_logistic(
        torch.from_numpy(x),
        torch.from_numpy(y.astype(float)),
        torch.from_numpy(weights),
        torch.from_numpy(np.repeat(1 / strengths[:, None], dim, axis=1)),
    ).numpy()
    for row, weight, strength in zip(fitted, weights, strengths, strict=True):
        peer = LogisticRegression(C=strength, tol=1e-12, max_iter=10_000, solver="newton-cholesky")
        peer.fit(x, y, sample_weight=weight)
        # The objective is flat about its minimum, so that coefficients agree less closely than its value.
        ours = objective(row[:-1], row[-1], x, y, weight, strength)
        theirs = objective(peer.coef_[0], peer.intercept_[0], x, y, weight, strength)
        assert ours <= theirs + 1e-7 * (1 + theirs)
        np.testing.assert_allclose(row[:-1], peer.coef_[0], rtol=1e-2, atol=1e-3)
        assert row[-1] == pytest.approx(peer.intercept_[0], rel=1e-2, abs=1e-2)


def objective(
    coefficients: np.ndarray,
    intercept: float,
    x: np.ndarray,
    y: np.ndarray,
    weight: np.ndarray,
    strength: float,
) -> float:
    logits = x @ coefficients + intercept
    losses = weight * (np.logaddexp(0, logits) - y * logits)
    return float(losses.sum() + coefficients @ coefficients / (2 * strength))


def test_a_probability_as_target_is_two_rows_that_share_its_weight() -> None:
    x = torch.linspace(-2, 2, 9, dtype=torch.float64)[:, None]
    chance = torch.sigmoid(1.5 * x[:, 0] - 0.5)
    ridge = torch.full((1, 1), 0.3, dtype=torch.float64)
    soft = ridge_logistic(x, chance, torch.ones(1, 9).double(), ridge)
    split = ridge_logistic(
        torch.cat([x, x]),
        torch.cat([torch.ones(9), torch.zeros(9)]).double(),
        torch.cat([chance, 1 - chance])[None],
        ridge,
    )
    assert torch.allclose(soft, split, atol=1e-8)


def test_without_features_the_intercept_is_the_log_odds() -> None:
    y = torch.tensor([1.0, 1, 1, 0], dtype=torch.float64)  # odds 3
    fitted = ridge_logistic(
        torch.zeros(4, 1).double(), y, torch.ones(1, 4).double(), torch.ones(1, 1).double()
    )
    assert fitted[0].tolist() == pytest.approx([0.0, np.log(3)], abs=1e-5)
    assert float(weighted_log_loss(torch.zeros(4).double(), y, torch.ones(4).double())) == pytest.approx(
        4 * np.log(2)
    )


def test_one_class_alone_stays_finite() -> None:
    x = torch.randn(6, 2, generator=torch.Generator().manual_seed(0)).double()
    fitted = ridge_logistic(x, torch.ones(6).double(), torch.ones(1, 6).double(), torch.ones(1, 2).double())
    assert torch.isfinite(fitted).all() and float(fitted[0, -1]) > 5


def test_stacked_problems_are_those_solved_alone_on_the_rows_that_count() -> None:
    # Strong penalties are solved after fewer steps than weak ones; half of the rows count in no problem.
    generator = torch.Generator().manual_seed(1)
    x = torch.randn(40, 5, generator=generator, dtype=torch.float64)
    y = (torch.arange(40) % 3 == 0).double()
    weights = torch.rand(4, 40, generator=generator, dtype=torch.float64)
    weights[:, 1::2] = 0
    ridge = torch.tensor([1e4, 1.0, 1e-2, 1e2], dtype=torch.float64)[:, None].expand(4, 5)
    together = ridge_logistic(x, y, weights, ridge)
    for row in range(4):
        alone = ridge_logistic(x[::2], y[::2], weights[row : row + 1, ::2], ridge[row : row + 1])[0]
        assert torch.allclose(together[row], alone, rtol=1e-9, atol=1e-10)


def test_a_matrix_that_rounding_left_indefinite_is_solved_by_elimination() -> None:
    matrices = torch.tensor([[[4.0, 2.0], [2.0, 3.0]], [[1.0, 2.0], [2.0, 1.0]]], dtype=torch.float64)
    right = torch.tensor([[8.0, 7.0], [3.0, 3.0]], dtype=torch.float64)
    # The second matrix has the eigenvalue -1.
    expected = torch.tensor([[1.25, 1.5], [1.0, 1.0]], dtype=torch.float64)
    assert torch.allclose(_solve(matrices, right), expected)
    assert torch.allclose(_solve(matrices[:1], right[:1]), expected[:1])
