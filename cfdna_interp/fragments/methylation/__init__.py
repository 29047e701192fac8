"""The dialects in which aligners write methylation calls: one file each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Literal

from cfdna_interp.errors import InputError
from cfdna_interp.fragments.methylation import compare, mm, xm
from cfdna_interp.records.qc import Dialect

# Dialects in the order of the search. Ready calls come before those that need the reference.
_HAS_CALLS: dict[Dialect, Callable[[Any], bool]] = {
    "xm": xm.has_calls,
    "mm": mm.has_calls,
    "reference": compare.has_calls,
}
_TAGS: dict[Dialect, str] = {"xm": "XM and XG", "mm": "MM and ML", "reference": "YD, ZS or XG"}


def find_dialect(
    reads: Sequence[Any], setting: Dialect | Literal["auto"], reference: bool, whole: bool, who: str
) -> Dialect:
    """Return the dialect of the methylation calls in the first reads of a file.

    Parameters
    ----------
    reads
        The first records.
    setting
        ``auto``, ``none``, or a dialect that the user declares.
    reference
        Whether there is a reference to compare with.
    whole
        Whether these are all reads of the file. Otherwise a declared dialect is trusted where no read has its
        tags: the calls may come later.
    who
        Begins the error message: sample and file.

    Raises
    ------
    InputError
        No read has the tags of the declared dialect, or of any; or the tags XM and XG hold something else
        than Bismark's calls; or calls need a reference and there is none.
    """
    if setting == "none":
        return "none"
    candidates = [dialect for dialect in _HAS_CALLS if setting in ("auto", dialect)]
    # A declared comparison needs no tag: flags tell the strand in a directional library.
    choice = "reference" if setting == "reference" else _first(candidates, reads)
    if choice is None and "xm" in candidates and (wrong := xm.misfit(reads)) is not None:
        raise InputError(
            f"{who} has tags XM and XG, and no read has both as Bismark writes them ({wrong}); "
            "set methylation: reference (with reference.fasta) or none, or align with Bismark"
        )
    if choice is None and setting != "auto" and not whole:
        return setting
    if choice is None:
        tags = " and no ".join(_TAGS[dialect] for dialect in candidates)
        raise InputError(
            f"{who} has no CpG calls (no {tags} tags in the first 10,000 reads); "
            "set extract.methylation: none, or methylation in the sheet, "
            "or align with Bismark, bwa-meth or BISCUIT"
        )
    if choice == "reference" and not reference:
        wrong = xm.misfit(reads)
        why = "" if wrong is None else f" (its XM tags can't be read: {wrong})"
        raise InputError(
            f"{who} has CpG calls only by comparison with the reference{why}; set reference.fasta, "
            "or methylation: none"
        )
    return choice


def _first(dialects: list[Dialect], reads: Sequence[Any]) -> Dialect | None:
    for dialect in dialects:
        if any(_HAS_CALLS[dialect](read) for read in reads):
            return dialect
    return None
