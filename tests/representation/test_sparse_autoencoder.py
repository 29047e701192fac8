"""Sparse autoencoders: which codes stay, on examples solved by hand; files read back, or refused."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from safetensors.torch import save_file

from cfdna_interp.errors import InputError
from cfdna_interp.representation.sparse_autoencoder import CHUNK, SparseAutoencoder, combine, orthonormal


def axes(active: int, block: int) -> SparseAutoencoder:
    """A dictionary of the four axes, with an offset and a bias."""
    model = SparseAutoencoder(4, 4, active, block)
    model.decoder = model.encoder = torch.eye(4)
    model.offset = torch.tensor([0.0, 0.0, 0.0, -1.0])
    model.bias = torch.tensor([1.0, 0.0, 0.0, 0.0])
    return model


def test_largest_codes_stay_and_are_not_negative() -> None:
    # Less the bias: (1, 2, -5, 4); with the offset: (1, 2, -5, 3). The two largest are 3 and 2.
    model = axes(2, 1)
    dense = model.dense(torch.tensor([[2.0, 2.0, -5.0, 4.0]]))
    assert dense.tolist() == [[0.0, 2.0, 0.0, 3.0]]
    # Of (-1, -2, -5, -3) the two largest are chosen, and are 0.
    indices, codes = model.encode(torch.tensor([[0.0, -2.0, -5.0, -2.0]]))
    assert sorted(indices[0].tolist()) == [0, 1]
    assert codes.flatten().tolist() == [0.0, 0.0]


def test_block_of_the_largest_norm_stays_with_its_signs() -> None:
    # Codes (1, 2 | -5, 3): norms √5 and √34.
    model = axes(1, 2)
    x = torch.tensor([[2.0, 2.0, -5.0, 4.0]])
    indices, codes = model.encode(x)
    assert indices.tolist() == [[1]]
    assert codes.tolist() == [[[-5.0, 3.0]]]
    assert model.dense(x).tolist() == [[0.0, 0.0, -5.0, 3.0]]
    assert model.decode(indices, codes).tolist() == [[1.0, 0.0, -5.0, 3.0]]
    assert model.rows(indices).tolist() == [[2, 3]]


@settings(max_examples=25, deadline=None)
@given(st.integers(1, 4), st.integers(1, 3), st.integers(0, 1_000))
def test_sparse_and_dense_codes_decode_to_the_same(active: int, block: int, seed: int) -> None:
    model = SparseAutoencoder(6, 4 * block, active, block, seed=seed)
    x = torch.randn(20, 6, generator=torch.Generator().manual_seed(seed))
    indices, codes = model.encode(x)
    assert indices.dtype == torch.int64
    assert codes.shape == (20, active, block)
    dense = model.dense(x)
    torch.testing.assert_close(model.decode(indices, codes), model.bias + dense @ model.decoder)
    kept = dense.unflatten(1, (4, block)).norm(dim=2)
    assert ((kept > 0).sum(dim=1) <= active).all()
    # What stays is as large as anything that goes.
    scores = model.scores(x).unflatten(1, (4, block))
    strength = scores[:, :, 0].clamp(min=0) if block == 1 else scores.norm(dim=2)
    gone = strength.masked_fill(kept > 0, 0.0).amax(dim=1)
    least = torch.where(kept > 0, kept, torch.inf).amin(dim=1)
    assert (gone <= least + 1e-6).all()


def test_with_every_direction_active_a_square_dictionary_reconstructs_exactly() -> None:
    model = SparseAutoencoder(6, 6, 2, 3, seed=1)
    model.encoder = torch.linalg.inv(model.decoder).T.contiguous()
    x = torch.randn(50, 6, generator=torch.Generator().manual_seed(1))
    torch.testing.assert_close(model.decode(*model.encode(x)), x, rtol=1e-4, atol=1e-4)


def test_many_embeddings_are_encoded_as_few_are() -> None:
    model = SparseAutoencoder(3, 6, 2, seed=2)
    x = torch.randn(CHUNK + 5, 3, generator=torch.Generator().manual_seed(2))
    together = model.dense(x)
    torch.testing.assert_close(together[-7:], model.dense(x[-7:]))


@pytest.mark.parametrize("block", [1, 2, 4])
def test_directions_start_at_length_one_and_right_angles_within_a_block(block: int) -> None:
    model = SparseAutoencoder(9, 8 * block, 2, block, seed=3)
    folded = model.decoder.unflatten(0, (8, block))
    torch.testing.assert_close(folded @ folded.mT, torch.eye(block).expand(8, block, block))
    assert not torch.equal(model.decoder, SparseAutoencoder(9, 8 * block, 2, block, seed=4).decoder)


def test_orthonormal_directions_keep_their_span() -> None:
    blocks = torch.randn(5, 3, 7, generator=torch.Generator().manual_seed(0))
    made = orthonormal(blocks)
    assert float((blocks - blocks @ made.mT @ made).abs().max()) < 1e-5


def test_sums_of_rows_by_hand() -> None:
    table = torch.tensor([[1.0, 0.0], [0.0, 1.0], [2.0, 2.0]])
    # 3 x row 2 - 1 x row 0; 1 x row 1 + 1 x row 1.
    made = combine(torch.tensor([[2, 0], [1, 1]]), torch.tensor([[3.0, -1.0], [1.0, 1.0]]), table)
    assert made.tolist() == [[5.0, 6.0], [0.0, 2.0]]


@pytest.mark.parametrize(("features", "active", "block"), [(7, 1, 2), (10, 1, 5), (4, 5, 1), (4, 0, 1)])
def test_impossible_shapes_are_refused(features: int, active: int, block: int) -> None:
    with pytest.raises(ValueError, match="features"):
        SparseAutoencoder(4, features, active, block)


def test_file_is_read_back_to_the_last_bit(tmp_path: Path) -> None:
    model = SparseAutoencoder(5, 6, 2, 3, seed=5)
    model.offset += 0.5
    model.save(tmp_path / "d.safetensors")
    again = SparseAutoencoder.load(tmp_path / "d.safetensors")
    assert (again.active, again.block, again.dim, again.features) == (2, 3, 5, 6)
    for name in ("decoder", "encoder", "offset", "bias"):
        assert torch.equal(getattr(again, name), getattr(model, name))
    again.save(tmp_path / "e.safetensors")
    assert (tmp_path / "d.safetensors").read_bytes() == (tmp_path / "e.safetensors").read_bytes()


@pytest.mark.parametrize(
    "damage", ["missing", "cut", "tensor", "settings", "shape", "not a number", "too many active"]
)
def test_damaged_file_is_refused_by_name(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "d.safetensors"
    model = SparseAutoencoder(5, 6, 2, 3, seed=5)
    model.save(path)
    tensors = {name: getattr(model, name).clone() for name in ("decoder", "encoder", "offset", "bias")}
    metadata: dict[str, str] | None = {"active, block": "2 3"}
    if damage == "missing":
        path.unlink()
    elif damage == "cut":
        path.write_bytes(path.read_bytes()[:-8])
    else:
        if damage == "tensor":
            del tensors["offset"]
        elif damage == "settings":
            metadata = None
        elif damage == "shape":
            tensors["bias"] = torch.zeros(4)
        elif damage == "not a number":
            tensors["encoder"][0, 0] = torch.nan
        else:
            metadata = {"active, block": "3 3"}
        save_file(tensors, path, metadata=metadata)
    with pytest.raises(InputError, match=r"d\.safetensors cannot be loaded .*run the dictionary stage again"):
        SparseAutoencoder.load(path)
