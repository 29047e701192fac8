"""Joint training of many heads from the starts of their plans, with early stopping.

A copy of each head that never sees one inner fold decides the number of steps.
"""

from __future__ import annotations

from typing import Any

import torch

from cfdna_interp.models.head import AXES, QUERIES, AttentionHead
from cfdna_interp.models.head_plan import PRODUCTS, HeadPlan
from cfdna_interp.models.pooling import Pooled, bags_at_once, fold
from cfdna_interp.models.ridge import weighted_log_loss

STEPS = 8
RATE = 0.01
QUERY_PENALTY = 0.05


def train(plans: list[HeadPlan], bags: torch.Tensor, means: torch.Tensor, targets: torch.Tensor) -> None:
    """Train all heads, and copies that never see one inner fold; keep each head at its copy's best step.

    Parameters
    ----------
    plans
        Plans of heads that have a start.
    bags, means
        (samples, bags, fragments, dim) embeddings, and their means over fragments.
    targets
        (samples,) targets of the heads, as float32.
    """
    heads = len(plans)
    starts = torch.stack([plan.starts[copy] for copy in (0, 1) for plan in plans if plan.starts is not None])
    # A head whose penalty means "no products" is trained without them.
    on = torch.tensor([plan.product < 1 / PRODUCTS[0] for plan in plans] * 2)
    stack = _Stack([plan.head for plan in plans] * 2, starts, on)
    weights = torch.stack([plan.weights for plan in plans] + [plan.inner for plan in plans]).float()
    held = torch.stack([plan.weights - plan.inner for plan in plans]).float()
    linear = torch.tensor([plan.linear for plan in plans] * 2)
    product = torch.tensor([plan.product for plan in plans] * 2)
    optimiser = torch.optim.Adam(stack.parameters(), lr=RATE)
    schedule = torch.optim.lr_scheduler.CosineAnnealingLR(optimiser, STEPS)
    best = torch.zeros(heads)  # gain in held-out loss over the start
    best_state = stack.without_attention(heads)
    for step in range(STEPS + 1):
        number = step % bags.shape[1]
        logits = stack(bags[:, number])  # (2 x heads, samples)
        with torch.no_grad():
            plain = stack.plain(means[:, number])[heads:]
            gain = weighted_log_loss(plain, targets, held) - weighted_log_loss(logits[heads:], targets, held)
            better = (gain > best) & (step > 0)
            best = torch.where(better, gain, best)
            stack.keep(best_state, better)
        if step == STEPS:
            break
        fit = weighted_log_loss(logits, targets, weights) + stack.ridge(linear, product)
        loss = fit / weights.sum(dim=1) + QUERY_PENALTY * stack.query_size()
        optimiser.zero_grad()
        loss.sum().backward()
        optimiser.step()
        schedule.step()
    for number, plan in enumerate(plans):
        _finish(plan, {name: tensor[number] for name, tensor in best_state.items()})


def _finish(plan: HeadPlan, state: dict[str, torch.Tensor]) -> None:
    head = plan.head
    with torch.no_grad():
        head.query.copy_(state["query"])
        head.region_query.copy_(state["region_query"])
        head.weight.copy_(plan.slope * state["weight"])
        head.product.copy_(plan.slope * state["product"])
        head.bias.copy_(plan.slope * state["bias"] + plan.intercept)


class Attend(torch.autograd.Function):
    """Attention pooling of bags with an explicit gradient for the queries. Bags get no gradient.

    It computes the same as ``pool_bags`` and ``attend_regions``, which take most of the training time. The
    explicit gradient needs half of the passes over scores and vectors.
    """

    @staticmethod
    def forward(
        ctx: Any, bags: torch.Tensor, query: torch.Tensor, region_query: torch.Tensor
    ) -> torch.Tensor:
        """Return (bags, queries, dim) from (bags, fragments, dim) and two times (queries, dim)."""
        folded, mask = fold(bags.contiguous())  # (bags, regions, rows, dim), (regions, rows)
        root = bags.shape[2] ** 0.5
        raised, peak = _raise(folded @ (query / root).T, mask)  # (bags, regions, rows, queries)
        pooled = Pooled(peak, raised.sum(dim=2), raised.transpose(2, 3) @ folded)
        vectors = pooled.vectors()  # (bags, regions, queries, dim)
        region_scores = (vectors * (region_query / root)).sum(dim=3)  # (bags, regions, queries)
        attention = (pooled.log_mass() + region_scores).softmax(dim=1)
        ctx.save_for_backward(folded, raised, pooled.mass, vectors, region_scores, attention, region_query)
        attended: torch.Tensor = (attention[..., None] * vectors).sum(dim=1)
        return attended

    @staticmethod
    def backward(ctx: Any, gradient: torch.Tensor) -> tuple[None, torch.Tensor, torch.Tensor]:
        """Return the gradients of both queries."""
        folded, raised, mass, vectors, region_scores, attention, region_query = ctx.saved_tensors
        root = folded.shape[3] ** 0.5
        # Gradient of a region's share of the attention, then of its logit (softmax), both (bags, regions,
        # queries).
        share = (vectors * gradient[:, None]).sum(dim=3)
        logit = attention * (share - (attention * share).sum(dim=1, keepdim=True))
        # A region's vector v changes the result directly and through the logit.
        moved = attention[..., None] * gradient[:, None] + logit[..., None] * (region_query / root)
        # A fragment x with weight a in its region: d v = a (x - v) d score, d log mass = a d score.
        constant = logit - attention * share - logit * region_scores  # logit - v·moved
        mass = mass.clamp(min=torch.finfo(mass.dtype).tiny)
        scores = folded @ (moved / mass[..., None]).transpose(2, 3)  # (bags, regions, rows, queries)
        scores.add_((constant / mass)[:, :, None]).mul_(raised)
        of_query = scores.flatten(0, 2).T @ folded.flatten(0, 2) / root
        return None, of_query, (logit[..., None] * vectors).sum(dim=(0, 1)) / root


