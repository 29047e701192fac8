"""The reference encoder and its pre-training."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch
from sklearn.neighbors import KNeighborsRegressor
from toys import toy_fragments

from cfdna_interp.errors import InputError
from cfdna_interp.models.masked_pretraining import pretrain
from cfdna_interp.models.reference_encoder import CHANNELS, ReferenceEncoder


@pytest.fixture(scope="module")
def pretrained() -> ReferenceEncoder:
    encoder, _ = pretrain(toy_fragments(20_000, np.random.default_rng(0)), loci=4, dim=16, epochs=1, seed=1)
    return encoder


def test_a_row_depends_on_its_own_fragment_alone(pretrained: ReferenceEncoder) -> None:
    fragments = toy_fragments(300, np.random.default_rng(1))
    order = np.random.default_rng(2).permutation(300)
    whole = pretrained.encode(fragments)
    shuffled = pretrained.encode(fragments.take(order), chunk=7)
    assert torch.allclose(whole[torch.from_numpy(order)], shuffled, atol=1e-5)
    assert pretrained.encode(fragments.take(np.arange(0))).shape == (0, 19)  # 16, and one a class of blocks


def test_encoding_is_exactly_what_follows_from_the_channels(pretrained: ReferenceEncoder) -> None:
    fragments = toy_fragments(300, np.random.default_rng(9))
    with torch.inference_mode():
        channels = pretrained.channels(fragments)
        assert torch.equal(pretrained.from_channels(channels), pretrained.encode(fragments))
    columns = np.arange(channels.shape[1])
    assert np.concatenate([columns[part] for part in CHANNELS.values()]).tolist() == columns.tolist()


@torch.no_grad()
def test_a_channel_holds_what_its_name_says(pretrained: ReferenceEncoder) -> None:
    fragments = toy_fragments(300, np.random.default_rng(10))
    channels = pretrained.channels(fragments)
    called = torch.from_numpy(fragments.counts > 0)
    changes = {
        "length": replace(fragments, length=fragments.length + 1),
        "locus": replace(fragments, locus=(fragments.locus + 1) % 4),
        "region": replace(fragments, region=fragments.region + 1),
    }
    for name, changed in changes.items():
        moved = pretrained.channels(changed) != channels
        assert moved[:, CHANNELS[name]].any(dim=1).all()
        moved[:, CHANNELS[name]] = False
        if name == "locus":  # levels at markers are told by class
            moved[:, CHANNELS["markers"]] = False
        assert not moved.any()
    flipped = np.where(fragments.states >= 0, 1 - fragments.states, -1).astype(np.int8)
    moved = pretrained.channels(fragments.with_states(flipped)) != channels
    assert torch.equal(moved[:, CHANNELS["calls"]].any(dim=1), called)
    assert not moved[:, CHANNELS["length"]].any() and not moved[:, CHANNELS["count"]].any()


def test_levels_at_marker_blocks_have_a_direction_a_class(pretrained: ReferenceEncoder) -> None:
    fragments = toy_fragments(4_000, np.random.default_rng(11))
    with torch.no_grad():
        markers = pretrained.channels(fragments)[:, CHANNELS["markers"]].double().numpy()
    assert not markers[fragments.locus == 0].any()
    # Class c alone has direction c - 1: the fragment's level less the mean over the calls of that class.
    level = (fragments.states == 1).sum(axis=1) / np.maximum(fragments.counts, 1)
    for locus in (1, 2, 3):
        rows = fragments.locus == locus
        own, others = markers[rows, locus - 1], np.delete(markers[rows], locus - 1, axis=1)
        assert not others.any()
        usual = float(pretrained.usual[locus])
        np.testing.assert_allclose(own, level[rows] - usual, atol=1e-6)
        calls = fragments.states[rows]
        assert usual == pytest.approx((calls == 1).sum() / (calls >= 0).sum(), abs=0.1)  # of other fragments


def test_of_many_marker_classes_orthogonal_mixtures_are_kept() -> None:
    encoder = ReferenceEncoder(loci=41, dim=8)
    assert encoder.dim == 8 + 32
    mixtures = encoder.markers[1:].double()
    assert torch.allclose(mixtures.T @ mixtures, torch.eye(32).double(), atol=1e-6)
    assert torch.equal(encoder.markers, ReferenceEncoder(loci=41, dim=8).markers)


def test_a_digest_tells_any_two_weights_apart(tmp_path: Path) -> None:
    encoder = ReferenceEncoder(loci=3, dim=4)
    digest = encoder.digest
    encoder.save(tmp_path / "encoder.safetensors")
    assert ReferenceEncoder.load(tmp_path / "encoder.safetensors").digest == digest
    for name, tensor in encoder.state_dict().items():
        before = float(tensor.flatten()[0])
        tensor.flatten()[0] = before + 1
        assert encoder.digest != digest, name
        tensor.flatten()[0] = before
    assert encoder.digest == digest
    assert len(digest) == 64


def test_whitened_embeddings_have_mean_zero_and_no_correlation(pretrained: ReferenceEncoder) -> None:
    fragments = toy_fragments(20_000, np.random.default_rng(3))
    pretrained.fit_whitening(fragments)
    embedded = pretrained.encode(fragments).double()
    assert embedded.mean(dim=0).abs().max() < 1e-3
    expected = torch.diag(torch.tensor([1.0] * 16 + [1 / 3] * 3))  # three classes of markers count as one
    assert (torch.cov(embedded.T) - expected).abs().max() < 1e-2


def test_embeddings_hold_length_and_methylation(pretrained: ReferenceEncoder) -> None:
    # Positive control: neighbours in the embedding tell what went in; neighbours of shuffled rows don't.
    fragments = toy_fragments(6_000, np.random.default_rng(4))
    called = np.flatnonzero(fragments.counts > 0)
    level = (fragments.states == 1).sum(axis=1) / np.maximum(fragments.counts, 1)
    embedded = pretrained.encode(fragments).numpy()
    for target, rows in ((fragments.length.astype(float), np.arange(6_000)), (level, called)):
        train, test = rows[::2], rows[1::2]
        shuffled = np.random.default_rng(5).permutation(train)
        for labels, low, high in ((train, 0.8, 1.0), (shuffled, -0.3, 0.05)):
            model = KNeighborsRegressor(10).fit(embedded[train], target[labels])
            residual = target[test] - model.predict(embedded[test])
            assert low <= 1 - (residual**2).mean() / target[test].var() <= high


def test_masked_calls_are_guessed_better_than_from_their_frequency() -> None:
    # Calls of a toy fragment share a level, so the visible ones tell the hidden ones. The length follows
    # from the position of the last call a little, and from nothing else.
    _, reached = pretrain(toy_fragments(20_000, np.random.default_rng(6)), loci=4, dim=16, epochs=1, seed=1)
    assert reached.call_loss < 0.75 * reached.call_floor
    assert 0.9 * reached.length_floor < reached.length_loss < 1.02 * reached.length_floor
    assert reached.fragments == 20_000


def test_pretraining_is_the_same_each_time() -> None:
    fragments = toy_fragments(4_000, np.random.default_rng(7))
    first, _ = pretrain(fragments, loci=4, dim=8, epochs=1, seed=3)
    second, _ = pretrain(fragments, loci=4, dim=8, epochs=1, seed=3)
    assert torch.equal(first.encode(fragments), second.encode(fragments))


def test_saved_and_loaded_encoders_agree(pretrained: ReferenceEncoder, tmp_path: Path) -> None:
    fragments = toy_fragments(100, np.random.default_rng(8))
    pretrained.save(tmp_path / "encoder.safetensors")
    loaded = ReferenceEncoder.load(tmp_path / "encoder.safetensors")
    assert torch.equal(pretrained.encode(fragments), loaded.encode(fragments))
    assert (loaded.loci, loaded.dim) == (4, 19)


def test_a_damaged_encoder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "encoder.safetensors").write_bytes(b"no tensors here")
    with pytest.raises(InputError, match="run the pretrain stage again"):
        ReferenceEncoder.load(tmp_path / "encoder.safetensors")


def test_an_encoder_is_always_written_in_the_same_bytes(tmp_path: Path) -> None:
    # Safetensors lays out several entries of metadata in an order that changes from file to file.
    encoder = ReferenceEncoder(loci=3, dim=4)
    written = set()
    for _ in range(12):
        encoder.save(tmp_path / "encoder.safetensors")
        written.add((tmp_path / "encoder.safetensors").read_bytes())
    assert len(written) == 1
