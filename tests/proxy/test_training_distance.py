"""How far a sample lies from training: against the closed form, on the same law, and where it differs."""

import msgspec
import numpy as np
import pytest

from cfdna_interp.proxy.training import Distance, distance_of, training_distance
from cfdna_interp.records.proxy import TrainingDistance


def fitted(X, seed=1):
    return training_distance(X, [f"P{i}" for i in range(len(X))], np.random.default_rng(seed))


def draw(n, p, rng):
    """Correlated features: three latents and noise of variance 1/4, in units of their own."""
    loadings = np.random.default_rng(0).normal(size=(3, p))
    return (rng.normal(size=(n, 3)) @ loadings + 0.5 * rng.normal(size=(n, p))) * 10 + 100


def test_distance_is_mahalanobis_under_the_covariance_that_it_stands_for():
    rng = np.random.default_rng(2)
    axes = np.linalg.qr(rng.normal(size=(6, 6)))[0][:2]
    found = Distance(rng.normal(size=6), np.full(6, 2.0), axes, np.array([3.0, 2.0]), 0.5)
    covariance = axes.T @ np.diag([3.0, 2.0]) @ axes + 0.5 * (np.eye(6) - axes.T @ axes)
    x = rng.normal(size=(4, 6))
    z = (x - found.mean) / 2
    expected = np.sqrt(np.einsum("ij,jk,ik->i", z, np.linalg.inv(covariance), z))
    np.testing.assert_allclose(found.distances(x), expected)
    # What is missing is taken to be at its mean.
    x[0, 3] = np.nan
    at_mean = np.where(np.isnan(x), found.mean, x)
    np.testing.assert_allclose(found.distances(x), found.distances(at_mean))


@pytest.mark.parametrize(("n", "p"), [(200, 12), (60, 300), (600, 700)])
def test_new_samples_of_the_same_law_rarely_lie_beyond_the_limit(n, p):
    # One in a hundred is meant; the limit itself is the largest but one or two of n, hence known to a factor
    # of about three. The last size takes the randomised solver.
    rng = np.random.default_rng(3)
    found = fitted(draw(n, p, rng))
    beyond = (found.distances(draw(1_000, p, rng)) > found.limit).mean()
    assert beyond < 0.05


@pytest.mark.parametrize(("n", "p"), [(200, 12), (60, 300)])
def test_samples_of_another_law_lie_beyond_it(n, p):
    rng = np.random.default_rng(4)
    found = fitted(draw(n, p, rng))
    new = draw(100, p, rng)
    # Every value in its range, but features that go together don't any more.
    shuffled = rng.permuted(new, axis=0)
    assert (found.distances(shuffled) > found.limit).mean() > 0.5
    assert (found.distances(new * 2) > found.limit).all()


def test_a_composition_that_does_not_add_up_is_far_away():
    rng = np.random.default_rng(5)
    parts = rng.dirichlet(np.full(4, 50), size=100)  # four shares: one direction has no variance
    found = fitted(parts)
    assert found.distances(parts[:1] * 1.05)[0] > found.limit


def test_what_is_too_far_for_a_number_is_infinitely_far():
    found = fitted(draw(40, 6, np.random.default_rng(7)))
    # z**2 overflows, and both parts of the distance with it.
    assert np.isposinf(found.distances(np.full((1, 6), 1e200))).all()


def test_it_comes_back_from_json_and_is_the_same_each_time():
    X = draw(40, 20, np.random.default_rng(6))
    X[0, 0] = np.nan
    found = fitted(X)
    record = found.record()
    again = distance_of(msgspec.json.decode(msgspec.json.encode(record), type=TrainingDistance))
    np.testing.assert_array_equal(again.distances(X), found.distances(X))
    assert again.limit == found.limit == fitted(X).limit
    with pytest.raises(ValueError, match="components and variances differ in length"):
        msgspec.structs.replace(record, variances=(1.0,))
