"""Methylation calls as aligners write them: one file per dialect."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from cfdna_interp.errors import InputError
from cfdna_interp.fragments.methylation import xm

DIALECTS = ("xm", "none")


def find_dialect(reads: Iterable[Any], setting: str, who: str) -> str:
    """Return the dialect of the methylation calls in the first reads of a file.

    Parameters
    ----------
    reads
        The first records.
    setting
        ``auto``, or a dialect that the user declares.
    who
        Begins the error message: sample and file.

    Raises
    ------
    InputError
        No read has the tags of the declared dialect, or of any.
    """
    if setting == "none" or any(xm.has_calls(read) for read in reads):
        return "xm" if setting == "auto" else setting
    raise InputError(
        f"{who} has no CpG calls (no XM and XG tags in the first 10,000 reads); "
        "set extract.methylation: none, or align with Bismark or DRAGEN"
    )
