"""Matching of dictionaries: permuted copies match whole, random ones hardly, spans as spans."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from planted_codes import mean_max_cosine
from scipy.linalg import subspace_angles

from cfdna_interp.representation.dictionary_matching import match, matched_share, similarity
from cfdna_interp.representation.sparse_autoencoder import SparseAutoencoder, orthonormal


def dictionary(decoder: torch.Tensor, block: int = 1) -> SparseAutoencoder:
    model = SparseAutoencoder(decoder.shape[1], len(decoder), 1, block)
    model.decoder = decoder
    return model


def test_permuted_and_reversed_directions_are_the_same_dictionary() -> None:
    a = SparseAutoencoder(20, 30, 2, seed=1)
    order = torch.randperm(30, generator=torch.Generator().manual_seed(1))
    b = dictionary(a.decoder[order] * torch.tensor([1.0, -1.0]).repeat(15)[:, None])
    found = match(a, b)
    np.testing.assert_array_equal(order.numpy()[found.partner], found.own)
    np.testing.assert_allclose(found.cosine, 1, atol=1e-6)
    assert matched_share(a, b) == 1.0


def test_pairing_is_the_best_of_all_by_hand() -> None:
    # a: the axes. b: 10° and 80° off the first axis lies b0 = (cos 10°, sin 10°), b1 = (cos 20°, sin 20°).
    # a0-b0, a1-b1: cos 10° + sin 20° = 1.327; a0-b1, a1-b0: cos 20° + sin 10° = 1.113. Each one's own best
    # partner would be the first axis for both.
    angle = torch.deg2rad(torch.tensor([10.0, 20.0]))
    b = dictionary(torch.stack([angle.cos(), angle.sin()], dim=1))
    found = match(dictionary(torch.eye(2)), b)
    assert found.partner.tolist() == [0, 1]
    np.testing.assert_allclose(found.cosine, [np.cos(np.pi / 18), np.sin(np.pi / 9)], atol=1e-6)
    assert found.share == 0.5
    assert found.mean == pytest.approx(1.32683 / 2, abs=1e-5)


def test_independent_dictionaries_do_not_match() -> None:
    # Random directions in 200 dimensions: cosines of sd 1 / sqrt(200) = .07; none of 64² comes near .9.
    assert matched_share(SparseAutoencoder(200, 64, 2, seed=1), SparseAutoencoder(200, 64, 2, seed=2)) == 0.0


def test_spans_match_whatever_directions_they_are_written_in() -> None:
    a = SparseAutoencoder(12, 12, 1, 3, seed=1)
    turned = torch.linalg.qr(torch.randn(4, 3, 3, generator=torch.Generator().manual_seed(2)))[0]
    b = dictionary((turned @ a.decoder.unflatten(0, (4, 3))).flip(0).flatten(0, 1), block=3)
    found = match(a, b)
    assert found.partner.tolist() == [3, 2, 1, 0]
    np.testing.assert_allclose(found.cosine, 1, atol=1e-6)


def test_similarity_of_spans_is_that_of_principal_angles() -> None:
    blocks = orthonormal(torch.randn(2, 3, 8, generator=torch.Generator().manual_seed(3)))
    angles = subspace_angles(blocks[0].numpy().T.astype(float), blocks[1].numpy().T.astype(float))
    expected = np.sqrt(np.mean(np.cos(angles) ** 2))
    assert similarity(blocks[:1], blocks[1:])[0, 0] == pytest.approx(expected, abs=1e-6)


def test_only_the_blocks_asked_for_are_paired() -> None:
    a = SparseAutoencoder(9, 6, 1, seed=1)
    found = match(a, a, of_a=np.array([1, 4]), of_b=np.array([0, 2, 4, 5]))
    assert found.own.tolist() == [1, 4]
    assert found.partner[1] == 4
    assert found.cosine[1] == pytest.approx(1, abs=1e-6)


def test_mean_of_best_cosines_by_hand() -> None:
    # Of the first axis the best is cos 10°, of the second sin 20°.
    angle = torch.deg2rad(torch.tensor([10.0, 20.0]))
    model = dictionary(torch.stack([angle.cos(), angle.sin()], dim=1))
    assert mean_max_cosine(torch.eye(2), model) == pytest.approx(1.32683 / 2, abs=1e-5)
