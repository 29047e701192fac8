"""``source.json``: the sheet or the table that a cohort was read from."""

from __future__ import annotations

from typing import ClassVar

from cfdna_interp.records.base import ResultFile


class CohortSource(ResultFile, frozen=True, kw_only=True):
    """The sheet or the table behind ``cohort/discovery.tsv`` and ``cohort/heldout.tsv``.

    Attributes
    ----------
    file
        Name of the file.
    size
        Its bytes; null in results of an earlier version.
    digest
        SHA-256 of its bytes.
    """

    FILE: ClassVar[str] = "source.json"
    STAGE: ClassVar[str] = "cohort"

    file: str
    size: int | None = None
    digest: str
