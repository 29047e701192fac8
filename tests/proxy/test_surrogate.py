"""What a surrogate loses held out: closed forms, a group that counts, a group that doesn't, saturation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from cfdna_interp.cohort.table import CLIP
from cfdna_interp.proxy.surrogate import surrogate_losses
from cfdna_interp.records.validation import SurrogateLosses
from cfdna_interp.records.values import Interval

LABELS = np.repeat([0, 1], 50)


def losses(scores: dict[str, np.ndarray]) -> SurrogateLosses:
    found = surrogate_losses(LABELS, scores, seed=1, bootstrap=500)
    assert found is not None
    return found


def world(seed: int) -> dict[str, np.ndarray]:
    """The model reads ``a``; ``b`` tells the label better, and nothing of it is in the model's score."""
    rng = np.random.default_rng(seed)
    a, b = LABELS + rng.normal(size=100), 3 * LABELS + rng.normal(size=100)
    model = a + 0.1 * rng.normal(size=100)
    return {"model": model, "surrogate": a, "model_without_a": b, "model_without_b": a, "proxy": b}


def test_a_model_of_our_own_has_no_surrogate() -> None:
    assert surrogate_losses(LABELS, {"model": np.arange(100.0)}, seed=1, bootstrap=10) is None


def test_losses_are_differences_of_squared_correlations() -> None:
    scores = world(0)
    found = losses(scores)
    whole = np.corrcoef(scores["model"], scores["surrogate"])[0, 1]
    without = np.corrcoef(scores["model"], scores["model_without_a"])[0, 1]
    assert (found.n, found.saturated, found.measure) == (100, 0, "correlation")
    assert found.follows.value == pytest.approx(whole)
    assert found.losses["a"].value == pytest.approx(whole**2 - without**2)
    assert list(found.losses) == ["a", "b"]
    assert found.losses["a"].low < found.losses["a"].value < found.losses["a"].high


@pytest.mark.parametrize("seed", range(3))
def test_what_the_model_reads_is_lost_and_what_tells_the_label_is_not(seed: int) -> None:
    found = losses(world(seed))
    assert found.follows.low > 0.95
    assert found.losses["a"].low > 0.3
    assert found.losses["b"] == Interval(value=0.0, low=0.0, high=0.0)


def test_what_runs_against_the_model_follows_nothing() -> None:
    scores = world(1)
    found = losses(scores | {"model_without_a": -scores["model"]})
    assert found.losses["a"].value == pytest.approx(found.follows.value**2)


def test_saturated_scores_are_ranked() -> None:
    scores = world(2)
    edge = np.log((1 - CLIP) / CLIP)
    scores["model"] = np.where(scores["model"] > np.quantile(scores["model"], 0.9), edge, scores["model"])
    found = losses(scores)
    assert (found.saturated, found.measure) == (10, "rank correlation")
    assert found.follows.value == pytest.approx(spearmanr(scores["model"], scores["surrogate"]).statistic)
