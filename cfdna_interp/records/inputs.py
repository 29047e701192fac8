"""A file from outside the run, as it was when a stage read it."""

from __future__ import annotations

from cfdna_interp.records.base import Record


class InputFile(Record, frozen=True, kw_only=True):
    """A sheet, table, alignment file, index, atlas, reference or model file.

    Attributes
    ----------
    file
        Its name without its folder; an address without its query, user and password.
    size
        Bytes; null for an address.
    digest
        SHA-256 of all bytes where ``whole``, else of its first and last MiB and of blocks between them. Null
        for an address.
    whole
        Whether the digest is of all bytes.
    """

    file: str
    size: int | None = None
    digest: str | None = None
    whole: bool = True
