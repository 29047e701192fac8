"""The attention head, its streaming form, and cross-fitting."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from cfdna_interp.errors import InputError
from cfdna_interp.models import pooling
from cfdna_interp.models.crossfit import CrossFit, crossfit, subject_weights
from cfdna_interp.models.fitting import fit_heads
from cfdna_interp.models.folds import folds_of
from cfdna_interp.models.head import QUERIES, AttentionHead
from cfdna_interp.models.pooling import REGIONS, region_rows
from cfdna_interp.stats.roc import auroc


def random_head(dim: int, seed: int, spread: float = 1.0) -> AttentionHead:
    generator = torch.Generator().manual_seed(seed)
    head = AttentionHead(dim, scale=0.1)
    for tensor in (head.query, head.region_query, head.weight, head.product, head.axes):
        tensor.data.copy_(spread * torch.randn(tensor.shape, generator=generator))
    return head.requires_grad_(False)


def planted_bags(samples: int, seed: int, shift: float) -> tuple[torch.Tensor, np.ndarray]:
    """(samples, 2, 128, 6) unit-variance fragments whose first direction moves by ±shift/2 with the label."""
    rng = np.random.default_rng(seed)
    labels = rng.permutation(np.arange(samples) % 2)
    bags = rng.normal(size=(samples, 2, 128, 6)).astype(np.float32)
    bags[..., 0] += (shift * (labels - 0.5))[:, None, None].astype(np.float32)
    return torch.from_numpy(bags), labels


def test_with_queries_at_zero_the_head_is_a_logistic_regression_on_means() -> None:
    bags = torch.randn(5, 40, 3, generator=torch.Generator().manual_seed(0))
    head = AttentionHead(3, scale=0.5)
    head.weight.data[:] = torch.tensor([1.0, -2.0, 0.5])
    head.bias.data.fill_(0.25)
    # Both queries pool the plain mean m, so the logit is QUERIES · w·m / scale + b.
    expected = QUERIES * bags.mean(dim=1) @ torch.tensor([1.0, -2.0, 0.5]) / 0.5 + 0.25
    assert torch.allclose(head(bags), expected, atol=1e-5)


def dense_logit(head: AttentionHead, bag: torch.Tensor, regions: np.ndarray, weights: torch.Tensor) -> float:
    """Fragments to regions to a sample in float64, straight from the definition."""
    rows = bag.double()
    dim = rows.shape[1]
    pooled = []
    for query, region_query in zip(head.query.double(), head.region_query.double(), strict=True):
        raised = weights.double() * (rows @ query / dim**0.5).exp()
        vectors, logits = [], []
        for region in np.unique(regions):
            inside = torch.from_numpy(regions == region)
            vector = (raised[inside, None] * rows[inside]).sum(dim=0) / raised[inside].sum()
            vectors.append(vector)
            logits.append(raised[inside].sum().log() + vector @ region_query / dim**0.5)
        attention = torch.stack(logits).softmax(dim=0)
        pooled.append(attention @ torch.stack(vectors))
    measured = (torch.stack(pooled) - head.centre) / head.scale @ head.balance.double()
    along = measured.mean(dim=0) @ head.axes.double()
    return float((measured * head.weight).sum() + along @ head.product.double() @ along + head.bias)


@settings(max_examples=30)
@given(seed=st.integers(0, 1_000), spread=st.floats(0.1, 5.0), size=st.integers(16, 90))
def test_dense_streamed_and_mixed_up_bags_have_one_logit(seed: int, spread: float, size: int) -> None:
    generator = torch.Generator().manual_seed(seed)
    head = random_head(4, seed, spread)
    bag = torch.randn(size, 4, generator=generator)
    regions = region_rows(size)
    expected = dense_logit(head, bag, regions, torch.ones(size))
    # Logits reach hundreds where weights are large, and softmax of them loses digits in single precision.
    near = pytest.approx(expected, rel=1e-3, abs=1e-2)
    assert float(head(bag[None])[0]) == near
    order = torch.randperm(size, generator=generator)
    index = torch.from_numpy(regions)[order]
    chunks = [(bag[order[at : at + 7]], index[at : at + 7]) for at in range(0, size, 7)]
    assert float(head.of_stream(chunks)) == near
    # Two samples, their fragments mixed up: the bag, and the bag less its first region.
    later = index > 0
    both = head.of_samples(
        torch.cat([bag[order], bag[order[later]]]),
        torch.cat([torch.zeros(size), torch.ones(int(later.sum()))]).long(),
        torch.cat([index, index[later]]),
        2,
    )
    assert float(both[0]) == near
    rest = dense_logit(head, bag[regions > 0], regions[regions > 0], torch.ones(int((regions > 0).sum())))
    assert float(both[1]) == pytest.approx(rest, rel=1e-3, abs=1e-2)


def test_streaming_equals_dense_to_1e_5_on_a_trained_head() -> None:
    bags, labels = planted_bags(40, 5, 0.3)
    head = fit_heads(bags, labels, np.arange(40), np.ones((1, 40)), np.random.default_rng(3))[0]
    bag = torch.randn(20_000, 6, generator=torch.Generator().manual_seed(6))
    regions = torch.from_numpy(region_rows(len(bag)))
    chunks = zip(bag.split(777), regions.split(777), strict=True)
    assert float(head.of_stream(chunks)) == pytest.approx(float(head(bag[None])[0]), abs=1e-5)


def test_a_weight_of_two_is_a_fragment_twice_and_zero_is_none() -> None:
    head = random_head(4, 8)
    bag = torch.randn(32, 4, generator=torch.Generator().manual_seed(9))
    weights = torch.tensor([0.0, 2.0] * 16)
    # Rows 1, 3, 5, ... twice each are again 32 rows, with the same rows in each region of two.
    twice = bag[1::2].repeat_interleave(2, dim=0)
    assert torch.allclose(head(bag[None], weights[None]), head(twice[None]), atol=1e-4)
    sets = torch.stack([weights, torch.ones(32)])[None]  # several weightings in one pass
    assert torch.allclose(head(bag[None], sets)[0, 1], head(bag[None])[0], atol=1e-4)
    assert torch.allclose(head(bag[None], sets)[0, 0], head(twice[None])[0], atol=1e-4)


def test_parts_of_two_bags_merge_into_a_bag_of_both() -> None:
    # Outside fragments of the first bag and inside ones of the second, as a coalition takes them.
    bags = torch.randn(2, 32, 4, generator=torch.Generator().manual_seed(1))
    inside = torch.arange(32) % 2 == 1
    parts = torch.stack([~inside, inside]).float().expand(2, 2, 32)
    head = random_head(4, 2)
    pooled = head.pool(bags, parts)
    merged = pooled.map(lambda item: item[0, 0]).merge(pooled.map(lambda item: item[1, 1]))
    together = torch.where(inside[:, None], bags[1], bags[0])[None]
    assert torch.allclose(head.read_out(merged), head(together)[0], atol=1e-4)


def test_bags_pooled_a_few_at_a_time_are_those_pooled_together(monkeypatch: pytest.MonkeyPatch) -> None:
    bags = torch.randn(7, 40, 4, generator=torch.Generator().manual_seed(5))
    weights = torch.rand(7, 3, 40, generator=torch.Generator().manual_seed(6))
    head = random_head(4, 7)
    together = head(bags), head(bags, weights)
    monkeypatch.setattr(pooling, "_CACHED", 2 * 40 * 4)  # two bags at a time, then one
    assert pooling.bags_at_once(bags) == 2
    assert torch.allclose(head(bags), together[0], atol=1e-5)
    assert torch.allclose(head(bags, weights), together[1], atol=1e-5)


def test_gradients_pass_through_padding_and_empty_regions() -> None:
    head = random_head(4, 3)
    bag = torch.randn(1, 17, 4, generator=torch.Generator().manual_seed(4), requires_grad=True)
    head(bag).sum().backward()  # 17 rows in stretches of 2: seven regions are padding alone
    assert REGIONS == 16 and bag.grad is not None
    assert torch.isfinite(bag.grad).all() and (bag.grad.abs().sum(dim=2) > 0).all()


def fit_head(
    bags: torch.Tensor,
    labels: np.ndarray,
    subjects: np.ndarray,
    weights: np.ndarray,
    rng: np.random.Generator,
) -> AttentionHead:
    return fit_heads(bags, labels, subjects, weights[None], rng)[0]


def test_a_head_finds_a_planted_direction_and_nothing_where_there_is_none() -> None:
    new, new_labels = planted_bags(400, 99, 0.3)
    # A shift of .3 against a mean's noise of 1/sqrt(128): d = .3 * sqrt(128) = 3.4, so AUROC .99 and more.
    bags, labels = planted_bags(60, 0, 0.3)
    head = fit_head(bags, labels, np.arange(60), np.ones(60), np.random.default_rng(0))
    assert auroc(new_labels, head(new[:, 0]).numpy()) > 0.97
    values = []
    for seed in range(6):
        bags, labels = planted_bags(60, seed, 0.0)
        head = fit_head(bags, labels, np.arange(60), np.ones(60), np.random.default_rng(seed))
        values.append(auroc(new_labels, head(planted_bags(400, 99, 0.0)[0][:, 0]).numpy()))
    # One AUROC of 200 + 200 null subjects has an SD of .029; heads differ, so six means give about .012.
    assert abs(np.mean(values) - 0.5) < 0.05


def test_a_sample_of_weight_zero_is_as_if_it_were_not_there() -> None:
    bags, labels = planted_bags(40, 3, 0.2)
    weights = np.ones(40)
    weights[30:] = 0
    with_zeros = fit_head(bags, labels, np.arange(40), weights, np.random.default_rng(1))
    without = fit_head(bags[:30], labels[:30], np.arange(30), np.ones(30), np.random.default_rng(1))
    assert torch.equal(with_zeros.weight, without.weight)


def test_few_subjects_still_give_a_head_and_one_class_gives_none() -> None:
    bags, labels = planted_bags(6, 4, 0.5)
    labels[:] = [1, 0, 0, 0, 0, 0]
    weights = np.ones(6)
    assert fit_head(bags, labels, np.arange(6), weights, np.random.default_rng(0)).weight.abs().sum() > 0
    weights[0] = 0
    silent = fit_head(bags, labels, np.arange(6), weights, np.random.default_rng(0))
    assert silent(bags[:, 0]).tolist() == [0.0] * 6


def test_no_subject_is_on_both_sides_of_a_fold() -> None:
    subjects = np.repeat(np.arange(20), 2)
    labels = np.repeat(np.arange(20) % 2, 2)
    fold = folds_of(subjects, labels, 5, np.random.default_rng(0))
    assert all(len(set(fold[subjects == subject])) == 1 for subject in range(20))
    # Four subjects a fold, two of each class.
    assert all((labels[fold == number]).mean() == 0.5 for number in range(5))


def test_folds_balance_subjects_and_not_their_samples() -> None:
    # 20 cases and 20 controls; three cases have 8 samples each. By samples those three would fill folds.
    subjects = np.repeat(np.arange(40), [8] * 3 + [1] * 37)
    labels = (subjects < 20).astype(int)
    for seed in range(5):
        fold = folds_of(subjects, labels, 5, np.random.default_rng(seed))
        assert all(len(set(fold[subjects == subject])) == 1 for subject in range(3))
        cases = [len(set(subjects[(fold == number) & (labels == 1)])) for number in range(5)]
        assert cases == [4] * 5


def test_too_few_subjects_for_the_folds_is_an_error() -> None:
    with pytest.raises(InputError, match=r"3 discovery subjects with label 1 .* lower model\.folds"):
        folds_of(np.arange(13), np.array([1] * 3 + [0] * 10), 5, np.random.default_rng(0))


def test_subjects_weigh_the_same_whatever_their_samples() -> None:
    assert subject_weights(np.array([4, 4, 7, 4])).tolist() == [1 / 3, 1 / 3, 1.0, 1 / 3]


def test_cross_fitted_logits_come_from_the_head_that_never_saw_the_subject(tmp_path: Path) -> None:
    bags, labels = planted_bags(30, 5, 0.3)
    fitted = crossfit(bags, labels, np.arange(30), folds=3, rng=np.random.default_rng(0), ensemble=2)
    logits = fitted.logits(bags)
    row = 11
    by_hand = torch.stack([head(bags[row]) for head in fitted.heads[fitted.fold[row]]]).mean(dim=0)
    assert np.allclose(logits[row], by_hand.numpy(), atol=1e-6)
    everyone = torch.stack([head(bags[row]) for ensemble in fitted.heads for head in ensemble]).mean(dim=0)
    assert np.allclose(fitted.ensemble_logits(bags)[row], everyone.numpy(), atol=1e-6)
    names = [f"S{number:02d}" for number in range(30)]
    fitted.save(tmp_path / "heads.safetensors", names)
    assert np.array_equal(CrossFit.load(tmp_path / "heads.safetensors").logits(bags), logits)
    assert CrossFit.load(tmp_path / "heads.safetensors", names).fold.tolist() == fitted.fold.tolist()
    # The same number of others, or the same ones in another order: their folds are not these.
    for others in ([*names[:-1], "S99"], names[::-1]):
        with pytest.raises(InputError, match="belongs to another cohort"):
            CrossFit.load(tmp_path / "heads.safetensors", others)
    (tmp_path / "heads.safetensors").write_bytes(b"")
    with pytest.raises(InputError, match="run the train stage again"):
        CrossFit.load(tmp_path / "heads.safetensors")
