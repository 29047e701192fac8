"""How heads are fitted: what is chosen, when training stops, and what the logits mean."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cfdna_interp.models.crossfit import crossfit
from cfdna_interp.models.fitting import fit_heads
from cfdna_interp.models.head import attend_regions
from cfdna_interp.models.head_plan import INNER_FOLDS, PRODUCTS, inner_folds, plan_of
from cfdna_interp.models.head_training import Attend, train
from cfdna_interp.models.pooling import pool_bags
from cfdna_interp.stats.roc import auroc


def latent_bags(subjects: int, seed: int, spread: float = 0.4) -> tuple[torch.Tensor, np.ndarray]:
    """(subjects, 2, 128, 6) fragments of unit variance whose means follow two latents, and the latents."""
    rng = np.random.default_rng(seed)
    latents = rng.normal(size=(subjects, 2))
    bags = rng.normal(size=(subjects, 2, 128, 6))
    bags[..., :2] += spread * latents[:, None, None, :]
    return torch.from_numpy(bags.astype(np.float32)), latents


def test_exclusive_or_of_two_latents_is_learnt_through_products() -> None:
    # The sign of a product: no weighted sum of the latents knows it (AUROC .5), the product knows all.
    bags, latents = latent_bags(240, 0)
    labels = (latents.prod(axis=1) > 0).astype(int)
    fitted = crossfit(bags, labels, np.arange(240), folds=4, rng=np.random.default_rng(1))
    assert auroc(labels, fitted.logits(bags).mean(axis=1)) > 0.9
    assert all(float(head.product.abs().sum()) > 0.1 for ensemble in fitted.heads for head in ensemble)


def test_products_stay_out_where_a_sum_says_all() -> None:
    bags, latents = latent_bags(160, 2)
    rng = np.random.default_rng(3)
    labels = (rng.random(160) < 1 / (1 + np.exp(-2 * latents[:, 0]))).astype(int)
    heads = fit_heads(bags, labels, np.arange(160), np.ones((1, 160)), rng)
    assert not heads[0].product.any()


def test_what_the_penalty_forbids_large_coefficients_do_not_bring_back() -> None:
    # Under the penalty that stands for no products coefficients are small, and larger with more subjects or
    # with outliers among them: what counts is the penalty that was chosen, not their size.
    bags, latents = latent_bags(160, 2)
    labels = (latents[:, 0] > 0).astype(int)
    means, everybody = bags.mean(dim=2), np.arange(160)
    plan = plan_of(means, labels, everybody, np.ones(160), np.random.default_rng(3), bags.shape[2])
    assert plan.starts is not None and plan.product == 1 / PRODUCTS[0]
    for start in plan.starts:
        start[6:-1] = 1e-3  # behind the six directions
    train([plan], bags, means, torch.from_numpy(labels.astype(np.float32)))
    assert plan.head.weight.any() and not plan.head.product.any()


def test_heads_side_by_side_are_those_fitted_one_by_one() -> None:
    bags, latents = latent_bags(60, 4)
    labels = (latents[:, 0] > 0).astype(int)
    weights = np.ones((2, 60))
    weights[1, ::5] = 0
    together = fit_heads(bags, labels, np.arange(60), weights, np.random.default_rng(5))
    first = fit_heads(bags, labels, np.arange(60), weights[:1], np.random.default_rng(5))
    for one, other in zip(together[0].parameters(), first[0].parameters(), strict=True):
        assert torch.allclose(one, other, rtol=1e-3, atol=1e-5)


def test_logits_of_new_subjects_are_calibrated() -> None:
    slopes = []
    for seed in range(6):
        bags, latents = latent_bags(400, 20 + seed)
        rng = np.random.default_rng(seed)
        labels = (rng.random(400) < 1 / (1 + np.exp(-1.2 * latents[:, 0]))).astype(int)
        head = fit_heads(bags[:200], labels[:200], np.arange(200), np.ones((1, 200)), rng)[0]
        with torch.inference_mode():
            logits = torch.stack([head(bags[200:, bag]) for bag in (0, 1)]).mean(dim=0).numpy()
        slopes.append(np.polyfit(latents[200:, 0], logits, 1)[0])
    # A calibrated logit has the slope of the log odds, 1.2; one fit's slope has a standard error of about .2.
    assert np.mean(slopes) == pytest.approx(1.2, abs=0.25)


def test_where_labels_are_chance_calibrated_logits_are_small() -> None:
    bags, _ = latent_bags(80, 8)
    spread = []
    for seed in range(5):
        labels = np.random.default_rng(seed).permutation(np.arange(80) % 2)
        fitted = crossfit(bags, labels, np.arange(80), folds=4, rng=np.random.default_rng(seed))
        spread.append(fitted.logits(bags).mean(axis=1).std())
    assert np.median(spread) < 0.5


def test_held_out_logits_that_say_the_opposite_leave_small_ones() -> None:
    # Each label is the opposite of its neighbours': what is learnt on the others is wrong on the fold.
    bags = torch.zeros(12, 1, 32, 2)
    bags[:, :, :, 0] = torch.arange(12.0)[:, None, None]
    head = fit_heads(bags, np.arange(12) % 2, np.arange(12), np.ones((1, 12)), np.random.default_rng(0))[0]
    assert torch.isfinite(head.weight).all() and float(head(bags[:, 0]).std()) < 0.5


def test_probabilities_as_targets_are_reproduced() -> None:
    # A surrogate: the scores of an unknown model, here a logit of 1.5 times the first latent.
    bags, latents = latent_bags(200, 9, spread=0.8)
    logit = 1.5 * latents[:, 0]
    targets = 1 / (1 + np.exp(-logit))
    head = fit_heads(bags[:150], targets[:150], np.arange(150), np.ones((1, 150)), np.random.default_rng(2))[
        0
    ]
    with torch.inference_mode():
        said = torch.stack([head(bags[150:, bag]) for bag in (0, 1)]).mean(dim=0).numpy()
    assert np.corrcoef(said, logit[150:])[0, 1] > 0.95
    assert np.polyfit(logit[150:], said, 1)[0] == pytest.approx(1.0, abs=0.3)


def test_inner_folds_hold_whole_subjects_and_both_sides() -> None:
    subjects = np.repeat(np.arange(20), 2)
    labels = np.repeat(np.arange(20) % 2, 2)
    weights = np.ones(40)
    weights[:4] = 0
    fold = inner_folds(subjects, labels, weights, np.random.default_rng(0))
    assert (fold[:4] == -1).all() and set(fold[4:]) == set(range(INNER_FOLDS))
    assert (fold[::2] == fold[1::2]).all()
    for number in range(INNER_FOLDS):
        assert set(labels[fold == number]) == {0, 1}
    few = inner_folds(np.arange(3), np.array([0, 0, 1]), np.ones(3), np.random.default_rng(0))
    assert (few == -1).all()


@pytest.mark.parametrize(
    "size", [16, 17, 48, 90]
)  # 17 rows in stretches of 2: seven regions are padding alone
def test_attention_by_hand_is_that_of_the_head_with_its_gradient(size: int) -> None:
    generator = torch.Generator().manual_seed(size)
    bags = torch.randn(3, size, 4, generator=generator, dtype=torch.float64)
    queries = torch.randn(2, 5, 4, generator=generator, dtype=torch.float64)
    query, region_query = (item.clone().requires_grad_() for item in queries)

    def through_the_head() -> torch.Tensor:
        return attend_regions(pool_bags(bags, query), region_query)[:, 0]

    def by_hand(query: torch.Tensor, region_query: torch.Tensor) -> torch.Tensor:
        return Attend.apply(bags, query, region_query)  # type: ignore[no-any-return, no-untyped-call]

    attended = by_hand(query, region_query)
    assert torch.allclose(attended, through_the_head(), atol=1e-12)
    along = torch.randn(attended.shape, generator=generator, dtype=torch.float64)
    ours = torch.autograd.grad((attended * along).sum(), (query, region_query))
    theirs = torch.autograd.grad((through_the_head() * along).sum(), (query, region_query))
    for one, other in zip(ours, theirs, strict=True):
        assert torch.allclose(one, other, atol=1e-12)
    assert torch.autograd.gradcheck(by_hand, (query, region_query))
