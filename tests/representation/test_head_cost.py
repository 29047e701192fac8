"""Frozen heads on erased bags, against erasing the bags themselves and against pairs counted by hand."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from toy_material import planted_encoder, toy_material

from cfdna_interp.models.crossfit import CrossFit
from cfdna_interp.models.head import AttentionHead
from cfdna_interp.representation.erasure import Eraser, fit_eraser, gather, random_eraser
from cfdna_interp.representation.head_cost import FoldedAuroc, erased_logits


def heads(dim: int, *, attends: bool) -> CrossFit:
    torch.manual_seed(0)
    folds = []
    for _ in range(2):
        ensemble = []
        for _ in range(2):
            head = AttentionHead(dim, scale=0.7).requires_grad_(False)
            for name, parameter in head.named_parameters():
                if attends or "query" not in name:
                    parameter.copy_(torch.randn(parameter.shape) * 0.7)
            head.axes.copy_(torch.randn(head.axes.shape))
            ensemble.append(head)
        folds.append(ensemble)
    return CrossFit(np.arange(6) % 2, folds)


@pytest.mark.parametrize("attends", [True, False])
def test_maps_in_the_sums_are_maps_of_the_bags(attends):
    material = toy_material(6, 90, 1, effect={}, bags=2, encoder=planted_encoder(("length",), 5, 0.3, 0))
    fitted = heads(5, attends=attends)
    drawn, _ = material.draw(540, "x")
    x = drawn.embeddings.double().numpy()
    moments = gather([(x, drawn.fragments.length[:, None].astype(float))])
    length, other = fit_eraser(moments), random_eraser(moments, 3, np.random.default_rng(0))
    nothing = Eraser(moments.mean, np.zeros((5, 5)), 0)
    found = erased_logits(material, fitted, [[length, length], [other, length], [nothing, nothing]])
    for place in range(6):
        bags, fold = material.bagged(place), place % 2
        for row, eraser in [(0, nothing), (1, length), (2, (other, length)[fold]), (3, nothing)]:
            erased = torch.from_numpy(eraser(bags.double().numpy())).float()
            direct = torch.stack([head(erased) for head in fitted.heads[fold]]).mean()
            assert found[row, place] == pytest.approx(float(direct), abs=2e-4, rel=2e-4)
    assert np.abs(found[1] - found[0]).max() > 0.01
    assert erased_logits(material, fitted, []).shape == (1, 6)


def test_aurocs_and_costs_by_hand():
    material = toy_material(12, 16, 1, effect={}, encoder=planted_encoder(("length",), 4, 0.3, 0))
    labels = np.array([1, 0] * 6)
    samples = tuple(replace(s, label=int(label)) for s, label in zip(material.samples, labels, strict=True))
    material = replace(material, samples=samples)
    fold = np.repeat([0, 1], 6)
    fitted = CrossFit(fold, [[], []])
    folded = FoldedAuroc.of(material, fitted, np.random.default_rng(0), 500)
    order = np.argsort(material.codes)  # subjects are sorted by name: P0, P1, P10, P11, P2, ...
    assert (folded.counts[:, material.codes].sum(axis=1) == 12).all() and len(order) == 12
    logits = np.where(labels == 1, 1.0, 0.0)
    logits[0] = 0.5  # still above all controls
    reversed_first = np.where(fold == 0, -logits, logits)
    perfect = folded.score(logits)
    assert (perfect.value, perfect.low, perfect.high) == (1.0, 1.0, 1.0)
    # All pairs of fold 0 are lost, those of fold 1 stay: the mean over folds falls from 1 to 1/2.
    cost = folded.cost(logits, reversed_first)
    assert (cost.value, cost.low, cost.high) == (0.5, 0.5, 0.5)
    unchanged = folded.cost(logits, 3 * logits + 1)
    assert (unchanged.value, unchanged.low, unchanged.high) == (0.0, 0.0, 0.0)
    # Scores of one fold lifted over all others change nothing: folds are never pooled.
    assert folded.score(logits - 100 * fold).value == 1.0


def test_the_interval_is_that_of_the_pairs():
    # One fold, 30 and 30 subjects: the bootstrap's spread is DeLong's, within the noise of 2,000 draws.
    from cfdna_interp.stats.roc import delong

    material = toy_material(60, 4, 1, effect={}, encoder=planted_encoder(("length",), 4, 0.3, 0))
    rng = np.random.default_rng(0)
    first = material.labels + rng.normal(size=60)
    second = material.labels + 1.5 * rng.normal(size=60)
    folded = FoldedAuroc.of(material, CrossFit(np.zeros(60, int), [[]]), np.random.default_rng(1), 2_000)
    values, covariance = delong(material.labels, np.stack([first, second]))
    cost = folded.cost(first, second)
    assert cost.value == pytest.approx(values[0] - values[1])
    error = np.sqrt(np.array([1, -1]) @ covariance @ np.array([1, -1]))
    assert cost.high - cost.low == pytest.approx(2 * 1.96 * error, rel=0.12)
