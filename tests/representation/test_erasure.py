"""Concept erasure against the closed form, and against the other maps that erase."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.linear_model import LogisticRegression

from cfdna_interp.representation.erasure import Moments, fit_eraser, gather, noise_edge, random_eraser


def drawn(seed: int, n: int = 400, dim: int = 5, columns: int = 2) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    z = rng.standard_normal((n, columns))
    x = z @ rng.standard_normal((columns, dim)) + rng.standard_normal((n, dim)) @ rng.standard_normal(
        (dim, dim)
    )
    return x + rng.standard_normal(dim) * 10, z


def covariance(x: np.ndarray, z: np.ndarray) -> np.ndarray:
    return (x - x.mean(axis=0)).T @ (z - z.mean(axis=0)) / len(x)


def test_moments_are_the_same_in_one_batch_and_in_many():
    x, z = drawn(0)
    moments = gather((x[rows], z[rows]) for rows in np.split(np.arange(400), [1, 50, 399]))
    assert moments.n == 400
    np.testing.assert_allclose(moments.mean, x.mean(axis=0), rtol=1e-12)
    np.testing.assert_allclose(moments.xx, np.cov(x.T, ddof=0), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(moments.xz, covariance(x, z), rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(moments.zz, np.cov(z.T, ddof=0), rtol=1e-9, atol=1e-12)
    with pytest.raises(ValueError, match="no row"):
        gather([])


def test_projection_worked_out_by_hand():
    # With variances 4 and 1 and covariances 2 and 1 with z: W = diag(1/2, 1), W Cov(x, z) = (1, 1), so
    # U Uᵀ = [[1, 1], [1, 1]] / 2 and W⁺ U Uᵀ W = diag(2, 1) [[1, 1], [1, 1]] / 2 diag(1/2, 1)
    # = [[1/2, 1], [1/4, 1/2]].
    eraser = fit_eraser(
        Moments(10, np.zeros(2), np.diag([4.0, 1.0]), np.array([[2.0], [1.0]]), np.array([[3.0]]))
    )
    np.testing.assert_allclose(eraser.projection, [[0.5, 1.0], [0.25, 0.5]], atol=1e-12)
    assert eraser.rank == 1


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), dim=st.integers(2, 9), columns=st.integers(1, 3))
def test_nothing_linear_is_left(seed, dim, columns):
    x, z = drawn(seed, dim=dim, columns=columns)
    eraser = fit_eraser(gather([(x, z)]))
    erased = eraser(x)
    assert eraser.rank == min(dim, columns)
    assert np.abs(covariance(erased, z)).max() < 1e-8
    np.testing.assert_allclose(eraser(erased), erased, atol=1e-8)  # idempotent
    np.testing.assert_allclose(erased.mean(axis=0), x.mean(axis=0), atol=1e-9)
    # Least squares from what is left explains nothing of z: its fit is the mean.
    design = np.column_stack([np.ones(len(x)), erased])
    fitted = design @ np.linalg.lstsq(design, z, rcond=1e-8)[0]
    np.testing.assert_allclose(fitted, np.tile(z.mean(axis=0), (len(z), 1)), atol=1e-6)


def test_no_logistic_regression_does_better_than_the_share_of_cases():
    # With no covariance, the gradient of the log-loss at weights 0 and the intercept of the share is 0, and
    # the loss is convex: there is the optimum (Theorem 3.1 of the paper).
    x, z = drawn(4, n=2_000)
    y = (z[:, 0] > 0.4).astype(int)
    before = LogisticRegression(C=1e6).fit(x, y)
    erased = fit_eraser(gather([(x, y[:, None].astype(float))]))(x)
    after = LogisticRegression(C=1e6, tol=1e-8).fit(erased, y)
    assert before.score(x, y) > 0.75
    np.testing.assert_allclose(after.predict_proba(erased)[:, 1], y.mean(), atol=1e-4)


def test_no_other_map_that_erases_moves_embeddings_less():
    x, z = drawn(7)
    moments = gather([(x, z)])
    eraser = fit_eraser(moments)

    def moved(projection: np.ndarray) -> float:
        return float((((x - moments.mean) @ projection.T) ** 2).sum(axis=1).mean())

    least = moved(eraser.projection)
    rng = np.random.default_rng(1)
    # Orthogonal projection away from the covariances erases, and so does C (A C)⁻¹ A for any A.
    others = [moments.xz @ np.linalg.pinv(moments.xz)]
    for _ in range(50):
        a = (moments.xz + 0.3 * rng.standard_normal(moments.xz.shape)).T
        others.append(moments.xz @ np.linalg.solve(a @ moments.xz, a))
    for projection in others:
        rest = x - (x - moments.mean) @ projection.T
        assert np.abs(covariance(rest, z)).max() < 1e-8
        assert moved(projection) > least


def test_directions_without_variance_are_left_alone():
    x, z = drawn(3)
    flat = np.column_stack([x, np.full(len(x), 3.0), x[:, 0]])  # a constant, and a copy
    erased = fit_eraser(gather([(flat, z)]))(flat)
    assert np.isfinite(erased).all()
    assert np.abs(covariance(erased, z)).max() < 1e-8


def test_independent_columns_stay_below_the_edge_and_real_ones_do_not():
    ranks = []
    for seed in range(50):
        rng = np.random.default_rng(seed)
        x, noise = rng.standard_normal((2_000, 12)), rng.standard_normal((2_000, 4))
        moments = gather([(x, np.column_stack([noise, x[:, 0] + rng.standard_normal(2_000)]))])
        ranks.append(fit_eraser(moments.of(np.arange(4)), noise_edge(moments.of(np.arange(4)))).rank)
        assert fit_eraser(moments, noise_edge(moments)).rank == 1
    assert sum(ranks) == 0


def test_partial_erasure_spares_what_another_concept_explains():
    # x = (a, b), concepts a and a + b: what a leaves of the second one is b.
    rng = np.random.default_rng(0)
    x = rng.standard_normal((5_000, 2))
    moments = gather([(x, np.column_stack([x[:, 0], x.sum(axis=1)]))])
    partial = fit_eraser(moments.partial(np.array([1]), np.array([0])))
    # Only the part of b that is uncorrelated with a in this draw counts: to 1/√5000.
    np.testing.assert_allclose(partial.projection, [[0, 0], [0, 1]], atol=0.05)
    same = gather([(x, np.column_stack([x[:, 0], 2 * x[:, 0]]))])
    assert fit_eraser(same.partial(np.array([1]), np.array([0])), 1e-6).rank == 0


def test_random_directions_are_spread_as_the_embeddings_are():
    # A projection on r of d whitened directions takes away r/d of the whitened variance, whichever they are,
    # and on average r/d of each direction's own.
    x, z = drawn(2, n=2_000, dim=6)
    moments = gather([(x, z)])
    taken = []
    for draw in range(400):
        eraser = random_eraser(moments, 2, np.random.default_rng(draw))
        removed = (x - moments.mean) @ eraser.projection.T
        taken.append((removed @ np.linalg.pinv(moments.xx) * removed).sum(axis=1).mean())
        if draw == 0:
            np.testing.assert_allclose(eraser(eraser(x)), eraser(x), atol=1e-8)
    np.testing.assert_allclose(taken, 2.0, rtol=1e-6)
