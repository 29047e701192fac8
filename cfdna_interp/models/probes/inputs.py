"""Probes of inputs: an encoder must respond to what it declares to read, and to nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np

from cfdna_interp.models.contract import FragmentInputs
from cfdna_interp.models.probes.bench import Bench, Finding, RefusedError, Status, spread_rows
from cfdna_interp.models.probes.perturb import exchanged, flipped, moved_away, trimmed

_SOME = 64
_TRIM = 20  # bp
_KEPT = 40  # bp that remain at least of a trimmed fragment
_UNDECLARED = "declare it in consumes: attribution would hold it fixed, or move it with another group"
_UNFELT = {
    "fragment_length": "attribution would give length nothing: correct consumes, or how lengths are rendered",
    "methylation": "methylation tokens are not understood: check the rendering against the vocabulary",
    "tissue_of_origin": "calls inside atlas blocks are not understood: check the rendering",
    "locus": "correct consumes if neither locus class, region nor place is read",
    "sequence": "the bases are not understood: check tokenizer, k-mers and reference.fasta",
}
_NOT_PROBED = {
    "fragment_length": "no fragment can be made shorter without losing a call",
    "methylation": "no fragment outside atlas blocks has a call",
    "tissue_of_origin": "no fragment inside an atlas block has a call",
    "locus": "all fragments are of one locus class and region",
    "sequence": "fragments have neither a place on a reference nor a strand",
    "call_positions": "no call can be moved inside its fragment",
}


@dataclass(frozen=True, eq=False)
class _Change:
    """A change of one property: its description, the rows of the bench, and their changed version."""

    what: str
    rows: np.ndarray
    fragments: FragmentInputs


def inputs(bench: Bench) -> list[Finding]:
    """Probe each name of ``consumes``, and call positions, by changing that property alone."""
    fragments, declared = bench.fragments, bench.encoder.consumes
    inside = fragments.locus > 0
    anywhere = list(_elsewhere(fragments))
    # name -> changes, and the names of consumes that allow a response to them
    plan: dict[str, tuple[list[_Change], set[str]]] = {
        "fragment_length": (list(_shorter(fragments)), {"fragment_length"}),
        "methylation": (list(_flipped(fragments, ~inside)), {"methylation"}),
        "tissue_of_origin": (list(_flipped(fragments, inside)), {"tissue_of_origin"}),
        # Coordinates in a model's text are locus and come from the place.
        "locus": (
            [*_relabelled(fragments, declared), *(anywhere if "locus" in declared else [])],
            {"locus"},
        ),
        "sequence": (anywhere, {"sequence", "locus"}),
        # Call positions change with the fragment's place, and are read by every encoder that reads calls.
        "call_positions": (
            list(_shifted(fragments)),
            {"fragment_length", "methylation", "tissue_of_origin", "sequence"},
        ),
    }
    return [
        _judge(bench, name, changes, allowed=bool(declared & allowed))
        for name, (changes, allowed) in plan.items()
    ]


def _judge(bench: Bench, name: str, changes: list[_Change], *, allowed: bool) -> Finding:
    required = name in bench.encoder.consumes
    if not changes:
        return Finding(name, "information", f"not probed: {_NOT_PROBED[name]}")
    felt, unfelt = [], []
    for change in changes:
        try:
            distance = bench.moved(change.rows, change.fragments, f"fragments with {change.what}")
        except RefusedError as error:
            return Finding(name, "fault", str(error), "correct the model, or its settings in the config")
        moved = distance[distance > 0]
        if len(moved):
            by = f"by {np.median(moved):.2g} of their spread"
            felt.append(f"{change.what} moves {len(moved)} of {len(distance)} embeddings {by}")
        else:
            unfelt.append(f"{change.what} moves none of {len(distance)} embeddings")
    if felt and not allowed:
        return Finding(name, "fault", f"{'; '.join(felt)}, though it isn't declared", _UNDECLARED)
    if required and not felt:
        # Without an atlas there is one class only, and an encoder of classes can't respond.
        status: Status = "warning" if name == "locus" else "fault"
        return Finding(name, status, f"{'; '.join(unfelt)}, though it is declared", _UNFELT[name])
    return Finding(name, "ok", "; ".join(felt or unfelt))


def _shorter(fragments: FragmentInputs) -> Iterator[_Change]:
    length = fragments.length - _TRIM
    rows = _some((length >= _KEPT) & (fragments.offsets.max(axis=1) < length - 1))
    if len(rows):
        chosen = fragments.take(rows)
        # Fragments are trimmed by different amounts. An encoder that uses relative lengths would not see a
        # common one.
        bases = np.where(np.arange(len(rows)) % 2, _TRIM, _TRIM // 2)
        yield _Change(f"{_TRIM // 2} or {_TRIM} bp less", rows, trimmed(chosen, bases))


def _flipped(fragments: FragmentInputs, where: np.ndarray) -> Iterator[_Change]:
    rows = _some(where & (fragments.counts > 0))
    if len(rows):
        yield _Change("calls turned round", rows, flipped(fragments.take(rows)))


def _relabelled(fragments: FragmentInputs, declared: frozenset[str]) -> Iterator[_Change]:
    # An encoder that reads calls on one side of blocks only has to know the side, so fragments outside are
    # not changed.
    one_side = len(declared & {"methylation", "tissue_of_origin"}) == 1
    rows = _some((fragments.locus > 0) | (not one_side))
    chosen = fragments.take(rows)
    for name, what in (("locus", "another locus class"), ("region", "another region")):
        values = exchanged(getattr(chosen, name))
        other = np.flatnonzero(values != getattr(chosen, name))
        if len(other):
            changed = replace(chosen.take(other), **{name: values[other]})
            yield _Change(what, rows[other], changed)


def _elsewhere(fragments: FragmentInputs) -> Iterator[_Change]:
    rows = spread_rows(len(fragments), _SOME)
    moved = moved_away(fragments.take(rows))
    other = np.flatnonzero(moved.place != fragments.place[rows])
    if len(other):
        yield _Change("another place", rows[other], moved.take(other))
    stranded = _some(fragments.strand != 0)
    if len(stranded):
        chosen = fragments.take(stranded)
        yield _Change("the other strand", stranded, replace(chosen, strand=-chosen.strand))


def _shifted(fragments: FragmentInputs) -> Iterator[_Change]:
    room = fragments.length - 2 - fragments.offsets.max(axis=1)
    rows = _some((fragments.counts > 0) & (room >= _TRIM))
    if len(rows):
        chosen = fragments.take(rows)
        offsets = np.where(chosen.offsets >= 0, chosen.offsets + room[rows, None], -1)
        changed = replace(chosen, offsets=offsets.astype(chosen.offsets.dtype))
        yield _Change("calls at other positions", rows, changed)


def _some(where: np.ndarray) -> np.ndarray:
    """Return at most ``_SOME`` of the True rows."""
    rows = np.flatnonzero(where)
    return rows[spread_rows(len(rows), _SOME)] if len(rows) else rows
