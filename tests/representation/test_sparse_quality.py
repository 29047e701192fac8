"""Quality of dictionaries: by hand on axes, whole for a perfect one, none for an empty one."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch
from toy_material import planted_encoder, toy_material

from cfdna_interp.models.crossfit import CrossFit
from cfdna_interp.models.head import AttentionHead
from cfdna_interp.representation.material import Material
from cfdna_interp.representation.sparse_autoencoder import SparseAutoencoder
from cfdna_interp.representation.sparse_quality import logit_recovered, of_embeddings, reconstruct


def axes(dim: int, active: int) -> SparseAutoencoder:
    """Both directions of every axis: with all active, codes reconstruct exactly."""
    model = SparseAutoencoder(dim, 2 * dim, active)
    model.decoder = model.encoder = torch.cat([torch.eye(dim), -torch.eye(dim)])
    return model


def test_explained_variance_and_codes_by_hand() -> None:
    # One code each. (3, 1) -> (3, 0) misses 1; (0, -2) -> exact; (0, 0) has none. About the mean (1, -1/3):
    # squares 4 + 16/9, 1 + 25/9, 1 + 1/9, together 6 + 42/9 = 32/3. Codes: 2 of 3 embeddings.
    x = torch.tensor([[3.0, 1.0], [0.0, -2.0], [0.0, 0.0]])
    explained, l0, spoken = of_embeddings(axes(2, 1), [x[:1], x[1:]], x.mean(dim=0))
    assert explained == pytest.approx(1 - 3 / 32)
    assert l0 == pytest.approx(2 / 3)
    assert spoken.tolist() == [1, 0, 0, 1]


@pytest.fixture(scope="module")
def cohort() -> tuple[Material, CrossFit]:
    encoder = planted_encoder(("length", "locus"), 8, 0.1, seed=1)
    material = toy_material(10, 128, 1, effect={"length": 2.0}, bags=2, encoder=encoder)
    rng = torch.Generator().manual_seed(1)
    heads = []
    for _ in range(4):
        head = AttentionHead(material.encoder.dim, scale=0.2).requires_grad_(False)
        for weights in (head.query, head.region_query, head.weight):
            weights.copy_(torch.randn(weights.shape, generator=rng))
        heads.append(head)
    return material, CrossFit(np.arange(10) % 2, [heads[:2], heads[2:]])


def test_exact_reconstructions_recover_the_whole_logit(cohort: tuple[Material, CrossFit]) -> None:
    material, fitted = cohort
    model = axes(material.encoder.dim, material.encoder.dim)
    x = material.load(0).embeddings
    torch.testing.assert_close(reconstruct(model, x), x)
    assert logit_recovered(model, material, fitted, range(10), x.mean(dim=0)) == pytest.approx(1, abs=1e-6)


def test_a_dictionary_that_says_the_mean_recovers_nothing(cohort: tuple[Material, CrossFit]) -> None:
    material, fitted = cohort
    model = SparseAutoencoder(material.encoder.dim, 4, 1)
    model.encoder = torch.zeros_like(model.encoder)  # all codes are 0
    centre = torch.cat([material.load(place).embeddings for place in range(10)]).mean(dim=0)
    model.bias = centre
    assert logit_recovered(model, material, fitted, range(10), centre) == pytest.approx(0, abs=1e-9)
    explained, l0, spoken = of_embeddings(model, [material.load(0).embeddings], centre)
    assert (explained, l0, spoken.sum()) == (pytest.approx(0, abs=1e-9), 0.0, 0)


def test_logits_are_those_of_heads_that_never_saw_the_subject(cohort: tuple[Material, CrossFit]) -> None:
    material, fitted = cohort
    model = SparseAutoencoder(material.encoder.dim, 24, 2, seed=3)
    centre = material.load(0).embeddings.mean(dim=0)
    bags = torch.stack([material.bagged(place) for place in range(10)])
    parts = [material.load(place).embeddings for place in range(10)]
    made = torch.stack([reconstruct(model, x).unflatten(0, (2, -1)) for x in parts])
    real, again, mean = (fitted.logits(x).mean(axis=1) for x in (bags, made, centre.expand_as(bags)))
    expected = 1 - ((again - real)[3:] ** 2).sum() / ((mean - real)[3:] ** 2).sum()
    assert logit_recovered(model, material, fitted, range(3, 10), centre) == pytest.approx(expected, abs=1e-5)
    other = replace(fitted, fold=1 - fitted.fold)
    assert logit_recovered(model, material, other, range(3, 10), centre) != pytest.approx(expected, abs=1e-3)
