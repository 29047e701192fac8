"""Coalition values of one sample under each intervention, from heads that never saw its subject."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
import torch

from cfdna_interp.attribution.coalition_values import values_of_versions, values_of_weights
from cfdna_interp.attribution.embed import EmbeddedSample, finite
from cfdna_interp.attribution.interventions.donors import DonorBank
from cfdna_interp.attribution.interventions.edit import UNIFORMS, edit
from cfdna_interp.attribution.interventions.margins import ReferenceMargins
from cfdna_interp.attribution.interventions.reweight import coalition_weights
from cfdna_interp.attribution.interventions.swap import mean_matching, swap
from cfdna_interp.attribution.refit_plan import MAIN
from cfdna_interp.attribution.shapley import shapley_of_table
from cfdna_interp.attribution.study import Bag, Study
from cfdna_interp.models.contract import Encoder, FragmentInputs
from cfdna_interp.models.head import AttentionHead
from cfdna_interp.models.reference_line import ReferenceLine
from cfdna_interp.records.attribution_notes import DiagnosticName, InterventionName, ReferenceName
from cfdna_interp.stats.resampling import stream

UNEDITED = 0.05  # of a bag's fragments; with a larger share a bag has no value under ``edit``


@dataclass(frozen=True, eq=False)
class DonorReference:
    """Donors of one sample, with their embedded bags and margins.

    Attributes
    ----------
    kind
        ``discovery``, ``controls`` or ``matched``.
    banks
        One per donor part.
    bags
        (donors, fragments, dim) embedded bags of the unchanged parts.
    margins
        Margins of each part, for ``reweight``.
    """

    kind: ReferenceName
    banks: list[DonorBank]
    bags: torch.Tensor
    margins: list[ReferenceMargins]


@dataclass(frozen=True, eq=False)
class Target:
    """The sample whose groups are taken out.

    Attributes
    ----------
    name
        Name of the sample.
    heads
        Heads that never saw its subject.
    embedded
        Its stored embeddings.
    bags
        The fragments of the embeddings.
    """

    name: str
    heads: list[AttentionHead]
    embedded: EmbeddedSample
    bags: list[Bag]


@dataclass(frozen=True, eq=False)
class InterventionValues:
    """The coalition values of one sample under one intervention.

    Attributes
    ----------
    values
        (coalitions, donors) logits, NaN where a coalition has no value.
    diagnostics
        Name -> quality of the donors' matches or of the weights.
    """

    values: np.ndarray
    diagnostics: Mapping[DiagnosticName, float]


def swap_values(study: Study, target: Target, reference: DonorReference) -> InterventionValues:
    """Swap in values of matched donors. For the main reference they are in the stored embeddings."""
    if reference.kind == MAIN[1]:
        values = _of_versions(target.heads, target.embedded.versions, target.embedded.touches)
        return InterventionValues(values, target.embedded.matching)
    swaps = [
        swap(bank, bag.fragments, bag.uniform) for bank, bag in zip(reference.banks, target.bags, strict=True)
    ]
    where = f"sample {target.name}, swap with reference {reference.kind}"
    versions = _versions(study, target.embedded, [one.versions for one in swaps], where)
    return InterventionValues(
        _of_versions(target.heads, versions, target.embedded.touches), mean_matching(swaps)
    )


def reweight_values(study: Study, target: Target, reference: DonorReference) -> InterventionValues:
    """Change the weights of the sample's own fragments; a coalition without weights has no value."""
    bags = [
        coalition_weights(bag.fragments, margins)
        for bag, margins in zip(target.bags, reference.margins, strict=True)
    ]
    weights = np.stack([item.weights for item in bags])  # (donors, coalitions, fragments)
    values = np.mean(
        [values_of_weights(head, target.embedded.versions[0], weights) for head in target.heads], axis=0
    )
    return InterventionValues(
        values,
        {
            "effective": float(min(item.effective.min() for item in bags)),
            "largest": float(max(item.largest.max() for item in bags)),
            "moved": float(max(item.moved.max() for item in bags)),
            "without_value": float(np.mean([~item.valid for item in bags])),
        },
    )


def edit_values(study: Study, target: Target, reference: DonorReference) -> InterventionValues:
    """Change the molecules themselves."""
    line = ReferenceLine(str(study.config.reference.fasta))
    edits = []
    for number, (bank, bag) in enumerate(zip(reference.banks, target.bags, strict=True)):
        uniform = stream(study.config.seed, "edit", target.name, number).random(
            (len(bag.fragments), UNIFORMS)
        )
        edits.append(edit(bank, bag.fragments, line, uniform))
    where = f"sample {target.name}, edit with reference {reference.kind}"
    versions = _versions(study, target.embedded, [one.versions for one in edits], where)
    values = _of_versions(target.heads, versions, target.embedded.touches)
    # Fragments that could not be edited keep the group's values. With too many of them the value would be
    # wrong.
    values[:, [max(one.unplaced, one.unmatched) > UNEDITED for one in edits]] = np.nan
    return InterventionValues(
        values,
        {
            "unplaced": float(np.mean([one.unplaced for one in edits])),
            "unmatched": float(np.mean([one.unmatched for one in edits])),
        },
    )


Intervene = Callable[[Study, Target, DonorReference], InterventionValues]
INTERVENTIONS: dict[InterventionName, Intervene] = {
    "swap": swap_values,
    "reweight": reweight_values,
    "edit": edit_values,
}


def _versions(
    study: Study, embedded: EmbeddedSample, made: list[tuple[FragmentInputs, ...]], where: str
) -> torch.Tensor:
    """Return (4, donors, fragments, dim): the stored unchanged bags, and the encoded other versions."""
    others = [version for versions in made for version in versions[1:]]
    encoded = finite(study.encoder.encode(FragmentInputs.concatenate(others)), where)
    shape = (len(made), len(made[0]) - 1, len(others[0]))
    return torch.cat([embedded.versions[:1], encoded.unflatten(0, shape).transpose(0, 1)])


def _of_versions(heads: list[AttentionHead], versions: torch.Tensor, touches: torch.Tensor) -> np.ndarray:
    values = [values_of_versions(head, versions[None], touches[None])[0] for head in heads]
    averaged: np.ndarray = np.mean(values, axis=0)
    return averaged


def swap_shapley(
    encoder: Encoder, heads: list[AttentionHead], versions: tuple[FragmentInputs, ...]
) -> np.ndarray:
    """Return (groups,) Shapley values of one bag, from its versions under ``swap``."""
    encoded = encoder.encode(FragmentInputs.concatenate(list(versions)))
    embedded = encoded.unflatten(
        0, (len(versions), 1, len(versions[0]))
    )  # (versions, donors, fragments, dim)
    touches = torch.from_numpy(versions[0].locus > 0)[None]
    phi: np.ndarray = shapley_of_table(_of_versions(heads, embedded, touches).T)[0]
    return phi
