"""Integrated gradients of a bag: exact on toys, the same in chunks, complete, zero where nothing is read."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest
import torch
from captum.attr import IntegratedGradients
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import nn
from toys import toy_fragments

from cfdna_interp.artifacts.features import BAG_GROUPS
from cfdna_interp.attribution.coalitions import COALITIONS, versions_of
from cfdna_interp.attribution.gradients import crossed, gradients_of_bag
from cfdna_interp.attribution.interventions.donors import DonorBank
from cfdna_interp.attribution.interventions.swap import swap
from cfdna_interp.attribution.shapley import shapley_of_table
from cfdna_interp.errors import InputError
from cfdna_interp.models.contract import FragmentInputs
from cfdna_interp.models.head import AttentionHead
from cfdna_interp.models.reference_encoder import CHANNELS, ReferenceEncoder


class Toy:
    """Three channels (length, level of methylation, locus) and a network, all in float64.

    A foreign encoder has no channels: ``encode`` alone is left where ``Foreign`` wraps it.
    """

    dim = 4
    digest = hashlib.sha256(b"toy").hexdigest()
    consumes = frozenset({"fragment_length", "methylation", "tissue_of_origin", "locus"})

    def __init__(self, seed: int = 0, *, linear: bool = False, reads: tuple[float, ...] = (1, 1, 1)) -> None:
        generator = torch.Generator().manual_seed(seed)
        self.first = torch.randn(3, 8, generator=generator, dtype=torch.float64)
        self.second = torch.randn(8, self.dim, generator=generator, dtype=torch.float64)
        self.linear, self.reads = linear, torch.tensor(reads, dtype=torch.float64)

    def channels(self, fragments: FragmentInputs) -> torch.Tensor:
        level = (fragments.states == 1).sum(axis=1) / np.maximum(fragments.counts, 1)
        columns = [(fragments.length - 167) / 40, level - 0.5, fragments.locus / 3]
        return torch.from_numpy(np.stack(columns, axis=1)).double() * self.reads

    def from_channels(self, channels: torch.Tensor) -> torch.Tensor:
        inner = channels @ self.first
        return (inner if self.linear else torch.tanh(inner)) @ self.second

    def encode(self, fragments: FragmentInputs) -> torch.Tensor:
        return self.from_channels(self.channels(fragments))


class Foreign:
    """An encoder of which only ``encode`` is known."""

    def __init__(self, inside: Toy) -> None:
        self.inside, self.dim, self.digest, self.consumes = inside, inside.dim, inside.digest, inside.consumes

    @torch.inference_mode()
    def encode(self, fragments: FragmentInputs) -> torch.Tensor:
        return self.inside.encode(fragments)


def head_of(dim: int, seed: int, *, linear: bool = False, spread: float = 0.7) -> AttentionHead:
    """Return a head with random weights; a linear one has no attention and no products."""
    generator = torch.Generator().manual_seed(seed)
    head = AttentionHead(dim, scale=0.5)
    drawn = (
        (head.weight,) if linear else (head.weight, head.query, head.region_query, head.product, head.axes)
    )
    for tensor in drawn:
        tensor.data.copy_(spread * torch.randn(tensor.shape, generator=generator))
    return head.requires_grad_(False)


def versions_from(n: int, seed: int) -> tuple[FragmentInputs, ...]:
    """Swap a tilted bag with an untilted bank: all four versions, mixed ones with donors of their own."""
    rng = np.random.default_rng(seed)
    bank = DonorBank(toy_fragments(2_000, rng), role="discovery")
    bag = toy_fragments(n, rng, length=1.0, methylation=-0.5, tissue=0.5)
    return swap(bank, bag, rng.random((n, 2))).versions


def dense(encoder: Toy, heads: list[AttentionHead], channels: torch.Tensor) -> torch.Tensor:
    """Return (bags,) logits of whole bags of channels, (bags, n, 3), straight through the head."""
    bags = encoder.from_channels(channels)
    return torch.stack([head.double()(bags) for head in heads]).mean(dim=0)


@pytest.fixture(scope="module")
def versions() -> tuple[FragmentInputs, ...]:
    return versions_from(150, 1)


def test_three_fragments_match_a_riemann_sum_by_hand() -> None:
    # The integral of the gradient along the line, as a midpoint sum over 4,000 dense bags; its
    # error is of order 4,000⁻².
    encoder, head = Toy(2), head_of(4, 3).double()
    versions = crossed(*(versions_from(3, 4)[place] for place in (0, 3)))
    own, lengths, calls, donors = (encoder.channels(version) for version in versions)
    places = (torch.arange(4_000, dtype=torch.float64)[:, None, None] + 0.5) / 4_000
    points = (donors + places * (own - donors)).requires_grad_()  # (steps, fragments, channels)
    (slopes,) = torch.autograd.grad(head(encoder.from_channels(points)).sum(), points)
    gradient = slopes.mean(dim=0)
    # With one donor a fragment each channel comes with its own group, whatever the order.
    assert torch.allclose(lengths[:, 0], donors[:, 0]) and torch.allclose(calls[:, 0], own[:, 0])
    expected = (gradient * (own - donors)).numpy()
    found = gradients_of_bag(encoder, [head], versions, steps=40, seed=0)
    assert found.per_fragment[:, 0] == pytest.approx(expected[:, 0], abs=1e-6)
    assert found.per_fragment[:, 1:].sum(axis=1) == pytest.approx(expected[:, 1], abs=1e-6)
    inside = versions[0].locus > 0
    assert not found.per_fragment[inside, 1].any() and not found.per_fragment[~inside, 2].any()


def test_chunks_match_the_dense_bag_in_plain_captum(versions: tuple[FragmentInputs, ...]) -> None:
    encoder, heads = Toy(5), [head_of(4, seed) for seed in (6, 7)]
    own, lengths, calls, donors = (encoder.channels(version)[None] for version in versions)
    whole = IntegratedGradients(lambda x: dense(encoder, heads, x), multiply_by_inputs=False)
    gradient = whole.attribute(own, donors, n_steps=16)[0]
    with_length = (gradient * ((own - lengths) + (calls - donors))[0] / 2).sum(dim=1).numpy()
    with_calls = (gradient * ((lengths - donors) + (own - calls))[0] / 2).sum(dim=1).numpy()
    unchunked = gradients_of_bag(encoder, heads, versions, steps=16, seed=0)
    for chunk in (7, 64, 150):
        found = gradients_of_bag(encoder, heads, versions, steps=16, seed=0, chunk=chunk)
        assert found.per_fragment == pytest.approx(unchunked.per_fragment, abs=1e-6)
        assert found.infidelity == pytest.approx(unchunked.infidelity, rel=1e-6)
        assert found.per_fragment[:, 0] == pytest.approx(with_length, abs=1e-6)
        assert found.per_fragment[:, 1:].sum(axis=1) == pytest.approx(with_calls, abs=1e-6)
    logits = [float(dense(encoder, heads, channels)[0]) for channels in (own, donors)]
    assert unchunked.difference == pytest.approx(logits[0] - logits[1], abs=1e-9)


def test_a_linear_model_gets_weight_times_difference(versions: tuple[FragmentInputs, ...]) -> None:
    encoder, head = Toy(8, linear=True), head_of(4, 9, linear=True)
    own, _, _, donors = versions
    crossing = crossed(own, donors)
    # With queries of zero a region counts by its fragments, so the logit is Σ_queries w·(mean - 0)/scale: a
    # fragment's channel weighs first·second·(w_1 + w_2) / scale / n.
    weight = encoder.first @ encoder.second @ head.weight.double().sum(dim=0) / 0.5 / len(own)
    expected = ((encoder.channels(own) - encoder.channels(donors)) * weight).numpy()
    found = gradients_of_bag(encoder, [head], crossing, steps=2, seed=0)
    assert found.per_fragment[:, 0] == pytest.approx(expected[:, 0], abs=1e-9)
    assert found.per_fragment[:, 1:].sum(axis=1) == pytest.approx(expected[:, 1], abs=1e-9)
    assert found.completeness < 1e-6
    # Nothing is left to miss where the model is linear: every subset's attributions are its effect.
    assert found.infidelity < 1e-12 < found.infidelity_null


def test_a_linear_model_agrees_with_shapley_over_the_same_versions(
    versions: tuple[FragmentInputs, ...],
) -> None:
    encoder, head = Toy(10, linear=True), head_of(4, 11, linear=True).double()
    inside = torch.from_numpy(versions[0].locus > 0)[:, None]
    encoded = [encoder.encode(version) for version in versions]
    values = []
    for present in COALITIONS:
        outer, inner = versions_of(present)
        values.append(float(head(torch.where(inside, encoded[inner], encoded[outer])[None])[0]))
    found = gradients_of_bag(encoder, [head], versions, steps=2, seed=0)
    expected = shapley_of_table(np.array([values]))[0]
    assert [found.groups[group] for group in BAG_GROUPS] == pytest.approx(expected.tolist(), abs=1e-6)


@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.integers(1, 60), chunk=st.integers(20, 70))
def test_attributions_add_up_to_the_difference(seed: int, n: int, chunk: int) -> None:
    versions = versions_from(n, seed)
    found = gradients_of_bag(
        Toy(seed), [head_of(4, seed, spread=0.3)], versions, steps=32, seed=seed, chunk=chunk
    )
    assert found.completeness <= max(0.01, 0.01 * abs(found.difference))
    assert found.total == pytest.approx(sum(found.groups.values()), abs=1e-12)
    assert found.per_fragment.shape == (n, 3)
    assert found.per_fragment.sum(axis=0) == pytest.approx([found.groups[group] for group in BAG_GROUPS])


@pytest.mark.parametrize(("blind", "silent"), [(0, (0,)), (1, (1, 2))])
def test_what_the_encoder_does_not_read_gets_exactly_zero(
    versions: tuple[FragmentInputs, ...], blind: int, silent: tuple[int, ...]
) -> None:
    reads = [1.0, 1.0, 1.0]
    reads[blind] = 0.0
    encoder = Toy(12, reads=tuple(reads))
    for model in (encoder, Foreign(encoder)):
        found = gradients_of_bag(model, [head_of(4, 13)], crossed(versions[0], versions[3]), steps=16, seed=0)
        for place, group in enumerate(BAG_GROUPS):
            assert (found.groups[group] == 0.0) == (place in silent)


def test_a_bag_that_equals_its_donors_has_no_attribution(versions: tuple[FragmentInputs, ...]) -> None:
    found = gradients_of_bag(Toy(14), [head_of(4, 15)], (versions[0],) * 4, steps=4, seed=0)
    assert not found.per_fragment.any()
    assert found.difference == 0.0


def test_embeddings_are_attributed_where_there_are_no_channels(versions: tuple[FragmentInputs, ...]) -> None:
    # A linear encoder has the same line in its embeddings as in its channels.
    linear, heads = Toy(16, linear=True), [head_of(4, 17)]
    by_channels = gradients_of_bag(linear, heads, versions, steps=16, seed=0)
    by_embeddings = gradients_of_bag(Foreign(linear), heads, versions, steps=16, seed=0)
    assert by_embeddings.per_fragment == pytest.approx(by_channels.per_fragment, abs=1e-9)
    assert by_embeddings.infidelity == pytest.approx(by_channels.infidelity, rel=1e-6)


def test_infidelity_is_far_below_that_of_shuffled_attributions(versions: tuple[FragmentInputs, ...]) -> None:
    found = gradients_of_bag(Toy(18), [head_of(4, 19, spread=0.3)], versions, steps=16, seed=0)
    assert found.infidelity < 0.2 * found.infidelity_null


def test_the_reference_encoder_gives_context_nothing(versions: tuple[FragmentInputs, ...]) -> None:
    torch.manual_seed(20)
    encoder = ReferenceEncoder(loci=4, dim=4).eval()
    nn.init.zeros_(encoder.length.weight)
    nn.init.zeros_(encoder.calls.weight)
    found = gradients_of_bag(
        encoder, [head_of(encoder.dim, 21)], crossed(versions[0], versions[3]), steps=16, seed=0, chunk=64
    )
    # Positions of calls and lengths are gone: what is left are levels, and the tables of the context.
    assert found.groups["fragment_length"] == 0.0
    assert found.groups["methylation"] != 0.0 != found.groups["tissue_of_origin"]
    with torch.no_grad():
        moved = encoder.channels(versions[0]) != encoder.channels(versions[3])
    assert not any(moved[:, CHANNELS[name]].any() for name in ("count", "locus", "region"))


def test_what_a_short_integral_misses_is_an_error(versions: tuple[FragmentInputs, ...]) -> None:
    wild = head_of(4, 22, spread=8.0)
    with pytest.raises(InputError, match=r"sample S07, donor pool 2: .* raise attribution\.gradient_steps"):
        gradients_of_bag(Toy(23), [wild], versions, steps=1, seed=0, sample="S07", donor=2)


def test_steps_are_doubled_where_the_sum_misses(
    versions: tuple[FragmentInputs, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    bent = head_of(4, 22, spread=1.0)
    few = gradients_of_bag(Toy(23), [bent], versions, steps=2, seed=0)
    many = gradients_of_bag(Toy(23), [bent], versions, steps=64, seed=0)
    assert few.completeness <= max(0.01, 0.01 * abs(few.difference))
    assert few.total == pytest.approx(many.total, abs=0.02 * max(1.0, abs(many.difference)))
    monkeypatch.setattr("cfdna_interp.attribution.gradients.DOUBLINGS", 0)
    with pytest.raises(InputError, match="now 2"):  # two points alone miss the bend
        gradients_of_bag(Toy(23), [bent], versions, steps=2, seed=0)


def test_values_that_are_no_numbers_are_refused(versions: tuple[FragmentInputs, ...]) -> None:
    encoder, head = Toy(24), head_of(4, 25)
    encoder.reads = torch.tensor([torch.nan, 1, 1], dtype=torch.float64)
    with pytest.raises(InputError, match=r"sample S07, .* not finite"):
        gradients_of_bag(encoder, [head], versions, steps=4, seed=0, sample="S07")
    head.weight[0, 0] = torch.inf
    with pytest.raises(InputError, match=r"sample S07, .* raise attribution\.gradient_steps"):
        gradients_of_bag(Toy(26), [head], versions, steps=4, seed=0, sample="S07")
    empty = tuple(version.take(np.arange(0)) for version in versions)
    with pytest.raises(InputError, match=r"sample S07, .* no fragment"):
        gradients_of_bag(Toy(27), [head_of(4, 28)], empty, steps=4, seed=0, sample="S07")


def test_a_run_is_repeated_to_the_last_bit(versions: tuple[FragmentInputs, ...]) -> None:
    first, again = (
        gradients_of_bag(Toy(29), [head_of(4, 30)], versions, steps=8, seed=3, sample="S1") for _ in range(2)
    )
    assert (first.per_fragment == again.per_fragment).all()
    assert (first.infidelity, first.infidelity_null) == (again.infidelity, again.infidelity_null)
    other = gradients_of_bag(Toy(29), [head_of(4, 30)], versions, steps=8, seed=4, sample="S1")
    assert first.infidelity != other.infidelity


def test_mixed_versions_take_from_the_one_donor(versions: tuple[FragmentInputs, ...]) -> None:
    own, lengths, calls, donors = crossed(versions[0], versions[3])
    assert (lengths.length == donors.length).all() and (lengths.states == own.states).all()
    assert (calls.length == own.length).all() and (calls.states == donors.states).all()
    assert (replace(lengths, states=donors.states).offsets == donors.offsets).all()
