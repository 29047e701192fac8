"""Attributions under random weights: what is re-initialised, what the check finds and what it lets pass."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
import torch
from toys import toy_fragments

from cfdna_interp.artifacts.features import BAG_GROUPS
from cfdna_interp.attribution.gradients import crossed, gradients_of_bag
from cfdna_interp.attribution.randomised import (
    FOREIGN_LAYERS,
    LAYERS,
    depths_of,
    randomised_encoder,
    randomised_head,
    randomised_shares,
)
from cfdna_interp.models.contract import Encoder, FragmentInputs
from cfdna_interp.models.head import AttentionHead
from cfdna_interp.models.reference_encoder import ReferenceEncoder

DIM = 15
VARIANCES = torch.tensor([1.0] * 12 + [1 / 3] * 3)  # of network and marker directions
WHITENED = {"centre", "whitener", "usual"}


class Foreign:
    """A closed box around another encoder."""

    def __init__(self, inside: ReferenceEncoder) -> None:
        self.inside, self.dim, self.consumes = inside, inside.dim, inside.consumes
        self.digest = hashlib.sha256(b"foreign").hexdigest()

    def encode(self, fragments: FragmentInputs) -> torch.Tensor:
        return self.inside.encode(fragments)


@pytest.fixture(scope="module")
def encoder() -> ReferenceEncoder:
    torch.manual_seed(0)
    encoder = ReferenceEncoder(loci=4, dim=DIM - 3).eval()  # and one a class of blocks
    encoder.fit_whitening(toy_fragments(5_000, np.random.default_rng(1)))
    return encoder


@pytest.fixture(scope="module")
def head(encoder: ReferenceEncoder) -> AttentionHead:
    """Return a head that reads length: the regression of length on embeddings is its weight."""
    fragments = toy_fragments(5_000, np.random.default_rng(2))
    embedded = encoder.encode(fragments).clone()
    length = torch.from_numpy((fragments.length - 167) / 20).float()
    head = AttentionHead(DIM, scale=0.1)
    head.weight.data[:] = torch.linalg.lstsq(embedded, length[:, None]).solution[:, 0]
    return head.requires_grad_(False)


@pytest.fixture(scope="module")
def bags() -> list[tuple[FragmentInputs, ...]]:
    """Return bags tilted in length, methylation and tissue to either side, beside untilted donors."""
    rng = np.random.default_rng(3)
    result = []
    for tilt in np.linspace(-1, 1, 4):
        own = toy_fragments(200, rng, length=tilt, methylation=-0.5 * tilt, tissue=tilt)
        donors = toy_fragments(200, rng)
        # A donor has as many calls as its fragment, which keeps its own values where the one drawn has not.
        alike = donors.counts == own.counts
        donors = own.with_stretch_of(donors, np.where(alike, np.arange(200), -1)).with_states(
            np.where(alike[:, None], donors.states, own.states)
        )
        result.append(crossed(own, donors))
    return result


def by_gradients(
    encoder: Encoder, heads: list[AttentionHead], versions: tuple[FragmentInputs, ...]
) -> np.ndarray:
    found = gradients_of_bag(encoder, heads, versions, steps=8, seed=0)
    return np.array([found.groups[group] for group in BAG_GROUPS])


def by_inputs(
    encoder: Encoder, heads: list[AttentionHead], versions: tuple[FragmentInputs, ...]
) -> np.ndarray:
    """Describe the bag and call it an attribution: no weight is looked at."""
    own, donors = versions[0], versions[3]
    level = [(bag.states == 1).sum(axis=1) for bag in (own, donors)]
    inside = own.locus > 0
    return np.array(
        [
            (own.length - donors.length).mean(),
            (level[0] - level[1])[~inside].mean(),
            (level[0] - level[1])[inside].mean(),
        ]
    )


def test_each_depth_draws_its_layers_and_those_above(encoder: ReferenceEncoder) -> None:
    fragments = toy_fragments(500, np.random.default_rng(4))
    digest, state = encoder.digest, torch.get_rng_state()
    before = encoder.state_dict()
    expected: set[str] = set()
    for depth, prefixes in LAYERS.items():
        found = randomised_encoder(encoder, depth, np.random.default_rng(5), fragments)
        assert isinstance(found, ReferenceEncoder)
        expected |= {name for name in before if name.startswith(tuple(prefixes))} if prefixes else set()
        changed = {
            name for name, tensor in found.state_dict().items() if not torch.equal(tensor, before[name])
        }
        assert changed - WHITENED == expected
        assert (changed >= WHITENED) == (depth != "head")
        if depth != "head":
            embedded = found.encode(fragments).double()
            assert (torch.cov(embedded.T) - torch.diag(VARIANCES)).abs().max() < 0.02
    assert changed == set(before)
    # The encoder that was given and the process's own random numbers are as they were.
    assert encoder.digest == digest and torch.equal(torch.get_rng_state(), state)


def test_a_head_keeps_its_weights_but_not_their_places(head: AttentionHead) -> None:
    found = randomised_head(head, np.random.default_rng(6))
    assert torch.equal(found.weight.flatten().sort().values, head.weight.flatten().sort().values)
    assert not torch.equal(found.weight, head.weight)
    assert torch.equal(found.query, head.query) and torch.equal(found.region_query, head.region_query)


def test_a_foreign_encoder_is_rotated(encoder: ReferenceEncoder) -> None:
    fragments = toy_fragments(300, np.random.default_rng(7))
    foreign = Foreign(encoder)
    found = randomised_encoder(foreign, "embedding", np.random.default_rng(8), fragments)
    embedded, rotated = foreign.encode(fragments), found.encode(fragments)
    # A rotation keeps all distances, and nothing of the directions.
    assert torch.allclose(embedded @ embedded.T, rotated @ rotated.T, atol=1e-3)
    assert not torch.allclose(embedded, rotated, atol=0.1)
    assert (found.dim, found.consumes) == (DIM, foreign.consumes)
    assert found.digest != foreign.digest
    assert depths_of(foreign) == FOREIGN_LAYERS and depths_of(encoder) == tuple(LAYERS)


def test_gradients_follow_the_weights(
    encoder: ReferenceEncoder, head: AttentionHead, bags: list[tuple[FragmentInputs, ...]]
) -> None:
    real = np.stack([by_gradients(encoder, [head], bag) for bag in bags])
    share = np.abs(real).sum(axis=0) / np.abs(real).sum()
    assert share[0] > 0.7  # what was planted: the head reads length
    found = randomised_shares(encoder, [[head]] * len(bags), bags, by_gradients, draws=3, seed=9)
    assert [item.depth for item in found] == list(LAYERS)
    for item in found:
        assert item.shares.shape == (3, 3)
        assert item.shares.sum(axis=1) == pytest.approx(np.ones(3))
        assert item.shares[:, 0].mean() < share[0]
        # With weights dealt out anew, longer fragments lower the logit as often as they raise it.
        assert abs(item.cosine.mean()) < 0.7


def test_a_method_that_describes_its_inputs_is_found_out(
    encoder: ReferenceEncoder, head: AttentionHead, bags: list[tuple[FragmentInputs, ...]]
) -> None:
    for model in (encoder, Foreign(encoder)):
        found = randomised_shares(model, [[head]] * len(bags), bags, by_inputs, draws=2, seed=10)
        for item in found:
            assert item.cosine == pytest.approx(np.ones(2))
            assert item.rank == pytest.approx(np.ones(2))


def test_a_check_is_repeated_to_the_last_bit(
    encoder: ReferenceEncoder, head: AttentionHead, bags: list[tuple[FragmentInputs, ...]]
) -> None:
    first, again, other = (
        randomised_shares(Foreign(encoder), [[head]] * 2, bags[:2], by_gradients, draws=1, seed=seed)
        for seed in (11, 11, 12)
    )
    assert all((a.shares == b.shares).all() for a, b in zip(first, again, strict=True))
    assert any((a.shares != b.shares).any() for a, b in zip(first, other, strict=True))
