"""How many features cover a length curve: hand-made dictionaries whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cfdna_interp.representation.curve_coverage import CLASSES, cover, length_classes
from cfdna_interp.representation.feature_attribution import sparse_codes
from cfdna_interp.representation.sparse_autoencoder import SparseAutoencoder

N, DIM = 20_000, 8


def arc(seed: int, noise: float = 0.1) -> tuple[np.ndarray, torch.Tensor]:
    """Lengths evenly over 100-227 bp, embedded on a circle in the first two dimensions, and noise in all."""
    rng = np.random.default_rng(seed)
    length = rng.integers(100, 228, N)
    angle = 2 * np.pi * (length - 100) / 128
    x = noise * rng.standard_normal((N, DIM))
    x[:, 0] += np.cos(angle)
    x[:, 1] += np.sin(angle)
    return length, torch.from_numpy(x.astype(np.float32))


def one_block() -> SparseAutoencoder:
    """Block 0 spans the plane of the circle, the others the other dimensions."""
    own = SparseAutoencoder(DIM, DIM, 1, 2)
    own.decoder = torch.eye(DIM)
    own.encoder = torch.eye(DIM)
    return own


def tiles(count: int) -> SparseAutoencoder:
    """Plain features evenly round the circle; the nearest one speaks."""
    own = SparseAutoencoder(DIM, count, 1)
    angle = 2 * torch.pi * torch.arange(count) / count
    own.decoder = torch.zeros(count, DIM)
    own.decoder[:, 0], own.decoder[:, 1] = angle.cos(), angle.sin()
    own.encoder = own.decoder.clone()
    return own


def test_a_circle_is_one_block() -> None:
    length, x = arc(1)
    own = one_block()
    found = cover(own, x, sparse_codes(own, x), length_classes(length))
    assert found.needed == 1
    assert found.explained == pytest.approx(1, abs=0.01)


def test_a_circle_takes_nearly_all_plain_tiles() -> None:
    # Each of 12 tiles draws a twelfth of the circle: 90 % takes 11 (10 / 12 = .83, 11 / 12 = .92). What a
    # tile draws of arc length 30 degrees explains of it mean cos² = 1/2 + sin(30°) / (2 x .5236) = .977.
    length, x = arc(2, noise=0.01)
    own = tiles(12)
    found = cover(own, x, sparse_codes(own, x), length_classes(length))
    assert found.needed == 11
    assert found.explained == pytest.approx(0.977, abs=0.01)


def test_permuted_lengths_leave_no_curve() -> None:
    # The circle has variance 1 of 1 + 8 x .09 in all; 64 centroids of 312 fragments are off by (1 + .72) /
    # 312 of that, of which 63 / 64 remain around their mean.
    length, x = arc(3, noise=0.3)
    own = one_block()
    dealt = np.random.default_rng(4).permutation(length)
    real = cover(own, x, sparse_codes(own, x), length_classes(length))
    null = cover(own, x, sparse_codes(own, x), length_classes(dealt))
    assert real.variance == pytest.approx(1 / 1.72, abs=0.02)
    assert null.variance == pytest.approx(63 / N, rel=0.3)
    assert (real.needed, null.needed) == (1, 1)  # of noise, too, most lies where embeddings vary


def test_classes_hold_about_as_many_fragments_and_follow_lengths() -> None:
    rng = np.random.default_rng(5)
    length = np.rint(rng.normal(167, 40, 50_000)).astype(int)
    classes = length_classes(length)
    sizes = np.bincount(classes)
    assert len(sizes) <= CLASSES
    assert sizes.min() > 0
    order = np.argsort(length, kind="stable")
    assert (np.diff(classes[order]) >= 0).all()
    # A length is never in two classes.
    assert all(len(np.unique(classes[length == bp])) == 1 for bp in (150, 167, 180))


def test_few_lengths_are_a_class_each() -> None:
    assert length_classes(np.array([150, 160, 150, 170, 160])).tolist() == [0, 1, 0, 2, 1]
