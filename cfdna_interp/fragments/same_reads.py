"""Samples whose alignments begin with the same reads: a file given twice, or one inside of another.

Only the first reads of each file are looked at. The audit compares fragments of whole samples later
(`cfdna_interp.audit.shared_fragments`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice

import pysam

from cfdna_interp.artifacts.addresses import is_remote
from cfdna_interp.artifacts.sheet import Sample
from cfdna_interp.errors import Mistakes
from cfdna_interp.fragments.filters import UNMAPPED
from cfdna_interp.fragments.fragment_file import is_fragment_file

READS = 1_000  # of each file
# A name at a place belongs to one read of one run of a sequencer. Names that programs number from 1 meet at
# a place by chance at most; a tenth of all don't.
FEWEST = 20
SHARED = 0.1

Read = tuple[int, int, int, str]  # contig, start, flag, name


@dataclass(frozen=True)
class _First:
    """The first reads of a sample; ``last`` is the place of the last one, None where the file ends there."""

    sample: Sample
    reads: frozenset[Read]
    last: tuple[int, int] | None


def check_same_reads(samples: Sequence[Sample], sheet: str) -> None:
    """Check that no two samples' files begin with the same reads, by name, place and flag.

    Files are compared as far as the shorter stretch of the two reaches, so that a file is also found that
    was merged into another. Fragment files, which have no names of reads, and files in the network are left
    out.

    Parameters
    ----------
    samples
        Samples whose files can be read.
    sheet
        The sheet, for messages.

    Raises
    ------
    InputError
        At least 20 reads, and a tenth of those of one file, are in another one too.
    """
    firsts = [
        _first(sample) for sample in samples if not (is_fragment_file(sample.bam) or is_remote(sample.bam))
    ]
    owners: dict[Read, list[int]] = defaultdict(list)
    shared: dict[tuple[int, int], int] = defaultdict(int)
    for number, first in enumerate(firsts):
        for read in first.reads:
            for other in owners[read]:
                shared[other, number] += 1
            owners[read].append(number)
    mistakes = Mistakes()
    for (one, two), count in sorted(shared.items()):
        a, b = firsts[one], firsts[two]
        least = min(len(_up_to(a, b.last)), len(_up_to(b, a.last)))
        if count >= FEWEST and count >= SHARED * least:
            mistakes.add(
                f"sample {b.sample.sample}: sheet {sheet}: {b.sample.bam} holds reads of sample "
                f"{a.sample.sample} ({a.sample.bam}): {count} of the first {least} have the same name and "
                "place; each sample needs reads of its own, correct the bam column or drop one of the two"
            )
    mistakes.stop()


def _first(sample: Sample) -> _First:
    verbosity = pysam.set_verbosity(0)
    try:
        with pysam.AlignmentFile(sample.bam, "r", check_sq=False) as file:
            found = [
                (read.reference_id, read.reference_start, read.flag, read.query_name or "")
                for read in islice(file.fetch(until_eof=True), READS)
                if not read.flag & UNMAPPED
            ]
    except (OSError, ValueError):  # damage behind the header: reading it later names the place
        found = []
    finally:
        pysam.set_verbosity(verbosity)
    last = found[-1][:2] if len(found) == READS else None
    return _First(sample, frozenset(found), last)


def _up_to(first: _First, last: tuple[int, int] | None) -> list[Read]:
    return [read for read in first.reads if last is None or read[:2] <= last]
