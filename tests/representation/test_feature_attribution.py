"""Attributions to codes: against plain autograd on dense bags, complete, nothing to what heads ignore."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from toy_material import planted_encoder, toy_material

from cfdna_interp.errors import InputError
from cfdna_interp.models.crossfit import CrossFit, crossfit
from cfdna_interp.models.head import AttentionHead
from cfdna_interp.representation import integrated_slopes as slopes_of_lines
from cfdna_interp.representation.feature_attribution import (
    attribute_codes,
    origin_of,
    sparse_codes,
)
from cfdna_interp.representation.integrated_slopes import integrated_slopes
from cfdna_interp.representation.material import Material, Part
from cfdna_interp.representation.sparse_autoencoder import SparseAutoencoder

DIM, FEATURES = 6, 20


def random_head(seed: int, sharpness: float = 1.0) -> AttentionHead:
    """A head with all parts in use, in double precision."""
    generator = torch.Generator().manual_seed(seed)
    head = AttentionHead(DIM, scale=0.3).double()
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.copy_(0.4 * torch.randn(parameter.shape, generator=generator, dtype=torch.float64))
        head.query.mul_(sharpness)
        head.axes.copy_(torch.randn(head.axes.shape, generator=generator, dtype=torch.float64))
        head.centre.copy_(torch.randn(DIM, generator=generator, dtype=torch.float64))
    return head.requires_grad_(False)


def dictionary(seed: int, block: int = 1) -> SparseAutoencoder:
    return SparseAutoencoder(DIM, FEATURES // block * block, 3, block, seed=seed)


def dense_gradient(heads: list[AttentionHead], bag: torch.Tensor, centre: torch.Tensor) -> torch.Tensor:
    """(fragments, dim) gradient of the mean logit by the bag, mean over 24 points of the line."""
    places, weights = np.polynomial.legendre.leggauss(24)
    total = torch.zeros_like(bag)
    for place, weight in zip((places + 1) / 2, weights / 2, strict=True):
        line = (centre + place * (bag - centre)).requires_grad_()
        logit = torch.stack([head(line[None])[0] for head in heads]).mean()
        total += weight * torch.autograd.grad(logit, line)[0]
    return total


def bags_of(samples: int, bags: int, fragments: int, seed: int) -> list[torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    return [torch.randn(bags * fragments, DIM, generator=generator) + 0.3 for _ in range(samples)]


def material_of(parts: list[torch.Tensor], bags: int) -> Material:
    """The embeddings alone, under the samples of a toy cohort."""
    toy = toy_material(2, 4, 1, effect={}, encoder=planted_encoder(("length",), DIM, 0.1, 1))
    part = toy.load(0)
    loaded = [Part(each, part.fragments, part.gc, part.motif) for each in parts]
    samples = tuple(toy.samples[i % 2] for i in range(len(parts)))
    return Material(samples, loaded.__getitem__, bags, toy.encoder, 1)


@pytest.mark.parametrize("fragments", [32, 37])  # regions of equal size, and a padded last one
def test_slopes_are_those_of_plain_autograd_on_the_dense_bag(fragments: int) -> None:
    bags = bags_of(1, 2, fragments, 1)[0].double().unflatten(0, (2, fragments))
    centre = torch.linspace(-0.5, 0.5, DIM).double()
    ensembles = [[random_head(1), random_head(2)], [random_head(3)]]
    slopes, gap, change = integrated_slopes(ensembles, bags, centre)
    for model, heads in enumerate(ensembles):
        for bag in range(2):
            torch.testing.assert_close(
                slopes[bag, :, model], dense_gradient(heads, bags[bag], centre), rtol=1e-3, atol=1e-4
            )
        still = centre.expand(1, fragments, -1)
        expected = np.mean([float((head(bags) - head(still)).mean()) for head in heads])
        assert change[model] == pytest.approx(expected, abs=1e-9)
    assert gap < 0.05


@pytest.mark.parametrize("block", [1, 2])
def test_attributions_are_code_times_direction_times_gradient(block: int) -> None:
    parts, bags = bags_of(4, 2, 32, 2), 2
    material = material_of(parts, bags)
    own = [dictionary(1, block), dictionary(2)]
    everything = torch.cat(parts)
    origin = origin_of(everything, [sparse_codes(each, everything) for each in own])
    float_head = [random_head(seed).float() for seed in range(4)]
    models = [
        CrossFit(np.array([0, 1, 0, 1]), [[float_head[0], float_head[1]], [float_head[2]]]),
        CrossFit(np.array([1, 1, 0, 0]), [[float_head[3]], [float_head[1]]]),
    ]
    found = attribute_codes(material, own, origin, models)
    for number, (each, attributed) in enumerate(zip(own, found.dictionaries, strict=True)):
        mean = torch.from_numpy(origin.codes[number])
        for model, fitted in enumerate(models):
            for place, part in enumerate(parts):
                heads = [head.double() for head in fitted.heads[fitted.fold[place]]]
                by_code, by_error = torch.zeros(each.features), 0.0
                for bag in part.unflatten(0, (bags, -1)):
                    slope = dense_gradient(heads, bag.double(), origin.embedding.double())
                    away = each.dense(bag).double() - mean  # (fragments, features)
                    by_code += ((away * (slope @ each.decoder.double().T)).sum(dim=0) / bags).float()
                    # What the dictionary leaves of a fragment, less what it leaves of the mean.
                    error = bag.double() - origin.embedding - away @ each.decoder.double()
                    by_error += float((error * slope).sum()) / bags
                for head in heads:
                    head.float()
                np.testing.assert_allclose(attributed.codes[model, place], by_code, rtol=5e-3, atol=5e-3)
                assert attributed.error[model, place] == pytest.approx(by_error, abs=2e-2)
                total = attributed.codes[model, place].sum() + attributed.error[model, place]
                assert total == pytest.approx(found.difference[model, place], abs=1e-4)


def test_a_linear_head_gives_each_code_its_mean_times_the_weight_along_its_direction() -> None:
    # Without queries the head is weight . (mean - centre) / scale + bias for each of two queries, so the
    # gradient with respect to each of n fragments is (w1 + w2) / (scale n) everywhere.
    parts = bags_of(2, 1, 16, 3)
    head = AttentionHead(DIM, scale=0.5)
    with torch.no_grad():
        head.weight[0, 0], head.weight[1, 1] = 2.0, -1.0
    head.requires_grad_(False)
    own = dictionary(4)
    everything = torch.cat(parts)
    origin = origin_of(everything, [sparse_codes(own, everything)])
    found = attribute_codes(material_of(parts, 1), [own], origin, [CrossFit(np.array([0, 0]), [[head]])])
    along = own.decoder.numpy() @ np.array([2.0, -1.0, 0, 0, 0, 0]) / 0.5
    for place, part in enumerate(parts):
        expected = (own.dense(part).numpy().mean(axis=0) - origin.codes[0]) * along
        np.testing.assert_allclose(found.dictionaries[0].codes[0, place], expected, atol=1e-4)


def test_features_across_the_heads_direction_get_nothing() -> None:
    # Half of the directions lie in the first three coordinates, half in the others; the head reads the first.
    own = dictionary(5)
    own.decoder = torch.zeros(FEATURES, DIM)
    own.decoder[torch.arange(FEATURES), torch.arange(FEATURES) % DIM] = 1.0
    own.encoder = own.decoder.clone()
    head = AttentionHead(DIM, scale=0.5)
    with torch.no_grad():
        head.weight[:, 0], head.query[:, 1], head.region_query[:, 2] = 1.0, 0.5, 0.5
    head.requires_grad_(False)
    parts = bags_of(2, 1, 32, 6)
    everything = torch.cat(parts)
    origin = origin_of(everything, [sparse_codes(own, everything)])
    found = attribute_codes(material_of(parts, 1), [own], origin, [CrossFit(np.array([0, 0]), [[head]])])
    blind = np.arange(FEATURES) % DIM > 2
    assert np.abs(found.dictionaries[0].codes[..., blind]).max() == 0.0
    assert np.abs(found.dictionaries[0].codes[..., ~blind]).max() > 0.01


def test_codes_match_the_dense_ones_and_hold_no_zeros() -> None:
    own, x = dictionary(7, 2), bags_of(1, 1, 50, 7)[0]
    codes = sparse_codes(own, x)
    np.testing.assert_allclose(codes.toarray(), own.dense(x).numpy())
    assert (codes.data != 0).all()


def test_attention_too_sharp_for_the_rule_names_the_sample(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slopes_of_lines, "NODES", (1,))
    bags = bags_of(1, 1, 64, 8)[0].double()[None] * 3
    with pytest.raises(InputError, match=r"sample S7, bag 0: attributions to codes sum to .*attention"):
        integrated_slopes([[random_head(1, 3.0)]], bags, torch.zeros(DIM).double(), "sample S7")


def test_many_heads_in_parts_are_as_one_by_one() -> None:
    # More heads than are held at once.
    parts = bags_of(3, 1, 32, 9)
    material, own = material_of(parts, 1), dictionary(10)
    everything = torch.cat(parts)
    origin = origin_of(everything, [sparse_codes(own, everything)])
    models = [CrossFit(np.zeros(3, dtype=int), [[random_head(seed).float()]]) for seed in range(30)]
    together = attribute_codes(material, [own], origin, models)
    alone = attribute_codes(material, [own], origin, models[27:28])
    np.testing.assert_allclose(
        together.dictionaries[0].codes[27], alone.dictionaries[0].codes[0], rtol=2e-2, atol=2e-3
    )


def test_an_embedding_that_is_not_finite_names_the_sample() -> None:
    parts = bags_of(2, 1, 32, 11)
    own, everything = dictionary(12), torch.cat(parts)
    origin = origin_of(everything, [sparse_codes(own, everything)])
    parts[1][3, 2] = torch.nan
    with pytest.raises(InputError, match="sample S1: an embedding is not finite"):
        attribute_codes(
            material_of(parts, 1), [own], origin, [CrossFit(np.array([0, 0]), [[random_head(1).float()]])]
        )


def test_fitted_heads_are_complete_with_few_points() -> None:
    material = toy_material(24, 120, 3, effect={"length": 2.0}, bags=2)
    bags = torch.stack([material.bagged(place) for place in range(24)])
    fitted = crossfit(bags, material.labels, material.codes, folds=3, rng=np.random.default_rng(1))
    part, _ = material.draw(2_000, "origin")
    own = SparseAutoencoder(part.embeddings.shape[1], 32, 4, seed=1)
    origin = origin_of(part.embeddings, [sparse_codes(own, part.embeddings)])
    found = attribute_codes(material, [own], origin, [fitted])
    still = origin.embedding.expand(1, 60, -1)
    anchors = np.array([float(head(still)) for (head,) in fitted.heads])
    expected = fitted.logits(bags).mean(axis=1) - anchors[fitted.fold]
    np.testing.assert_allclose(found.difference[0], expected, atol=1e-4)
    assert found.gap <= 0.01 + 0.01 * np.abs(found.difference).max()
