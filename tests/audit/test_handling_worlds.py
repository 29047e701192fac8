"""What verdicts must show in simulated tables; `benchmarks/handling.py` has the same with 2,000 draws."""

from collections import Counter

import numpy as np
import pytest
from handling_worlds import PENALTY, World, ridge_logistic, simulate, verdict
from sklearn.linear_model import LogisticRegression

from cfdna_interp.stats.roc import auroc

DRAWS = 150


def words(world, seed=1, count=DRAWS):
    rng = np.random.default_rng(seed)
    draws = simulate(world, count, rng)
    return Counter(verdict(draws, i, rng).status for i in range(count))


def test_the_proxy_is_a_ridge_logistic_regression():
    rng = np.random.default_rng(1)
    Z = rng.normal(size=(3, 200, 8))
    y = (rng.random((3, 200)) < 1 / (1 + np.exp(-Z[..., 0]))).astype(int)
    for weights, X, labels in zip(ridge_logistic(Z, y), Z, y, strict=True):
        fit = LogisticRegression(C=1 / PENALTY, tol=1e-10, max_iter=1_000).fit(X, labels)
        np.testing.assert_allclose(weights, [*fit.intercept_, *fit.coef_[0]], atol=1e-5)


def test_worlds_are_what_they_say():
    rng = np.random.default_rng(2)
    draws = simulate(World(site=2.0, label=0.0, overlap=(0.35, 0.35)), 200, rng)
    agree = (draws.labels == draws.sites).mean()
    assert agree == pytest.approx(0.825, abs=0.005)
    # At the best direction pairs that differ in site count Φ(2 / √2) = .921 or 1 - .921, the others one half:
    # .5 + (.825² - .175²) * .421 = .774.
    crude = np.mean([auroc(y, s) for y, s in zip(draws.labels, draws.scores, strict=True)])
    assert 0.74 < crude < 0.78


# Of 150 draws, 95 % or more expected: fewer than 134 has probability .002 at exactly 95 %.
def test_planted_handling_is_handling_or_attenuated():
    got = words(World(site=2.0, label=0.0))
    assert got["handling"] + got["attenuated"] >= 134


# At most one in twenty: of 150 more than 16 has probability .001 at exactly 5 %.
@pytest.mark.parametrize(("site", "label"), [(0.0, 1.2), (1.0, 1.2), (1.0, 0.8)])
def test_planted_biology_is_rarely_called_handling(site, label):
    assert words(World(site=site, label=label))["handling"] <= 16


@pytest.mark.parametrize(("site", "label"), [(2.0, 0.0), (0.0, 1.2), (2.0, 1.2)])
def test_a_nested_label_is_never_told(site, label):
    assert words(World(site=site, label=label, overlap=(0.0, 0.0))) == {"can't tell": DRAWS}


def test_without_signal_nothing_is_told():
    # About one in twenty passes by chance: .025 within batches, .025 by the evidence. Of 40 more than 6 have
    # probability .003.
    assert words(World(site=0.0, label=0.0), count=40)["can't tell"] >= 34
