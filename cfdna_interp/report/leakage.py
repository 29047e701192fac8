"""What could have told the label, or the held-out subjects, without biology: checks with their findings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from cfdna_interp.records.audit import RoleShift
from cfdna_interp.records.leaks import (
    FollowedSource,
    LabelSource,
    Leakage,
    MoleculePair,
    SharedMolecules,
    SimilarPair,
    SimilarSamples,
)
from cfdna_interp.report.words import group_name, number, p_phrase, percent
from cfdna_interp.verdict.leak_cautions import leak_words, source_words
from cfdna_interp.verdict.missing_words import missing_words

FOUND, NOTHING, UNCHECKED = "found", "nothing found", "not checked"
SIGNIFICANT = 0.05
SHOWN = 10  # pairs or features; audit.json has them all


@dataclass(frozen=True)
class Check:
    """One thing that was looked for.

    Attributes
    ----------
    name
        What.
    status
        ``FOUND``, ``NOTHING`` or ``UNCHECKED``.
    sentence
        What was found, with n and null.
    examples
        The first of what was found.
    """

    name: str
    status: str
    sentence: str
    examples: tuple[str, ...] = ()


@dataclass(frozen=True)
class ShiftRow:
    """A feature of the controls: held-out minus discovery mean in SD, and q."""

    feature: str
    group: str
    difference: float
    q: float


@dataclass(frozen=True)
class Source:
    """A source of labels: its ``record`` in the audit, its words, and whether the score follows it."""

    record: LabelSource
    words: str
    followed: str


def leak_sentence(leakage: Leakage) -> str:
    """Say what breaks rung L0, in the words of the ladder."""
    said = leak_words(leakage.breaks, leakage.without)
    if not said:
        return "Nothing of what was found breaks rung L0."
    return f"This breaks rung L0: {said}."


def sources(leakage: Leakage) -> list[Source]:
    """Return every source, with whether the held-out score follows it within label and batch."""
    followed = {row.source: row for row in leakage.followed}
    return [
        Source(
            row,
            _capital(source_words(row.kind, row.source, row.column)),
            _followed(followed.get(row.source) if row.role == "heldout" else None),
        )
        for row in leakage.readable_labels
    ]


READ_NAMES = {
    "not stored": (
        "Read names are not stored. A library that was sequenced twice is looked for by the molecules in the "
        "stored fragments."
    ),
    "no reads": "The cohort came as a table: there are no reads.",
}


def checks(leakage: Leakage) -> list[Check]:
    """Return what was looked for, in the order of how bad a finding is."""
    return [
        _subjects(leakage.shared_subjects),
        _molecules(leakage.shared_fragments),
        _twins(leakage.near_duplicates),
        _readable(leakage.readable_labels),
    ]


def shift_sentences(shift: RoleShift) -> list[str]:
    """Say whether held-out controls are like discovery controls."""
    if shift.auroc is None:
        return [f"Whether the controls of the roles are alike can't be told: {missing_words(shift.missing)}."]
    differ = sum(row.q <= SIGNIFICANT for row in shift.features)
    meaning = (
        "The held-out controls are other people, or were handled in another way: what is lost or gained on "
        "them needn't be the disease."
        if shift.p is not None and shift.p <= SIGNIFICANT
        else "No difference between them is shown."
    )
    return [
        f"From all features together the role of a control is read with an AUROC of {number(shift.auroc)} "
        f"(permuted roles {number(shift.chance)}, {p_phrase(shift.p)}; n = {shift.discovery} "
        f"discovery + {shift.heldout} held-out controls, cross-validated). {meaning}",
        f"One by one, {differ} of {len(shift.features)} features differ at a false-discovery rate of 5 %.",
    ]


def shift_rows(shift: RoleShift) -> list[ShiftRow]:
    """Return the features that differ most between the roles, strongest first."""
    return [
        ShiftRow(row.feature, group_name(row.group), row.difference, row.q) for row in shift.features[:SHOWN]
    ]


def _subjects(shared: Sequence[str]) -> Check:
    name = "Subjects in both roles"
    if not shared:
        return Check(name, NOTHING, "No name of a subject occurs in both roles, spelling aside.")
    sentence = f"{len(shared)} held-out subjects have a name that occurs in discovery, spelling aside."
    return Check(name, FOUND, sentence, tuple(shared[:SHOWN]))


def _molecules(record: SharedMolecules) -> Check:
    name = "The same molecules in two samples"
    if record.missing is not None:
        return Check(name, UNCHECKED, f"{_capital(missing_words(record.missing))}.")
    usual = f"{record.samples} samples; of different subjects two share {percent(record.expected, 1)}"
    if not record.pairs:
        return Check(
            name, NOTHING, f"No two samples of different subjects share more than others do ({usual})."
        )
    return Check(
        name,
        FOUND,
        f"{_pairs(record)} of different subjects share fragments as one library sequenced twice would "
        f"({usual}).",
        tuple(
            f"{_pair(pair)}: {percent(pair.share)} of the smaller one's fragments, {p_phrase(pair.p)}"
            for pair in record.pairs[:SHOWN]
        ),
    )


def _twins(record: SimilarSamples) -> Check:
    name = "Near-duplicates by their features"
    if record.missing is not None:
        return Check(name, UNCHECKED, f"{_capital(missing_words(record.missing))}.")
    looked = "".join(f", {group_name(group).lower()}" for group in record.searched)
    rests = (
        f"{record.samples} samples, intrinsic dimension {number(record.dimension, 0)}; looked for over "
        f"all features{looked}"
    )
    if not record.pairs:
        sentence = f"No two samples of different subjects lie nearer than chance makes them ({rests})."
        return Check(name, NOTHING, sentence)
    return Check(
        name,
        FOUND,
        f"{_pairs(record)} of different subjects lie nearer than two people's do ({rests}).",
        tuple(
            f"{_pair(pair)}: {percent(pair.ratio)} of the distance to the fifth neighbour"
            f"{_alike_in(pair)}, {p_phrase(pair.q).replace('p', 'q', 1)}"
            for pair in record.pairs[:SHOWN]
        ),
    )


def _readable(sources: Sequence[LabelSource]) -> Check:
    name = "Label read from ids, order, dates or missing cells"
    if not sources:
        return Check(name, UNCHECKED, "Nothing of the kind varies enough, or the classes are too small.")
    telling = [source for source in sources if source.tells]
    looked = f"{len(sources)} sources, p after Holm within a role"
    if not telling:
        return Check(name, NOTHING, f"Nothing of the kind tells the label ({looked}).")
    return Check(
        name,
        FOUND,
        f"The label can be read ({looked}). Whether that breaks rung L0 is said above. Cases and controls "
        "were collected, run or listed apart, so that whatever drifts may tell the label.",
        tuple(_telling(source) for source in telling[:SHOWN]),
    )


def _telling(source: LabelSource) -> str:
    words = _capital(source_words(source.kind, source.source, source.column))
    return (
        f"{words}, {source.role.replace('heldout', 'held-out')}: AUROC {number(source.auroc)} "
        f"(permuted {number(source.chance)}, {p_phrase(source.p_holm)}, n = {source.subjects} "
        "subjects)"
    )


def _followed(row: FollowedSource | None) -> str:
    """Say what is known of the score and a source that tells the held-out label."""
    if row is None:
        return "not asked"
    if row.correlation is None:
        return "can't be told: nothing varies within label and batch"
    return f"correlation {number(row.correlation)}, {p_phrase(row.p_holm)}"


def _alike_in(pair: SimilarPair) -> str:
    return f" in {group_name(pair.group).lower()}" if pair.group else ""


def _pairs(record: SharedMolecules | SimilarSamples) -> str:
    count = len(record.pairs)
    return f"{count} {'pair' if count == 1 else 'pairs'} of samples"


def _pair(pair: SimilarPair | MoleculePair) -> str:
    one, other = (
        f"{sample} ({role.replace('heldout', 'held-out')})"
        for sample, role in zip((pair.a, pair.b), pair.roles, strict=True)
    )
    return f"{one} and {other}"


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
