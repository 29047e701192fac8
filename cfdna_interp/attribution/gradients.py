"""Integrated gradients of a bag's logit, fragment by fragment, from matched donors' values to its own.

They answer the question: along the straight line from donors' fragments to the sample's, which changes of
which fragments moved the logit? The inputs are looked-up embeddings (length, call states), since a table
lookup can't be differentiated. The line goes through embeddings that no fragment has. It therefore shows
where in a bag a group's effect comes from, but not by itself how much the model relies on the group.

The line is joint: each step moves all fragments of the bag, and the softmax over them couples their
gradients. A first pass pools the bag at every step in chunks. A fragment depends on the others only through
the gradient of the logit with respect to these attention sums. In a second pass Captum integrates each
chunk's product with this gradient. Both passes hold one chunk at a time. The result equals that of the whole
bag at once. The method is that of Sundararajan et al. (arXiv:1703.01365, 2017).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
import torch
from captum.attr import IntegratedGradients
from captum.metrics import infidelity

from cfdna_interp.artifacts.features import BAG_GROUPS
from cfdna_interp.attribution.contrast import Contrast
from cfdna_interp.errors import InputError
from cfdna_interp.models.contract import Encoder, FragmentInputs
from cfdna_interp.models.head import AttentionHead
from cfdna_interp.models.pooling import Pooled, pool_fragments
from cfdna_interp.stats.resampling import stream

DOUBLINGS = 2
INFIDELITY_DRAWS = 16  # random halves of a bag
# Largest accepted error of the sum of attributions: in units of the logit, and relative to the logits'
# difference.
TOLERANCE, RELATIVE_TOLERANCE = 0.01, 0.01


@dataclass(frozen=True, eq=False)
class BagGradients:
    """Attributions of a bag's logit under integrated gradients.

    Attributes
    ----------
    groups
        Group -> sum over fragments, in units of the logit.
    total
        Sum over groups.
    difference
        Logit of the bag minus that of its donors.
    completeness
        |total − difference|: the error of the numerical integral.
    infidelity
        Mean squared error, over random halves of the bag, of the prediction that replacing fragments by their
        donors lowers the logit by their attributions (Yeh et al. 2019, arXiv:1901.09392). One common factor
        on all attributions is fitted, because the logit is nonlinear along the line, equally for every half.
        ``completeness`` measures the error of the total.
    infidelity_null
        The same with attributions permuted among fragments.
    per_fragment
        (n, groups) float64, groups as in ``BAG_GROUPS``.
    """

    groups: dict[str, float]
    total: float
    difference: float
    completeness: float
    infidelity: float
    infidelity_null: float
    per_fragment: np.ndarray


def crossed(own: FragmentInputs, donors: FragmentInputs) -> tuple[FragmentInputs, ...]:
    """Return the versions of ``swap.VERSIONS`` that mix each fragment with a single donor.

    The mixed versions of ``swap`` have other donors, and the difference between two donors would be
    attributed to the group that stays. With one donor a group that the encoder does not read gets exactly 0.

    Parameters
    ----------
    own
        n fragments.
    donors
        (n) the donor of each, with the same number of calls: the version ``both`` of a swap.
    """
    lengths = own.with_stretch_of(donors, np.arange(len(own)))
    return own, lengths, own.with_states(donors.states), donors


def gradients_of_bag(
    encoder: Encoder,
    heads: list[AttentionHead],
    versions: tuple[FragmentInputs, ...],
    *,
    steps: int,
    seed: int,
    sample: str = "",
    donor: int = 0,
    chunk: int = 4096,
) -> BagGradients:
    """Attribute the mean logit of ``heads`` for one bag against its donors.

    The difference between a fragment and its donor is split into a part of the length and a part of the
    calls, averaged over the two orders of replacing them. Calls belong to tissue of origin on fragments that
    touch an atlas block and to methylation elsewhere.

    Parameters
    ----------
    encoder
        Attributions are to its channels if it has them (:class:`contrast.ChannelEncoder`), otherwise to its
        embeddings.
    heads
        The heads that never saw the subject.
    versions
        The n fragments of a bag as in ``swap.VERSIONS``, in the order of their windows. The last version is
        the baseline. See :func:`crossed`.
    steps
        Points of the Gauss-Legendre rule along the line. They are doubled up to ``DOUBLINGS`` times if the
        sum misses the difference of the logits.
    seed
        The run's seed, for the halves of infidelity.
    sample, donor
        Names of the sample and of the donor pool of its baseline, for the random stream and for messages.
    chunk
        Fragments in memory at a time. Results depend on it only by rounding.

    Raises
    ------
    InputError
        The bag is empty, an embedding is not finite, or the integral misses more than ``TOLERANCE`` and
        ``RELATIVE_TOLERANCE`` of the logits' difference.
    """
    place = f"sample {sample}, donor pool {donor}"
    bag = Contrast(encoder, heads, versions, chunk, place)
    for count in (steps, *(steps * 2**power for power in range(1, DOUBLINGS + 1))):
        per_fragment, difference = _integrated(bag, count)
        total = float(per_fragment.sum())
        gap = abs(total - difference)
        complete = gap <= max(TOLERANCE, RELATIVE_TOLERANCE * abs(difference))
        if complete:
            break
    else:
        raise InputError(
            f"{place}: integrated gradients sum to {total:.4f}, the logit differs from the donors' by "
            f"{difference:.4f}; raise attribution.gradient_steps, now {steps} (tried up to {count})"
        )
    faith, null = _infidelity(bag, per_fragment.sum(axis=1), stream(seed, "infidelity", sample, donor))
    return BagGradients(
        groups=dict(zip(BAG_GROUPS, per_fragment.sum(axis=0).tolist(), strict=True)),
        total=total,
        difference=difference,
        completeness=gap,
        infidelity=faith,
        infidelity_null=null,
        per_fragment=per_fragment,
    )


def _integrated(bag: Contrast, steps: int) -> tuple[np.ndarray, float]:
    """Return (n, groups) attributions of the fragments, and the difference of logits that they sum to."""
    nodes = 0.5 * (1 + np.polynomial.legendre.leggauss(steps)[0])
    path = bag.pool(lambda own, donors, _: _line(bag.embed, own, donors, [0.0, *nodes, 1.0]))
    donor_logit, *_, own_logit = bag.logits(path).tolist()
    slopes = [
        _slope(head, pooled.map(lambda item: item[1:-1]))
        for head, pooled in zip(bag.heads, path, strict=True)
    ]
    per_fragment = np.concatenate(
        [_chunk(bag, slopes, torch.from_numpy(nodes), rows) for rows in bag.chunks()]
    )
    return per_fragment, own_logit - donor_logit


def _line(
    embed: Callable[[torch.Tensor], torch.Tensor],
    own: torch.Tensor,
    donors: torch.Tensor,
    places: list[float],
) -> Iterator[torch.Tensor]:
    return (embed(donors + place * (own - donors)) for place in places)


def _slope(head: AttentionHead, pooled: Pooled) -> Pooled:
    """Return the gradient of the logit with respect to mass and sums, which are relative to the peak."""
    mass, sums = pooled.mass.requires_grad_(), pooled.sums.requires_grad_()
    logits = head.read_out(Pooled(pooled.peak, mass, sums))  # (steps,)
    return Pooled(pooled.peak, *torch.autograd.grad(logits.sum(), (mass, sums)))


def _chunk(bag: Contrast, slopes: list[Pooled], nodes: torch.Tensor, rows: np.ndarray) -> np.ndarray:
    """Return (rows, groups) attributions of a chunk's fragments."""

    def along_slope(channels: torch.Tensor, place: torch.Tensor, regions: torch.Tensor) -> torch.Tensor:
        # By the chain rule this has the gradient of the logit: the chunk's effect on the bag's sums times
        # their effect on the logit.
        step = int((nodes - place[0]).abs().argmin())
        embedded = bag.embed(channels)
        moved = place.sum() * 0  # Captum requires every input in the graph
        for head, slope in zip(bag.heads, slopes, strict=True):
            part = pool_fragments(embedded, head.query, regions, torch.zeros_like(regions), 1)
            by_sums = (part.sums[0] * slope.sums[step]).sum(dim=-1)  # (regions, queries)
            scale = (part.peak[0] - slope.peak[step]).exp()
            moved = moved + (scale * (part.mass[0] * slope.mass[step] + by_sums)).sum() / len(bag.heads)
        return moved[None]

    own, lengths, calls, donors = (bag.channels(version, rows) for version in range(4))
    # The place on the line, from 0 to 1, is an additional input. It identifies the step.
    place = torch.ones(len(rows), 1, dtype=torch.float64)
    gradient, _ = IntegratedGradients(along_slope, multiply_by_inputs=False).attribute(
        (own, place),
        baselines=(donors, torch.zeros_like(place)),
        additional_forward_args=bag.regions[torch.from_numpy(rows)],
        n_steps=len(nodes),
        internal_batch_size=len(rows),  # one step per call
    )
    with_length = ((own - lengths) + (calls - donors)).double() / 2
    with_calls = ((lengths - donors) + (own - calls)).double() / 2
    by_length = (gradient.double() * with_length).sum(dim=1).numpy()
    by_calls = (gradient.double() * with_calls).sum(dim=1).numpy()
    inside = bag.versions[0].locus[rows] > 0
    return np.stack([by_length, np.where(inside, 0, by_calls), np.where(inside, by_calls, 0)], axis=1)


def _infidelity(bag: Contrast, attributions: np.ndarray, rng: np.random.Generator) -> tuple[float, float]:
    """Return Captum's infidelity of (n,) attributions, and of the attributions permuted among fragments."""
    replaced = torch.from_numpy(rng.random((INFIDELITY_DRAWS, len(attributions))) < 0.5).double()

    def logits(kept: torch.Tensor) -> torch.Tensor:
        def mix(own: torch.Tensor, donors: torch.Tensor, rows: np.ndarray) -> Iterator[torch.Tensor]:
            first, last = bag.embed(own), bag.embed(donors)
            return (torch.where(row[torch.from_numpy(rows), None] > 0, first, last) for row in kept)

        return bag.logits(bag.pool(mix))

    own = torch.ones(1, len(attributions), dtype=torch.float64)
    real, null = (
        infidelity(
            logits,
            lambda kept: (replaced, kept - replaced),
            own,
            torch.from_numpy(phi)[None],
            n_perturb_samples=INFIDELITY_DRAWS,
            normalize=True,
        )
        for phi in (attributions, rng.permutation(attributions))
    )
    return float(real), float(null)
