"""``manifest.json``: what made a run, so that somebody else can make it again and compare."""

from __future__ import annotations

from typing import Any, ClassVar

from cfdna_interp.records.base import Record, ResultFile
from cfdna_interp.records.inputs import InputFile
from cfdna_interp.records.openings import Opening


class Software(Record, frozen=True, kw_only=True):
    """The program that made the run.

    Attributes
    ----------
    name, version
        Its name and version.
    """

    name: str
    version: str


class TableFile(Record, frozen=True, kw_only=True):
    """The table that a run was made from.

    Attributes
    ----------
    source
        Name of the file.
    digest
        SHA-256 of its bytes.
    """

    source: str
    digest: str


class Manifest(ResultFile, frozen=True, kw_only=True):
    """Versions, settings, seed and the digests of all results. It holds no time and names no machine.

    Attributes
    ----------
    software
        The program.
    python
        Version of Python.
    libraries
        Runtime dependency -> version.
    seed
        Seed of the run.
    config
        All settings. Paths are relative to the output folder where they lie inside it, file names otherwise.
    inputs
        What the results were made from, as it was when it was read: sheet or table, alignments with their
        indices, atlas, references, model files. By name, each once.
    table
        The table that features came from, null for a run from alignments.
    opening
        Which opening of the held-out labels the numbers come from; null before the labels are opened.
    files
        Path relative to the output folder -> SHA-256. Embeddings and refits are left out: they are large and
        may be deleted once the shares are written.
    """

    FILE: ClassVar[str] = "manifest.json"
    STAGE: ClassVar[str] = "report"

    software: Software
    python: str
    libraries: dict[str, str]
    seed: int
    config: dict[str, Any]
    inputs: tuple[InputFile, ...] = ()
    table: TableFile | None = None
    opening: Opening | None = None
    files: dict[str, str]
