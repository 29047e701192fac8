"""An independent reader of simulated BAM files: a loop over pysam records, no code of the package."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pysam
import pytest


class Readback(NamedTuple):
    contig: str
    start: int
    length: int
    strand: int
    calls: tuple[tuple[int, int], ...]  # (position of the forward C, 1 methylated)


def read_back(bam: Path) -> list[Readback]:
    """Return the fragments of a BAM file without duplicates, sorted; overlapping mates count once."""
    spans: dict[str, tuple[str, int, int, int]] = {}
    calls: dict[str, dict[int, int]] = {}
    with pysam.AlignmentFile(str(bam)) as handle:
        for read in handle:
            if read.is_duplicate:
                continue
            strand = 1 if read.get_tag("XG") == "CT" else -1
            own = calls.setdefault(read.query_name, {})
            for i, letter in enumerate(read.get_tag("XM")):
                if letter in "zZ":
                    own.setdefault(read.reference_start + i - (strand < 0), int(letter == "Z"))
            if read.template_length > 0:
                span = (read.reference_name, read.reference_start, read.template_length, strand)
                spans[read.query_name] = span
    return sorted(Readback(*span, tuple(sorted(calls[name].items()))) for name, span in spans.items())


@pytest.fixture(scope="session")
def readback() -> Callable[[Path], list[Readback]]:
    return read_back
