"""Donors: the people a sample is compared with when a feature group is taken out of it.

``discovery`` uses all subjects of the fit, so the group becomes that of an average sample. ``controls`` uses
those without the disease. ``matched`` uses for each sample the controls nearest in batch, sex and age, so
that effects of these aren't attributed to the group. Several disjoint donors give a value its standard error.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from cfdna_interp.artifacts.sheet import Sample
from cfdna_interp.errors import InputError
from cfdna_interp.records.attribution_notes import Matching, ReferenceName
from cfdna_interp.stats.resampling import stream
from cfdna_interp.stats.subjects import Subjects

KINDS: tuple[ReferenceName, ...] = ("discovery", "controls", "matched")


@dataclass(frozen=True)
class Pools:
    """The donors of each target.

    Attributes
    ----------
    kind
        One of ``KINDS``.
    members
        For each target and each donor, the rows of the discovery samples whose fragments it pools. Donors of
        one target have no subject in common. Empty if the reference does not apply.
    matching
        For ``matched``: how similar the donors are. None for the others.
    reason
        Why the reference does not apply, or "" if it does.
    """

    kind: ReferenceName
    members: tuple[tuple[tuple[int, ...], ...], ...]
    matching: Matching | None = None
    reason: str = ""


def pools(
    kind: ReferenceName, discovery: Sequence[Sample], targets: Sequence[Sample], *, donors: int, seed: int
) -> Pools:
    """Choose the donors of each target.

    ``discovery`` and ``controls`` divide their subjects at random into parts, the same for every target. The
    target's own subject may be in one of them (``interventions.swap`` says why). ``matched`` takes one sample
    from each of the nearest controls, never from the target's own subject. Nearest are those of the same
    batch and sex, then of the same batch, then of the same sex, then all others; ties are broken by age, then
    at random.

    Parameters
    ----------
    kind
        One of ``KINDS``.
    discovery
        Samples that may donate, with labels.
    targets
        Samples of any role that receive donated values; their labels are not used.
    donors
        Number of donors per target.
    seed
        The run's seed.

    Raises
    ------
    InputError
        A donor is not of the discovery role, or there are too few subjects for ``discovery``. With too few
        subjects for another reference that reference doesn't apply, and ``reason`` says so.
    """
    for sample in discovery:
        if sample.role != "discovery":
            raise InputError(
                f"sample {sample.sample}: role {sample.role} never donates; "
                "donors must come from the discovery cohort"
            )
    if kind == "matched":
        return _matched(discovery, targets, donors, seed)
    subjects = Subjects([sample.subject for sample in discovery]).index
    if kind == "discovery":
        people, rng, who = np.unique(subjects), stream(seed, "donors"), "discovery subjects"
    else:
        controls = np.array([sample.label == 0 for sample in discovery], dtype=bool)
        people, rng, who = np.unique(subjects[controls]), stream(seed, "donors", kind), "discovery controls"
    if len(people) < 2 * donors:
        reason = (
            f"{len(people)} {who} are too few for {donors} donor pools of two subjects or more; "
            f"give at least {2 * donors} {who}"
        )
        if kind == "discovery":  # without the main reference there is no attribution at all
            raise InputError(reason)
        return Pools(kind, (), reason=reason)
    parts = np.array_split(rng.permutation(people), donors)
    members = tuple(tuple(np.flatnonzero(np.isin(subjects, part)).tolist()) for part in parts)
    return Pools(kind, (members,) * len(targets))


def _matched(discovery: Sequence[Sample], targets: Sequence[Sample], donors: int, seed: int) -> Pools:
    controls = [(row, sample) for row, sample in enumerate(discovery) if sample.label == 0]
    sex, batch = (any(getattr(sample, name) for _, sample in controls) for name in ("sex", "batch"))
    aged = any(sample.age is not None for _, sample in controls)
    if not (sex or batch or aged):
        return Pools("matched", (), reason="the sheet gives no age, sex or batch of the controls")
    members, gaps = [], []
    differing: dict[Literal["sex", "batch"], int] = {}
    if sex:
        differing["sex"] = 0
    if batch:
        differing["batch"] = 0
    for target in targets:
        chance = stream(seed, "donors", "matched", target.sample).permutation(len(controls))
        ranked = sorted(
            (_distance(target, sample, differing), turn, row)
            for turn, (row, sample) in zip(chance.tolist(), controls, strict=True)
            if sample.subject != target.subject
        )
        chosen: dict[str, int] = {}  # subject -> row: the nearest sample of each
        for _, _, row in ranked:
            chosen.setdefault(discovery[row].subject, row)
        if len(chosen) < donors:
            reason = (
                f"sample {target.sample}: {len(chosen)} discovery controls of other subjects are too few for "
                f"{donors} matched donors; give at least {donors + 1} discovery controls"
            )
            return Pools("matched", (), reason=reason)
        nearest = list(chosen.values())[:donors]
        members.append(tuple((row,) for row in nearest))
        for row in nearest:
            for name in differing:
                differing[name] += not _same(target, discovery[row], name)
            gaps.append(_gap(target, discovery[row]))
    known = [gap for gap in gaps if np.isfinite(gap)]
    matching = Matching(differing=differing, age_gap=float(np.mean(known)) if known else None)
    return Pools("matched", tuple(members), matching)


def _distance(target: Sample, donor: Sample, columns: Iterable[str]) -> tuple[int, float]:
    differs = {name: not _same(target, donor, name) for name in columns}
    return 2 * differs.get("batch", False) + differs.get("sex", False), _gap(target, donor)


def _same(target: Sample, donor: Sample, column: str) -> bool:
    """Return whether both have the same known value."""
    value = getattr(target, column)
    return bool(value) and value == getattr(donor, column)


def _gap(target: Sample, donor: Sample) -> float:
    """Return the difference of age in years, infinite if an age is unknown."""
    return np.inf if target.age is None or donor.age is None else abs(target.age - donor.age)
