"""The intervention ``reweight`` changes the weights of fragments and not the fragments.

It answers the question: what would the model predict for this sample if, among its own fragments, those
typical of the reference were as common as there? Weights are raked. Groups outside the coalition get the
distribution of reference fragments of the same context. Groups inside it keep the sample's own, and so does
the context (locus class, number of calls). Every fragment stays real. Any model whose pooling takes weights
can be used.

Only the distributions of single groups change. The dependence of groups within a fragment stays the sample's
own, even in the empty coalition. Its value differs from the reference by that dependence and by the context.
Attribution reports this remainder as "context and joint".

The other interventions ask other questions: ``swap`` replaces a group's values by those of a matched
fragment, ``edit`` changes the molecule itself.
"""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from itertools import product

import numpy as np

from cfdna_interp.artifacts.features import BAG_GROUPS
from cfdna_interp.attribution.interventions.margins import ReferenceMargins
from cfdna_interp.attribution.interventions.raking import Raked, rake
from cfdna_interp.models.contract import FragmentInputs

# A coalition has no value if its weights rest on too few fragments or on a single one, or if the reference
# has too much mass where the sample has no fragment.
EFFECTIVE = 0.30
LARGEST = 20.0
MOVED = 0.05


@dataclass(frozen=True, eq=False)
class Reweighted:
    """Weights of a bag of n fragments for every coalition, in the order of ``dataset.COALITIONS``.

    Attributes
    ----------
    weights
        (8, n) weights of mean 1. NaN if a coalition has no value; all 1 for the coalition of all groups.
    valid
        (8,) bool: the coalition has a value.
    effective
        (8,) effective sample size as a share of the bag.
    largest
        (8,) largest weight.
    moved
        (8,) share of the worst group's mass that has no match: reference mass without a fragment of the
        sample, which moves to the nearest class, and sample mass without a reference in its context, which
        stays.
    reason
        Why coalitions have no value; "" if all have one.
    """

    weights: np.ndarray
    valid: np.ndarray
    effective: np.ndarray
    largest: np.ndarray
    moved: np.ndarray
    reason: str


def coalition_weights(bag: FragmentInputs, margins: ReferenceMargins) -> Reweighted:
    """Weight the n fragments of a bag for every coalition of the groups.

    Parameters
    ----------
    bag
        Fragments of one sample.
    margins
        Margins of the reference, made for bags of this size.
    """
    groups, context = margins.groups(bag), margins.context(bag)
    cells = [*(group.codes for group in groups), *context]
    held = [np.bincount(codes) / len(bag) for codes in context]
    coalitions = list(product((False, True), repeat=len(BAG_GROUPS)))
    weights = np.ones((len(coalitions), len(bag)))
    effective, largest, moved = np.ones(len(coalitions)), np.ones(len(coalitions)), np.zeros(len(coalitions))
    faults: list[str] = []
    for row, present in enumerate(coalitions):
        if all(present):
            faults.append("")
            continue
        pairs = list(zip(groups, present, strict=True))
        raked = rake(cells, [*(group.own if stays else group.reference for group, stays in pairs), *held])
        weights[row], effective[row], largest[row] = raked.weights, raked.effective, raked.largest
        moved[row] = max(group.moved for group, stays in pairs if not stays)
        faults.append(_fault(raked, moved[row]))
    valid = np.array([not fault for fault in faults])
    weights[~valid] = np.nan
    seen = Counter(fault for fault in faults if fault)
    reason = "; ".join(f"{fault} in {times} of {len(coalitions)} coalitions" for fault, times in seen.items())
    return Reweighted(weights, valid, effective, largest, moved, reason)


def _fault(raked: Raked, moved: float) -> str:
    """Return why weights can't be used, or "" if they can."""
    if moved > MOVED:
        return f"more than {MOVED:.0%} of the reference lies where the sample has no fragment"
    if not raked.converged:
        return "no weights give every group its distribution"
    if raked.effective < EFFECTIVE:
        return f"effective sample size under {EFFECTIVE:.0%} of the bag"
    if raked.largest > LARGEST:
        return f"a weight above {LARGEST:g}"
    return ""
