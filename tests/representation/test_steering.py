"""Moving fragments along a planted curve and along the straight line between its ends."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from planted_curves import LENGTHS, bent, circle, curve_material, straight

from cfdna_interp.models.crossfit import CrossFit
from cfdna_interp.models.head import AttentionHead
from cfdna_interp.representation.steering import logits
from cfdna_interp.representation.steering_paths import STEPS, Paths, distances

SUBJECTS = 20


def measured(curve: np.ndarray, noise: float, seed: int):
    """Return distances along a known curve, of fragments with noise in its plane."""
    rng = np.random.default_rng(seed)
    lengths = rng.integers(100, 240, 12_000)
    subjects = rng.integers(0, SUBJECTS, len(lengths))
    points = curve[lengths - 60] + noise * rng.standard_normal((len(lengths), curve.shape[1]))
    resamples = rng.multinomial(SUBJECTS, np.full(SUBJECTS, 1 / SUBJECTS), 100).astype(float)
    paths = Paths.of(LENGTHS, curve, 115, 225)
    return distances(paths, points, lengths, subjects, np.arange(SUBJECTS) % 2 == 0, resamples, rng)


def test_both_paths_begin_and_end_on_the_curve() -> None:
    curve = circle(4.0, 2.0)
    paths = Paths.of(LENGTHS, curve, 100, 400)
    assert paths.steps.tolist() == [100, 150, 200, 250, 300, 350, 400]
    assert paths.along[0] == pytest.approx(curve[paths.steps - 60])
    assert paths.along[:, [0, -1]] == pytest.approx(curve[[[40, 340], [40, 340]]])
    assert paths.along[1, 3] == pytest.approx((curve[40] + curve[340]) / 2)
    assert paths.places(np.array([10, 60, 200, 900])) == pytest.approx(curve[[0, 0, 140, 540]])


@pytest.mark.parametrize("curve", [bent(170, 30, 0.1), circle(8.0, 4.0)])
def test_the_curve_stays_with_the_data_and_the_line_leaves_them(curve: np.ndarray) -> None:
    apart = measured(curve, noise=0.2, seed=1)
    assert apart is not None
    # Moved fragments have the noise of real ones, so that on the curve they are as far from others as these.
    assert apart.steps[0] == pytest.approx(np.ones(STEPS), abs=0.2)
    assert apart.steps[1, [0, -1]] == pytest.approx(apart.steps[0, [0, -1]])
    assert np.quantile(apart.draws, 0.025) > 1.5
    assert apart.ratio == pytest.approx(np.median(apart.draws), rel=0.1)


def test_on_a_straight_curve_both_paths_are_one() -> None:
    line = np.concatenate([straight(0.1), np.zeros((len(LENGTHS), 1))], axis=1)
    apart = measured(line, noise=0.2, seed=2)
    assert apart is not None
    assert apart.ratio == pytest.approx(1.0, abs=0.01)


def test_a_step_without_real_fragments_is_not_measured() -> None:
    paths = Paths.of(LENGTHS, straight(0.1), 100, 400)
    lengths = np.repeat([100, 400], 50)
    points, subjects = straight(0.1)[lengths - 60], np.arange(100) % 2
    known = np.array([True, False])
    assert (
        distances(paths, points, lengths, subjects, known, np.ones((2, 2)), np.random.default_rng(0)) is None
    )


def test_logits_of_linear_heads_move_by_what_the_short_fragments_move() -> None:
    # A head without queries reads the mean of a bag, here along one direction: its logit moves by that
    # direction times the mean shift, which is known by hand from curve, lengths and axes.
    material = curve_material(bent(170, 30, 0.05), subjects=4, fragments=320, seed=3, dim=4)
    head = AttentionHead(4, scale=1.0)
    direction = torch.tensor([1.0, -2.0, 0.5, 0.0])
    with torch.no_grad():
        head.weight[0] = direction
    fitted = CrossFit(np.array([0, 0, 1, 1]), [[head], [head, head]])
    axes = np.linalg.qr(np.random.default_rng(4).standard_normal((4, 2)))[0]
    paths = Paths.of(LENGTHS, bent(170, 30, 0.05), 150, 200)
    result = logits(paths, axes, material, fitted)
    assert result.shape == (2, STEPS, 4)
    part = material.load(2)
    short = part.fragments.length <= 150
    for path, step in ((0, 0), (0, 3), (1, 3), (1, STEPS - 1)):
        moved = part.embeddings.numpy().copy()
        moved[short] += (paths.along[path, step] - paths.places(part.fragments.length[short])) @ axes.T
        assert result[path, step, 2] == pytest.approx(moved.mean(axis=0) @ direction.numpy(), abs=1e-4)
