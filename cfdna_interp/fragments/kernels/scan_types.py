"""What a scan reads and writes: named tuples of arrays and numbers, and the types of array elements.

A kernel takes a named tuple as one argument. It shares the arrays with Python, so Python sees what the kernel
writes. Plain numbers are copies.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from cfdna_interp.fragments.kernels.intervals import SortedIntervals
from cfdna_interp.fragments.kernels.named_numbers import int64_fields

STATE = int64_fields(
    "at",  # where the next record begins in the buffer
    "contig",  # of the last record, -1 before the first one
    "start",  # of the last record, 0-based
    "waiting",  # entries of ``Waiting`` in use
    "rows",  # rows of ``Output`` written
    "calls",  # CpG calls of ``Output`` written
    "longest",  # bases of the longest read so far
    "expected",  # contig of the first record, by the index; -1 where it may be any
)
SUMS = int64_fields(
    "reads",
    "fragments",
    "overlap_merged",  # CpGs that both mates call alike
    "overlap_discordant",  # CpGs that the mates call differently
    "whole_reads",  # fragments that are one read
    "clipped_ends",  # ends of fragments whose read has bases beyond its alignment
    "letters_misfit",  # reads of fragments whose XM doesn't hold one letter per base
    "strand_unknown",  # reads of fragments whose XG is neither CT nor GA
    "calls",  # CpG calls of molecules
    "mapped",  # primary mapped reads
    "flagged_duplicate",  # mapped reads that are flagged as duplicates
    "unique",  # all other mapped reads
    "below_mapq",  # unique reads below the least mapping quality
    "chh_methylated",
    "chh",  # methylated and unmethylated CHH calls
    "strong",  # G and C inside the fragments
    "known",  # known bases inside the fragments
    "longest_read",  # bases of the longest read of a fragment: a maximum
    # CpG calls of modified bases that are lost:
    "unclear",  # no clear call
    "hydroxy",  # 5hmC
    "hemi",  # the strands of a duplex differ
)

ROW = np.dtype(
    [
        ("hash", np.uint64),  # of the read name
        ("calls_end", np.int64),  # where the row's CpG calls end
        ("contig", np.int32),
        ("start", np.int32),
        ("length", np.int32),
        ("gc", np.float32),
        ("motif_5p", np.int16),
        ("motif_3p", np.int16),
        ("mapq", np.uint8),
        ("strand", np.int8),
    ],
    align=True,
)
CALL = np.dtype(
    [
        ("cpg", np.int32),  # position of the forward strand's C
        ("position", np.int32),  # position read: that of the strand's own C
        ("state", np.int32),  # 1 methylated, 0 unmethylated
        ("quality", np.int32),  # of the base, -1 unknown
    ],
    align=True,
)
# Element ``i`` holds the sums of ML's bytes for base ``i`` of a read. Its ``place`` belongs to rank ``i``
# instead.
PROBABILITIES = np.dtype(
    [
        ("methyl", np.int32),  # 5mC, -1 where it isn't listed
        ("hydroxy", np.int32),  # 5hmC
        ("other", np.int32),  # any other modification
        ("place", np.int32),  # the base that is the read's cytosine of rank ``i``
    ],
    align=True,
)


class FilterRules(NamedTuple):
    """Which reads become fragments; see :class:`cfdna_interp.fragments.filters.Rules`.

    Attributes
    ----------
    single
        Whether each read is a fragment by itself.
    merged
        Whether each read that isn't flagged as one of a pair is a fragment by itself.
    proper_only, drop_duplicates
        Whether pairs must be flagged as proper, and whether flagged duplicates are excluded.
    first_mapq
        Whether only the first mate's mapping quality counts.
    min_mapq
        Least mapping quality.
    min_length, max_length
        Fragment length in bp, both included.
    """

    single: bool
    merged: bool
    proper_only: bool
    drop_duplicates: bool
    first_mapq: bool
    min_mapq: int
    min_length: int
    max_length: int


class CallRules(NamedTuple):
    """How methylation calls are read; see :class:`cfdna_interp.fragments.chunk.Settings`.

    Attributes
    ----------
    dialect
        ``NO_CALLS``, ``XM``, ``COMPARE`` or ``MM``.
    by_reference
        Whether calls or their contexts come from the reference.
    by_quality
        Whether the base of higher quality decides where mates disagree.
    invert
        Whether upper-case letters stand for unmethylated cytosines.
    converted_upper
        Whether upper-case letters stand at converted bases.
    library
        How reads without strand tags lie to their molecules, see ``compare.genome_strand``.
    ignore_5p, ignore_3p
        (2,) int64 by mate: bases at the ends, as sequenced, whose calls aren't written.
    low, high
        Bytes of probability. From ``high`` on a base is 5mC. It is unmodified if all its modifications
        together have at most ``low``.
    """

    dialect: int
    by_reference: bool
    by_quality: bool
    invert: bool
    converted_upper: bool
    library: int
    ignore_5p: np.ndarray
    ignore_3p: np.ndarray
    low: int
    high: int


class SiteLetters(NamedTuple):
    """A stretch of the reference as letters, see :class:`cfdna_interp.fragments.methylation.sites.Sites`.

    Attributes
    ----------
    letters
        (n,) uint8.
    contig, begin
        The contig (-1: none), and the position of the first letter.
    until
        Last start of a read for which they suffice: from there on they reach as far as reads are compared, or
        to the end of the contig.
    """

    letters: np.ndarray
    contig: int
    begin: int
    until: int


class Waiting(NamedTuple):
    """Reads that wait for their mates, in chains by hash.

    Attributes
    ----------
    heads
        (slots,) int64 first entry of each chain, -1: none. ``slots`` is a power of two.
    hashes
        (entries,) uint64 of the read name.
    at
        (entries,) int64 place of the record in the buffer; -1: it no longer waits.
    last
        (entries,) int64 last position at which the mate can come.
    following
        (entries,) int64 next entry of the chain, -1: none.
    """

    heads: np.ndarray
    hashes: np.ndarray
    at: np.ndarray
    last: np.ndarray
    following: np.ndarray


class ScanCounts(NamedTuple):
    """Counts of a scan. Kernels add to all of them.

    Attributes
    ----------
    reasons
        (REASONS,) int64 reads by the reason against them.
    sums
        (1,) of ``SUMS``.
    bias
        (2, positions) of ``CALL_SUMS``, CpG calls of first and second mates by position along the read.
    reference
        (contigs,) of ``REFERENCE_SUMS``, how reads of fragments fit the reference that makes their calls.
    """

    reasons: np.ndarray
    sums: np.ndarray
    bias: np.ndarray
    reference: np.ndarray


class Output(NamedTuple):
    """Fragments and their CpG calls. The state tells how many are written.

    Attributes
    ----------
    rows
        (rows,) of ``ROW``.
    offsets, states
        (calls,) int32 bp from the fragment's start, and int8 1 methylated, 0 unmethylated.
    """

    rows: np.ndarray
    offsets: np.ndarray
    states: np.ndarray


class Room(NamedTuple):
    """Memory for two mates of at most ``bases`` bases. It is in use only while a pair is judged.

    Attributes
    ----------
    calls
        (2, bases) of ``CALL``.
    probabilities
        (2, bases) of ``PROBABILITIES``. It may share the memory of ``calls``, which are written later.
    text
        (2 * (bases + SLACK),) uint8 letters: of the first mate, and from the middle on of the second one.
    """

    calls: np.ndarray
    probabilities: np.ndarray
    text: np.ndarray


class Scan(NamedTuple):
    """All arguments of a scan.

    Attributes
    ----------
    buffer
        (n,) uint8 that holds the records.
    end
        Where the records end in the buffer. The last one may be incomplete.
    state
        (1,) of ``STATE``.
    seed
        Seed of the fragments' hashes.
    used
        (contigs,) bool: whether a contig is in use.
    blacklist
        Intervals in which no fragment may lie.
    filters, calling
        Which reads become fragments, and how their calls are read.
    sites
        The reference, if ``calling.by_reference``.
    waiting, counts, output, room
        Arrays that the scan writes.
    """

    buffer: np.ndarray
    end: int
    state: np.ndarray
    seed: int
    used: np.ndarray
    blacklist: SortedIntervals
    filters: FilterRules
    calling: CallRules
    sites: SiteLetters
    waiting: Waiting
    counts: ScanCounts
    output: Output
    room: Room


class Mate(NamedTuple):
    """A mate of a pair, or the one read of a whole molecule.

    Attributes
    ----------
    at
        Where its record begins in the buffer.
    side
        0 the forward mate, 1 the reverse one. It is the mate's row of ``Room``.
    number
        0 the first mate as sequenced, 1 the second one.
    backwards
        Whether it was sequenced against the reference's direction.
    merged
        Whether it is two mates in one: its last bases are the first ones of the second mate.
    start
        Its first reference position.
    bases, sequence
        How many bases it has, and where they begin in the buffer.
    operations, cigar
        How many operations its CIGAR has, and where they begin in the buffer.
    text, letters
        uint8 array that holds its letters, and where they begin. -1: it has none. MALFORMED: its tags run
        beyond the record.
    strand
        Genome strand of its molecule, 0 unknown.
    """

    at: int
    side: int
    number: int
    backwards: bool
    merged: bool
    start: int
    bases: int
    sequence: int
    operations: int
    cigar: int
    text: np.ndarray
    letters: int
    strand: int


class ModificationTags(NamedTuple):
    """The tags MM, ML and MN of a record.

    Attributes
    ----------
    lists
        Where MM's lists begin; -1: none, MALFORMED: the tags run beyond the record, or ML's values aren't
        bytes.
    values, count
        Where ML's values begin (-1: none), and how many there are.
    length
        The value of MN; -1: no such tag, -2: it isn't a length.
    """

    lists: np.int64
    values: np.int64
    count: np.int64
    length: np.int64
