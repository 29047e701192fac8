"""What the audit found of leaks and of an earlier correction, in the words of the verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cfdna_interp.audit.held_columns import plain_name
from cfdna_interp.config.settings import Corrected
from cfdna_interp.records.leaks import Break, Leak, Leakage, SourceKind, WithoutLeaks
from cfdna_interp.records.protocol import ColumnKnown, FrozenProtocol
from cfdna_interp.records.values import Auroc
from cfdna_interp.records.verdict import Caution, CautionKind
from cfdna_interp.verdict.missing_words import known_words, missing_words


def break_words(found: Break) -> str:
    """Say what one leak is, a clause."""
    n = f"{found.subjects} of {found.of} held-out subjects"
    if found.kind is Leak.NAME:
        return f"{n} have a name that stands in discovery, too"
    if found.kind is Leak.TWIN:
        return f"{n} are near-duplicates of discovery subjects by their features"
    if found.kind is Leak.MOLECULES:
        return f"{n} hold the molecules of discovery subjects"
    source = source_words(found.source_kind, found.source, found.column)
    if found.kind is Leak.FOLLOWED:
        return (
            f"the score follows the {source} among subjects of one label and batch (rank correlation "
            f"{found.correlation:.2f}, {_p(found.p)}), and the label is read from it with AUROC "
            f"{found.auroc:.2f}"
        )
    return (
        f"the {source} alone tell the label with AUROC {found.auroc:.2f}, which reaches the "
        "interval of the model's"
    )


def source_words(kind: SourceKind | None, source: str, column: str) -> str:
    """Name a source of labels; of gaps with the column that tells most."""
    name = f"date in {plain_name(source)}" if kind is SourceKind.DATE else source
    return f"{name} (most: {plain_name(column)})" if column else name


def without_words(without: WithoutLeaks | None) -> str:
    """Say what the AUROC is without the leaking subjects, "" where no subject could be left out."""
    if without is None:
        return ""
    n = f"{without.n.case} cases and {without.n.control} controls"
    if without.missing is not None:
        why = missing_words(without.missing)
        return f"without these {without.left_out} subjects there is no AUROC: {why} ({n})"
    said = ", ".join(f"{name} {_interval(auroc)}" for name, auroc in without.scores.items())
    return f"without these {without.left_out} subjects the AUROC is: {said} ({n})"


def leak_words(breaks: Sequence[Break], without: WithoutLeaks | None) -> str:
    """Say what breaks L0 and what is left without it, "" where nothing does."""
    if not breaks:
        return ""
    said = [*map(break_words, breaks), without_words(without)]
    return "; ".join(part for part in said if part)


def leak_cautions(protocol: FrozenProtocol, leakage: Leakage) -> list[Caution]:
    """Return what was found and breaks no rung, and what is known of an earlier correction."""
    corrected = protocol.corrected
    with_labels = corrected.how == "with labels"
    kinds = (
        (CautionKind.CORRECTION if with_labels else CautionKind.CORRECTION_NOTED, _corrected(corrected)),
        (CautionKind.LISTED_APART, _listed_apart(leakage)),
        (CautionKind.SAME_TWICE, _within_roles(leakage)),
        (CautionKind.COLUMN_LEFT_OUT, _left_out(protocol.left_out)),
    )
    return [Caution(kind=kind, sentence=sentence) for kind, sentences in kinds for sentence in sentences]


def corrected_words(corrected: Corrected) -> str:
    """Say who corrected what over whom, a clause."""
    over = {"both roles": "both roles together", "each role": "each role by itself", "discovery": "discovery"}
    by = f", by {corrected.by}" if corrected.by else ""
    return f"the values were corrected for batches with labels over {over[corrected.over]}{by}"


def _corrected(corrected: Corrected) -> list[str]:
    how, by = corrected.how, f" (by {corrected.by})" if corrected.by else ""
    if how == "unknown":
        return [
            "Whether the values were corrected for batches before they came here is not known (the setting "
            "'corrected' says it): a correction that knew the labels makes noise tell them."
        ]
    if how == "blind":
        over = corrected.over if corrected.over != "each role" else "each role by itself"
        return [f"The values were corrected for batches over {over}{by}; labels had no part in it."]
    if how == "with labels" and corrected.over == "discovery":
        return [
            f"The discovery values were corrected for batches with labels{by}: figures of discovery subjects "
            "overstate what tells the classes apart, those of held-out subjects don't."
        ]
    return []


def _listed_apart(leakage: Leakage) -> list[str]:
    broken = {found.source for found in leakage.breaks}
    sentences = []
    for role, name in (("discovery", "discovery"), ("heldout", "held-out")):
        told = [
            f"{source_words(row.kind, row.source, row.column)} (AUROC {row.auroc:.2f}, n = {row.subjects})"
            for row in leakage.readable_labels
            if row.tells and row.role == role and not (role == "heldout" and row.source in broken)
        ]
        if told:
            sentences.append(
                f"The {name} label is read from {'; '.join(told)}. That the score makes use of it isn't "
                "shown, but cases and controls were collected, measured or listed apart, and whatever drifts "
                "tells the label, too."
            )
    return sentences


def _within_roles(leakage: Leakage) -> list[str]:
    everyone = [(pair.a, pair.b, pair.roles) for pair in leakage.near_duplicates.pairs]
    everyone += [(pair.a, pair.b, pair.roles) for pair in leakage.shared_fragments.pairs]
    pairs = {(a, b) for a, b, roles in everyone if roles[0] == roles[1]}
    if not pairs:
        return []
    a, b = sorted(pairs)[0]
    what = f"{len(pairs)} pairs of samples" if len(pairs) > 1 else "One pair of samples"
    return [
        f"{what} of different subjects within a role {'are' if len(pairs) > 1 else 'is'} nearly the same "
        f"(first {a} and {b}): every interval counts them as two people."
    ]


def _left_out(left_out: Mapping[str, ColumnKnown]) -> list[str]:
    return [
        f"The baseline leaves out {plain_name(name)}: it is {known_words(known)}."
        for name, known in left_out.items()
    ]


def _p(p: float | None) -> str:
    return "p < 0.001" if p is not None and p < 0.001 else f"p = {p:.2g}"


def _interval(auroc: Auroc) -> str:
    if auroc.low is None:
        return f"{auroc.value:.2f} [no interval: {auroc.method}]"
    return f"{auroc.value:.2f} [{auroc.low:.2f} to {auroc.high:.2f}]"
