"""``attributed/{chunk}.json``: what a reader has to know about the coalition values of a chunk of samples."""

from __future__ import annotations

from typing import ClassVar, Literal

from cfdna_interp.records.base import Record, ResultFile

InterventionName = Literal["swap", "reweight", "edit"]
ReferenceName = Literal["discovery", "controls", "matched"]
DiagnosticName = Literal[
    "unmatched", "relaxed", "unmatched_in_blocks", "relaxed_in_blocks",
    "effective", "largest", "moved", "without_value", "unplaced",
]  # fmt: skip
DepthName = Literal["head", "last_layer", "body", "tables", "embedding"]


class Matching(Record, frozen=True, kw_only=True):
    """How near the donors of the reference ``matched`` are to the samples.

    Attributes
    ----------
    differing
        ``sex`` and ``batch`` -> number of pairs of sample and donor that differ in it, or of which one is
        unknown. A column that no control has is left out.
    age_gap
        Mean difference of age over pairs of sample and donor, in years; null without ages.
    """

    differing: dict[Literal["sex", "batch"], int]
    age_gap: float | None


class SampleDiagnostics(Record, frozen=True, kw_only=True):
    """How well an intervention held on one sample.

    Attributes
    ----------
    sample
        Name of the sample.
    intervention, reference
        What was done, and who donated.
    values
        Diagnostic -> its value. ``swap`` has the shares of replacements ``unmatched`` (without a donor) and
        ``relaxed`` (the donor was found after a criterion had been dropped), of all fragments and of those
        ``_in_blocks`` of the atlas. ``reweight`` has the smallest ``effective`` sample size as a share of
        the bag, the ``largest`` weight, the mass ``moved`` and the share of coalitions ``without_value``.
        ``edit`` has the shares of fragments ``unplaced`` and ``unmatched``. Null where it is undefined.
    """

    sample: str
    intervention: InterventionName
    reference: ReferenceName
    values: dict[DiagnosticName, float | None]


class SampleGradients(Record, frozen=True, kw_only=True):
    """Integrated gradients of one sample, the mean over its bags.

    Attributes
    ----------
    sample
        Name of the sample.
    groups
        Feature group -> its contribution to the difference of the logits, signed.
    completeness
        Absolute gap between the sum of the contributions and the difference of the logits.
    infidelity
        Mean squared error of what contributions foretell when random halves of a bag are replaced by their
        donors.
    infidelity_null
        The same with the contributions dealt out anew among fragments.
    """

    sample: str
    groups: dict[str, float]
    completeness: float
    infidelity: float
    infidelity_null: float


class RandomisedDepth(Record, frozen=True, kw_only=True):
    """Attributions of a few bags under random weights.

    Attributes
    ----------
    depth
        The lowest layer that is random; the layers above it are random too.
    draws
        Number of draws of random weights.
    samples
        Number of samples, one bag each.
    share
        Feature group -> mean share over draws.
    cosine, cosine_low, cosine_high
        Mean, smallest and largest cosine over draws of these contributions with those of the model as it is.
    """

    depth: DepthName
    draws: int
    samples: int
    share: dict[str, float | None]
    cosine: float | None
    cosine_low: float | None
    cosine_high: float | None


class AttributionNotes(ResultFile, frozen=True, kw_only=True):
    """What doesn't apply to a chunk of samples and why, and how well the interventions held.

    Attributes
    ----------
    not_applicable
        Intervention or reference -> why it doesn't apply.
    matching
        How near matched donors are, over all samples of the cohort; null where ``matched`` wasn't asked for
        or doesn't apply.
    diagnostics
        One entry a sample, intervention and reference.
    gradients
        One entry a sample.
    randomised
        One entry a depth, in chunk 0; empty in the others.
    """

    FILE: ClassVar[str] = "attributed/{chunk}.json"
    STAGE: ClassVar[str] = "attribute"

    not_applicable: dict[InterventionName | ReferenceName, str]
    matching: Matching | None
    diagnostics: tuple[SampleDiagnostics, ...]
    gradients: tuple[SampleGradients, ...]
    randomised: tuple[RandomisedDepth, ...]
