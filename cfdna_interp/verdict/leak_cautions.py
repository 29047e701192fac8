"""What the audit found of leaks and of an earlier correction, in the words of the verdict."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cfdna_interp.artifacts.matrix import COVARIATE, TECHNICAL
from cfdna_interp.artifacts.verdict import Caution
from cfdna_interp.audit.leak_rule import Leak
from cfdna_interp.audit.leakage import Kind
from cfdna_interp.config.settings import Corrected
from cfdna_interp.records.protocol import FrozenProtocol

Record = Mapping[str, Any]
LEAK = "can't tell: leak"
CORRECTION, CORRECTION_NOTED = "correction with labels", "earlier correction"
LISTED_APART, SAME_TWICE = "classes listed apart", "one sample as two people"
COLUMN_LEFT_OUT = "column in no baseline"


def broken_words(found: Record) -> str:
    """Say what one finding of ``breaks`` is, a clause."""
    n = f"{found['subjects']} of {found['of']} held-out subjects"
    kind = Leak(found["kind"])
    if kind is Leak.NAME:
        return f"{n} have a name that stands in discovery, too"
    if kind is Leak.TWIN:
        return f"{n} are near-duplicates of discovery subjects by their features"
    if kind is Leak.MOLECULES:
        return f"{n} hold the molecules of discovery subjects"
    source = source_words(found["source_kind"], found["source"], found["column"])
    if kind is Leak.FOLLOWED:
        return (
            f"the score follows the {source} among subjects of one label and batch (rank correlation "
            f"{found['correlation']:.2f}, {_p(found['p'])}), and the label is read from it with AUROC "
            f"{found['auroc']:.2f}"
        )
    return (
        f"the {source} alone tell the label with AUROC {found['auroc']:.2f}, which reaches the "
        "interval of the model's"
    )


def source_words(kind: str, source: str, column: str) -> str:
    """Name a source of labels; of gaps with the column that tells most."""
    name = f"date in {_bare(source)}" if kind == Kind.DATE else source
    return f"{name} (most: {_bare(column)})" if column else name


def _bare(column: str) -> str:
    """Return a column as the sheet or table calls it."""
    return column.removeprefix(TECHNICAL).removeprefix(COVARIATE)


def without_words(leakage: Record) -> str:
    """Say what the AUROC is without the leaking subjects, "" where no subject could be left out."""
    without = leakage["without"]
    if without is None:
        return ""
    n = f"{without['n']['case']} cases and {without['n']['control']} controls"
    if without["reason"]:
        return f"without these {without['left_out']} subjects there is no AUROC: {without['reason']} ({n})"
    said = ", ".join(f"{name} {_interval(interval)}" for name, interval in without["scores"].items())
    return f"without these {without['left_out']} subjects the AUROC is: {said} ({n})"


def leak_words(leakage: Record) -> str:
    """Say what breaks L0 and what is left without it, "" where nothing does."""
    if not leakage["breaks"]:
        return ""
    said = [*map(broken_words, leakage["breaks"]), without_words(leakage)]
    return "; ".join(part for part in said if part)


def leak_cautions(protocol: FrozenProtocol, audit: Record) -> list[Caution]:
    """Return what was found and breaks no rung, and what is known of an earlier correction."""
    leakage, corrected = audit["leakage"], protocol.corrected
    kind = CORRECTION if corrected.how == "with labels" else CORRECTION_NOTED
    kinds = (
        (kind, _corrected(corrected)),
        (LISTED_APART, _listed_apart(leakage)),
        (SAME_TWICE, _within_roles(leakage)),
        (COLUMN_LEFT_OUT, _left_out(protocol.left_out)),
    )
    return [Caution(name, sentence) for name, sentences in kinds for sentence in sentences]


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


def _listed_apart(leakage: Record) -> list[str]:
    broken = {(found["source"]) for found in leakage["breaks"]}
    sentences = []
    for role, name in (("discovery", "discovery"), ("heldout", "held-out")):
        told = [
            f"{source_words(row['kind'], row['source'], row['column'])} "
            f"(AUROC {row['auroc']:.2f}, n = {row['subjects']})"
            for row in leakage["readable_labels"]
            if row["tells"] and row["role"] == role and not (role == "heldout" and row["source"] in broken)
        ]
        if told:
            sentences.append(
                f"The {name} label is read from {'; '.join(told)}. That the score makes use of it isn't "
                "shown, but cases and controls were collected, measured or listed apart, and whatever drifts "
                "tells the label, too."
            )
    return sentences


def _within_roles(leakage: Record) -> list[str]:
    pairs = {
        (pair["a"], pair["b"])
        for kind in ("near_duplicates", "shared_fragments")
        for pair in leakage[kind]["pairs"]
        if len(set(pair["roles"])) == 1
    }
    if not pairs:
        return []
    a, b = sorted(pairs)[0]
    what = f"{len(pairs)} pairs of samples" if len(pairs) > 1 else "One pair of samples"
    return [
        f"{what} of different subjects within a role {'are' if len(pairs) > 1 else 'is'} nearly the same "
        f"(first {a} and {b}): every interval counts them as two people."
    ]


def _left_out(left_out: Mapping[str, str]) -> list[str]:
    return [f"The baseline leaves out {_bare(name)}: it is {reason}." for name, reason in left_out.items()]


def _p(p: float) -> str:
    return "p < 0.001" if p < 0.001 else f"p = {p:.2g}"


def _interval(interval: Record) -> str:
    if interval["low"] is None:
        return f"{interval['value']:.2f} [no interval: {interval['method']}]"
    return f"{interval['value']:.2f} [{interval['low']:.2f} to {interval['high']:.2f}]"