def _raise(scores: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Exponentiate scores minus their peak.

    Parameters
    ----------
    scores
        (bags, regions, rows, queries).
    mask
        (regions, rows) bool: False for padding.

    Returns
    -------
    (bags, regions, rows, queries), 0 for padding; and (bags, regions, queries) the peaks.
    """
    padded = not bool(mask.all())
    if padded:
        scores = scores.masked_fill(~mask[:, :, None], -torch.inf)
    peak = _largest(scores.detach())
    if padded:
        peak = peak.masked_fill(peak.isinf(), 0.0)  # padding only
    return (scores - peak[:, :, None]).exp(), peak


def _largest(scores: torch.Tensor) -> torch.Tensor:
    """Return the maximum over dimension 2, by halving; ``amax`` takes six times as long there."""
    while scores.shape[2] > 1:
        half = (scores.shape[2] + 1) // 2  # an odd row in the middle is in both halves
        scores = torch.maximum(scores[:, :, :half], scores[:, :, -half:])
    return scores[:, :, 0]


class _Stack(torch.nn.Module):
    """The stacked parameters of heads, and their starts."""

    centre: torch.Tensor
    balance: torch.Tensor
    axes: torch.Tensor

    def __init__(self, heads: list[AttentionHead], starts: torch.Tensor, on: torch.Tensor) -> None:
        super().__init__()
        count, dim = len(heads), heads[0].weight.shape[1]
        products = torch.zeros(count, AXES, AXES)
        first, second = torch.triu_indices(AXES, AXES)
        products[:, first, second] = starts[:, dim:-1].float()
        spread = starts[:, None, :dim].float().expand(count, QUERIES, dim) / QUERIES
        self.query = torch.nn.Parameter(torch.stack([head.query.detach() for head in heads]))
        self.region_query = torch.nn.Parameter(torch.zeros(count, QUERIES, dim))
        self.weight = torch.nn.Parameter(spread.clone())
        self.product = torch.nn.Parameter(products)
        self.bias = torch.nn.Parameter(starts[:, -1].float())
        for name in ("centre", "balance", "axes"):
            self.register_buffer(name, torch.stack([getattr(head, name) for head in heads]))
        self.scale = heads[0].scale
        self.on = on[:, None, None]
        self.product.data *= self.on
        self.start = {name: value.detach().clone() for name, value in self.named_parameters()}

    def forward(self, bag: torch.Tensor) -> torch.Tensor:
        """Return (heads, samples) logits of (samples, fragments, dim)."""
        queries = self.query.flatten(0, 1), self.region_query.flatten(0, 1)
        parts = bag.split(bags_at_once(bag))
        attended = torch.cat([Attend.apply(part, *queries) for part in parts])  # type: ignore[no-untyped-call]
        attended = attended.unflatten(1, (-1, QUERIES)).transpose(0, 1)  # (heads, samples, queries, dim)
        return self._read(attended, self.weight, self.product, self.bias)

    def plain(self, means: torch.Tensor) -> torch.Tensor:
        """Return (heads, samples) logits of the start from (samples, dim) means, without attention."""
        mean = means[None, :, None].expand(len(self.query), -1, QUERIES, -1)
        return self._read(mean, self.start["weight"], self.start["product"], self.start["bias"])

    def _read(
        self, attended: torch.Tensor, weight: torch.Tensor, product: torch.Tensor, bias: torch.Tensor
    ) -> torch.Tensor:
        centred = (attended - self.centre[:, None, None]) / self.scale  # (heads, samples, queries, dim)
        # Samples and queries are rows of one product per head, which is faster than a small product per
        # sample.
        measured = (centred.flatten(1, 2) @ self.balance).view(centred.shape)
        along = measured.mean(dim=2) @ self.axes  # (heads, samples, axes)
        products = ((along @ (product * self.on)) * along).sum(dim=-1)
        logit: torch.Tensor = (measured * weight[:, None]).sum(dim=(-2, -1)) + products + bias[:, None]
        return logit

    def ridge(self, linear: torch.Tensor, product: torch.Tensor) -> torch.Tensor:
        """Return (heads,) penalties of the read-out, on the scale of those of the start."""
        read = linear * QUERIES * self.weight.square().sum(dim=(1, 2))
        penalty: torch.Tensor = (read + product * (self.product * self.on).square().sum(dim=(1, 2))) / 2
        return penalty

    def query_size(self) -> torch.Tensor:
        """Return (heads,) mean squares of the queries."""
        size: torch.Tensor = self.query.square().mean(dim=(1, 2)) + self.region_query.square().mean(
            dim=(1, 2)
        )
        return size

    def without_attention(self, heads: int) -> dict[str, torch.Tensor]:
        """Return the start of the first ``heads`` heads, with queries at zero."""
        start = {name: value[:heads].clone() for name, value in self.start.items()}
        start["query"].zero_()
        return start

    def keep(self, kept: dict[str, torch.Tensor], better: torch.Tensor) -> None:
        """Copy the present parameters of the heads that are ``better`` into ``kept``."""
        for name, value in self.named_parameters():
            kept[name][better] = value.detach()[: len(better)][better]
        kept["product"] *= self.on[: len(better)]
