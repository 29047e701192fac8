"""Training of sparse autoencoders: gradients, planted directions and subspaces, dead features, batches."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest
import torch
from planted_codes import mean_max_cosine, planted_blocks, planted_codes

from cfdna_interp.representation import sparse_training
from cfdna_interp.representation.sparse_autoencoder import SparseAutoencoder
from cfdna_interp.representation.sparse_quality import of_embeddings
from cfdna_interp.representation.sparse_source import shuffled
from cfdna_interp.representation.sparse_training import fit_sparse


@pytest.mark.parametrize("block", [1, 3])
def test_gradient_is_that_of_the_dense_network(block: int) -> None:
    model = SparseAutoencoder(5, 12, 2, block, seed=1)
    generator = torch.Generator().manual_seed(1)
    model.offset = 0.1 * torch.randn(12, generator=generator)
    model.bias = torch.randn(5, generator=generator)
    x = torch.randn(30, 5, generator=generator)
    indices, codes = model.encode(x)
    _, gradient = sparse_training._gradient(model, x, x - model.bias, indices, codes)

    decoder, encoder, offset = (
        t.clone().requires_grad_() for t in (model.decoder, model.encoder, model.offset)
    )
    bias = model.bias.clone().requires_grad_()
    stays = torch.zeros(30, 12).scatter_(1, model.rows(indices), 1.0)
    scores = (x - bias) @ encoder.T + offset
    dense = (scores.clamp(min=0) if block == 1 else scores) * stays
    ((x - bias - dense @ decoder).square().sum(dim=1).mean() / 2).backward()  # type: ignore[no-untyped-call]
    torch.testing.assert_close(gradient.decoder, decoder.grad, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(gradient.encoder, encoder.grad, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(gradient.offset, offset.grad, rtol=1e-4, atol=1e-6)
    torch.testing.assert_close(gradient.bias, bias.grad, rtol=1e-4, atol=1e-6)


def test_tangent_keeps_directions_orthonormal_to_first_order() -> None:
    model = SparseAutoencoder(7, 6, 1, 3, seed=2)
    change = sparse_training._tangent(model, torch.randn(6, 7, generator=torch.Generator().manual_seed(2)))
    decoder, along = model.decoder.unflatten(0, (2, 3)), change.unflatten(0, (2, 3))
    # d(D Dᵀ) = dD Dᵀ + D dDᵀ must vanish.
    assert float((along @ decoder.mT + decoder @ along.mT).abs().max()) < 1e-5


@pytest.mark.parametrize("kind", ["independent", "correlated", "hierarchy"])
def test_planted_directions_are_found(kind: str) -> None:
    x, truth = planted_codes(30_000, 64, 64, kind, seed=1)
    model = fit_sparse(shuffled(x.numpy(), seed=1), 64, features=128, active=6, passes=6, seed=1)
    assert mean_max_cosine(truth, model) >= 0.95
    # The null: 128 random directions. The best cosine of so many in 64 dimensions is about
    # sqrt(2 ln(2 x 128) / 64) = .42.
    assert mean_max_cosine(truth, SparseAutoencoder(64, 128, 6, seed=9)) < 0.45


def test_planted_subspaces_are_found_as_blocks() -> None:
    x, truth = planted_blocks(40_000, 40, 16, 3, seed=1)
    model = fit_sparse(shuffled(x.numpy(), seed=1), 40, features=96, active=3, block=3, passes=6, seed=1)
    assert mean_max_cosine(truth, model) >= 0.95
    folded = model.decoder.unflatten(0, (32, 3))
    torch.testing.assert_close(folded @ folded.mT, torch.eye(3).expand(32, 3, 3), rtol=0, atol=1e-5)


def test_units_of_the_data_only_scale_the_result() -> None:
    x, _ = planted_codes(4_000, 16, 16, "independent", seed=2)
    arguments = {"features": 16, "active": 3, "passes": 3, "seed": 1}
    small = fit_sparse(shuffled(x.numpy(), seed=1), 16, **arguments)
    large = fit_sparse(shuffled(1_024 * x.numpy(), seed=1), 16, **arguments)
    # A power of two, so that rounding is alike; Adam's epsilon is what is left.
    torch.testing.assert_close(small.decoder, large.decoder, rtol=0, atol=0.02)
    torch.testing.assert_close(1_024 * small.bias, large.bias, rtol=0, atol=0.02 * 1_024)


def test_dead_features_come_back(monkeypatch: pytest.MonkeyPatch) -> None:
    x, _ = planted_codes(10_000, 32, 32, "independent", seed=3)

    def dead(passes: int) -> float:
        model = fit_sparse(shuffled(x.numpy(), seed=1), 32, features=96, active=3, passes=passes, seed=1)
        return float((of_embeddings(model, [x], x.mean(dim=0))[2] == 0).mean())

    begin = sparse_training._Fit._begin

    def silenced(fit: sparse_training._Fit, batch: torch.Tensor) -> None:
        fit.model.offset[:48] = -50.0  # far below any code: half the features never speak
        begin(fit, batch)

    monkeypatch.setattr(sparse_training._Fit, "_begin", silenced)
    with_revival = dead(12)
    monkeypatch.setattr(sparse_training, "_PATIENCE", 10**9)
    assert dead(12) >= 0.5
    assert with_revival < 0.25


def test_same_seed_same_dictionary_another_seed_another() -> None:
    x, _ = planted_codes(3_000, 12, 12, "independent", seed=4)
    fits = [
        fit_sparse(shuffled(x.numpy(), seed=1), 12, features=24, active=3, passes=2, seed=seed)
        for seed in (1, 1, 2)
    ]
    assert torch.equal(fits[0].decoder, fits[1].decoder)
    assert torch.equal(fits[0].offset, fits[1].offset)
    assert not torch.equal(fits[0].decoder, fits[2].decoder)


def test_each_pass_holds_every_row_once_in_another_order(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cfdna_interp.representation.sparse_source._STRETCH", 10)
    monkeypatch.setattr("cfdna_interp.representation.sparse_source._BUFFER", 3)
    array = np.arange(96, dtype=np.float32)[:, None]
    batches = shuffled(array, seed=1, size=8)

    def rows(number: int) -> list[float]:
        parts = list(batches(number))
        assert {len(part) for part in parts} == {8}
        return torch.cat(parts)[:, 0].tolist()

    first, second = rows(0), rows(1)
    assert sorted(first) == sorted(second) == array[:, 0].tolist()
    assert first != second
    assert first == rows(0)
    # 96 = 9 x 10 + 6: the rows of a buffer come mixed, from more than one stretch.
    assert len({int(row) // 10 for row in first[:8]}) > 1


def test_what_does_not_fill_a_batch_is_left_out_unless_there_is_no_other() -> None:
    array = np.zeros((20, 2), dtype=np.float32)
    assert [len(part) for part in shuffled(array, seed=1, size=8)(0)] == [8, 8]
    assert [len(part) for part in shuffled(array, seed=1, size=50)(0)] == [20]


def test_rate_falls_to_nothing_by_the_end(monkeypatch: pytest.MonkeyPatch) -> None:
    shares = []
    monkeypatch.setattr(sparse_training._Fit, "step", lambda self, x, share: shares.append(share))

    def batches(number: int) -> Iterator[torch.Tensor]:
        return iter([torch.zeros(1, 2)] * 4)

    fit_sparse(batches, 2, features=2, active=1, passes=4, seed=0)
    # Half of 16 steps at the full rate, then down by an eighth a step.
    assert shares == [1.0] * 9 + [1 - step / 8 for step in range(1, 8)]
