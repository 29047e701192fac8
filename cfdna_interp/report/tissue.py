"""Tissue of origin of a cohort: whether the atlas explains each sample, and who has which cell type."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.sheet import Sample
from cfdna_interp.records.base import load_record
from cfdna_interp.records.qc import Presence, SampleQuality, Tissue
from cfdna_interp.report.words import ROLE_NAMES, number, p_phrase

CLASSES = {1: "cases", 0: "controls"}
# Residuals of cases and controls are said to differ at this p.
_DIFFERENT = 0.05


@dataclass(frozen=True)
class SampleTissue:
    """The mixture of one sample.

    Attributes
    ----------
    sample, subject, role, label
        Whose.
    tissue
        What extraction said.
    """

    sample: str
    subject: str
    role: str
    label: int
    tissue: Tissue


@dataclass(frozen=True)
class ResidualRow:
    """Residuals of the samples of one role and class.

    Attributes
    ----------
    role, label
        Which.
    samples, explained
        Samples with shares, and those of them that the atlas explains.
    low, median, high
        Over the residuals that are known; None without any.
    """

    role: str
    label: int
    samples: int
    explained: int
    low: float | None
    median: float | None
    high: float | None


@dataclass(frozen=True)
class TypeRow:
    """How many samples have a cell type.

    Attributes
    ----------
    name
        Of the cell type.
    cases, controls
        Answer -> samples.
    """

    name: str
    cases: Mapping[Presence, int]
    controls: Mapping[Presence, int]


def load_tissues(
    samples: Mapping[str, Sequence[Sample]], labels: Mapping[str, int], layout: Layout
) -> tuple[SampleTissue, ...]:
    """Read the mixtures of the samples of each role; none where no atlas was set."""
    found = []
    for role, members in samples.items():
        for sample in members:
            tissue = load_record(SampleQuality, layout.qc(sample.sample)).tissue
            if tissue is not None:
                found.append(
                    SampleTissue(sample.sample, sample.subject, role, labels[sample.subject], tissue)
                )
    return tuple(found)


def residual_rows(tissues: Sequence[SampleTissue]) -> list[ResidualRow]:
    """Return a row for each role and class that has samples with shares."""
    rows = []
    for role in ROLE_NAMES:
        for label in CLASSES:
            members = [
                one.tissue
                for one in tissues
                if (one.role, one.label) == (role, label) and one.tissue.obstacle is None
            ]
            values = [one.residual.value for one in members if one.residual.value is not None]
            if members:
                rows.append(
                    ResidualRow(
                        role=role,
                        label=label,
                        samples=len(members),
                        explained=sum(one.residual.explained is True for one in members),
                        low=min(values, default=None),
                        median=float(np.median(values)) if values else None,
                        high=max(values, default=None),
                    )
                )
    return rows


def unexplained(tissues: Sequence[SampleTissue]) -> list[SampleTissue]:
    """Return the samples that the atlas doesn't explain, the largest residual first."""
    found = [one for one in tissues if one.tissue.residual.explained is False]
    return sorted(found, key=lambda one: (-(one.tissue.residual.value or 0), one.sample))


def type_rows(tissues: Sequence[SampleTissue]) -> list[TypeRow]:
    """Return the cell types, those that most samples have first."""
    names: dict[str, None] = {}
    for one in tissues:
        names |= dict.fromkeys(one.tissue.fractions)
    rows = []
    for name in names:
        counts: dict[int, Counter[Presence]] = {label: Counter() for label in CLASSES}
        for one in tissues:
            if name in one.tissue.fractions:
                counts[one.label][one.tissue.fractions[name].presence] += 1
        rows.append(TypeRow(name, counts[1], counts[0]))
    return sorted(rows, key=lambda row: -(row.cases["present"] + row.controls["present"]))


def tissue_sentences(tissues: Sequence[SampleTissue]) -> list[str]:
    """Return what is to be known before the answers are read."""
    with_shares = [one for one in tissues if one.tissue.obstacle is None]
    said = []
    if len(with_shares) < len(tissues):
        said.append(
            f"{len(tissues) - len(with_shares)} of {len(tissues)} samples have no shares: they cover too few "
            "blocks of the atlas."
        )
    if not with_shares:
        return said
    bad = unexplained(with_shares)
    judged = [one for one in with_shares if one.tissue.residual.explained is not None]
    if bad:
        said.append(
            f"Can't tell: the atlas does not explain {len(bad)} of {len(with_shares)} samples. Their counts "
            "lie further from any mixture of its cell types than cells that vary would take them, as they "
            "would with a type that the atlas lacks. None of its types is called present or absent there. "
            "`cfdna-interp atlas unknown` fits such a type to all samples at once: set the file that it "
            "writes as atlas, and extract again."
        )
    elif len(judged) == len(with_shares):
        said.append(f"The atlas explains all {len(with_shares)} samples with shares.")
    first = tissues[0].tissue.markers
    if first.merged or first.dropped:
        said.append(
            f"Blocks of the atlas overlap: {first.merged} were joined to another one at the same place, and "
            f"{first.dropped} were left out."
        )
    for role in ROLE_NAMES:
        said += _difference(role, [one for one in with_shares if one.role == role])
    return said


def _difference(role: str, members: Sequence[SampleTissue]) -> list[str]:
    """Return a sentence where the residuals of cases and controls differ; subjects count once."""
    from scipy.stats import mannwhitneyu

    by_subject: dict[tuple[str, int], list[float]] = {}
    for one in members:
        if one.tissue.residual.value is not None:
            by_subject.setdefault((one.subject, one.label), []).append(one.tissue.residual.value)
    cases, controls = (
        [float(np.mean(values)) for (_, label), values in by_subject.items() if label == wanted]
        for wanted in (1, 0)
    )
    if min(len(cases), len(controls)) == 0:
        return []
    p = float(mannwhitneyu(cases, controls).pvalue)
    if not p < _DIFFERENT:
        return []
    higher = "cases" if np.median(cases) > np.median(controls) else "controls"
    return [
        f"{ROLE_NAMES[role]}: residuals differ between cases (median {number(float(np.median(cases)))}) and "
        f"controls ({number(float(np.median(controls)))}; {p_phrase(p)}, rank sum test). The atlas fits "
        f"{higher} less well, by depth, by handling, or by a cell type that it lacks."
    ]
