"""Compare some reads with the reference: whether it is theirs, and how they lie to their molecules.

Both are told by bases that conversion explains on neither strand, and by those that it explains on one of
them only. A methylation level can't tell: reads on a wrong strand show no conversion at all, and reads beside
another sequence show calls by chance.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from cfdna_interp.errors import InputError
from cfdna_interp.fragments.filters import (
    DUPLICATE,
    PAIRED,
    QC_FAIL,
    READ1,
    REVERSE,
    SECONDARY_SUPPLEMENTARY,
    UNMAPPED,
)
from cfdna_interp.fragments.kernels.compare import LEAST_CONVERTED, TIMES
from cfdna_interp.fragments.reference import UNKNOWN, ReferenceGenome
from cfdna_interp.records.qc import Library, LibraryStrand, ReferenceFit

PLACES, READS = 8, 250  # places of the genome that are looked at, and reads at each of them
LONGEST = 2_000  # bases of a read that are compared
LEAST_READS, LEAST_BASES = 20, 25  # fewer reads, or fewer compared bases of a read, tell nothing
# A read beside another sequence differs in about 55 % of its bases, in fewer where it repeats itself.
# Errors of nanopores are 5 %, and 25 bases with such errors have a quarter wrong once in 1,500 reads.
MISFIT = 0.25
# Reads of a good file reach that where they hold adapters, or come from a repeat that the build lacks: one or
# two in a hundred.
MISFITS = 0.1
# The same of a contig's third bases. Beside another sequence about half of all bases are one. Errors of 5 %
# make 3 % of the bases third ones, and common variants .1 %.
THIRD_BASES, LEAST_CYTOSINES = 0.2, 500
WRONG_WAY = 0.05  # share of reads on the other strand from which a library isn't directional, or isn't PBAT
INFORMATIVE = 6  # cytosines outside CpGs that a read shows, so that its conversion could tell the strand
TELLING = 0.5  # least share of informative reads that tell; bases that nothing converts tell by errors only

_CODES = np.full(256, UNKNOWN, dtype=np.uint8)
_CODES[list(b"ACGTacgt")] = (0, 1, 2, 3, 0, 1, 2, 3)
_EQUAL = ord("=")
_A, _C, _G, _T = range(4)
# [reference, read]: whether conversion explains the base on neither strand.
_MISMATCH = np.ones((5, 5), dtype=bool)
_MISMATCH[range(5), range(5)] = _MISMATCH[UNKNOWN] = _MISMATCH[:, UNKNOWN] = False
_MISMATCH[_C, _T] = _MISMATCH[_G, _A] = False


@dataclass(frozen=True)
class ReadComparison:
    """A read beside the reference.

    Attributes
    ----------
    bases, mismatches
        Known bases that are aligned to known ones, and those of them that conversion doesn't explain.
    forward, reverse
        (converted, intact) cytosines outside CpGs, if its molecule was of the forward or the reverse strand.
    tagged
        Whether a tag tells the strand.
    strand
        1 or -1: as the tag says, or as in a directional library; 0 where the tag says that it is unknown.
    """

    bases: int
    mismatches: int
    forward: tuple[int, int]
    reverse: tuple[int, int]
    tagged: bool
    strand: int

    @property
    def told(self) -> int:
        """The strand that the read's own conversion tells, 0 where it doesn't."""
        one, other = self.forward[0], self.reverse[0]
        if max(one, other) < max(LEAST_CONVERTED, TIMES * min(one, other)):
            return 0
        return 1 if one > other else -1

    @property
    def informative(self) -> bool:
        """Whether enough cytosines outside CpGs are read on either strand."""
        return min(sum(self.forward), sum(self.reverse)) >= INFORMATIVE


@dataclass(frozen=True)
class ReadSample:
    """Some reads of a file beside the reference."""

    reads: tuple[ReadComparison, ...] = ()

    def fit(self, reference: np.ndarray) -> ReferenceFit:
        """Return how well the reads fit.

        Parameters
        ----------
        reference
            (contigs, 3) as ``Totals.reference``.
        """
        enough = len(self.reads) >= LEAST_READS
        bases = sum(read.bases for read in self.reads)
        cytosines = int(reference[:, 0].sum())
        return ReferenceFit(
            reads=len(self.reads),
            misfits=self._misfits() / len(self.reads) if enough else None,
            mismatches=sum(read.mismatches for read in self.reads) / bases if enough else None,
            third_bases=float(reference[:, 1].sum()) / cytosines if cytosines else None,
        )

    def check(self, path: str, who: str) -> None:
        """Refuse a reference that the reads don't match."""
        misfits = self._misfits()
        if len(self.reads) >= LEAST_READS and misfits > MISFITS * len(self.reads):
            raise _of_another_sequence(
                who,
                path,
                f"{misfits} of {len(self.reads)} reads differ in more than {MISFIT:.0%} of their bases",
            )

    def library(self, setting: str, who: str) -> LibraryStrand:
        """Return how reads lie to their molecules.

        Parameters
        ----------
        setting
            ``auto`` or what the user says.
        who
            Sample and file; error messages begin with it.

        Raises
        ------
        InputError
            The reads show another library than the user says, or other strands than their tags.
        """
        tagged = [read for read in self.reads if read.tagged]
        told = [read for read in tagged if read.told != 0 and read.strand != 0]
        wrong = sum(read.told != read.strand for read in told)
        if len(told) >= LEAST_READS and _tell(tagged) and 2 * wrong > len(told):
            raise InputError(
                f"{who}: in {wrong} of {len(told)} reads conversion shows the other strand than the tags "
                "YD, ZS or XG; drop these tags (samtools view -x YD -x ZS -x XG), so that conversion tells it"
            )
        free = [read for read in self.reads if not read.tagged]
        told = [read for read in free if read.told != 0]
        opposite = sum(read.told != read.strand for read in told)
        sure = len(told) >= LEAST_READS and _tell(free)
        shown: Library = "directional"
        if sure and opposite > WRONG_WAY * len(told):
            shown = "pbat" if opposite >= (1 - WRONG_WAY) * len(told) else "non-directional"
        taken: Library = shown
        if setting in ("directional", "pbat", "non-directional"):
            taken = setting  # type: ignore[assignment]
        if sure and taken not in (shown, "non-directional"):
            raise InputError(
                f"{who}: the library is said to be {taken}, but in {opposite} of {len(told)} reads "
                f"conversion shows the other strand than in a directional one; set library: {shown}, or auto"
            )
        if taken == "non-directional" and len(free) >= LEAST_READS and not sure:
            raise InputError(
                f"{who}: the library is said to be non-directional, but no tag tells the strand of reads, "
                f"and conversion does in {len(told)} of {len(free)} only; align with a program that writes "
                "the tag YD, ZS or XG, or correct library"
            )
        return LibraryStrand(
            taken=taken,
            tagged=len(tagged) / len(self.reads) if self.reads else 0.0,
            told=len(told),
            opposite=opposite,
            sure=sure,
            strandless=0,
        )

    def _misfits(self) -> int:
        return sum(read.mismatches > MISFIT * read.bases for read in self.reads)


NO_READS = ReadSample()


def check_contigs(reference: np.ndarray, contig_names: Sequence[str], path: str, who: str) -> None:
    """Refuse a reference with a contig that the reads there don't match.

    Parameters
    ----------
    reference
        (contigs, 3) as ``Totals.reference``.
    contig_names
        Of the header.
    path
        The FASTA file.
    who
        Begins the error message: sample and file.
    """
    if len(reference) == 0:
        return
    cytosines, third, _ = reference.T
    bad = np.flatnonzero((cytosines >= LEAST_CYTOSINES) & (third > THIRD_BASES * cytosines))
    if len(bad):
        first = bad[0]
        more = f" and of {len(bad) - 1} more" if len(bad) > 1 else ""
        raise _of_another_sequence(
            who,
            path,
            f"at cytosines of {contig_names[first]}{more}, {third[first] / cytosines[first]:.0%} of the "
            "bases are neither what is there nor what conversion makes of it",
        )


def compare_reads(reads: Iterable[Any], reference: ReferenceGenome, min_mapq: int) -> ReadSample:
    """Compare pysam records with the reference, but those that don't count or lie on no contig of it.

    Parameters
    ----------
    reads
        The records; each one once.
    reference
        The genome.
    min_mapq
        Least mapping quality of a read that counts.
    """
    found = (compare_read(read, reference) for read in reads if _counts(read, min_mapq))
    return ReadSample(tuple(read for read in found if read is not None and read.bases >= LEAST_BASES))


def _counts(read: Any, min_mapq: int) -> bool:
    dropped = SECONDARY_SUPPLEMENTARY | UNMAPPED | QC_FAIL | DUPLICATE
    return not read.flag & dropped and read.mapping_quality >= min_mapq and read.reference_id >= 0


def compare_read(read: Any, reference: ReferenceGenome) -> ReadComparison | None:
    """Compare a mapped pysam record with the reference; None: it has no bases, or the contig is absent."""
    text, start = read.query_sequence, read.reference_start
    if not text or start < 0 or not reference.has(read.reference_name):
        return None
    # One more base on either side tells whether a C or G is in a CpG.
    end = min(read.reference_end or start, start + LONGEST)
    around = reference.codes(read.reference_name, start - 1, end + 1)
    bases = np.frombuffer(text.encode("ascii", "replace"), dtype=np.uint8)
    base, position = _aligned(read.cigartuples or (), min(len(bases), LONGEST))
    site = around[1 + position]
    seen = np.where(bases[base] == _EQUAL, site, _CODES[bases[base]])
    known = (site != UNKNOWN) & (seen != UNKNOWN)
    after, before = around[2 + position], around[position]
    forward = (site == _C) & (after != _G) & (after != UNKNOWN)
    reverse = (site == _G) & (before != _C) & (before != UNKNOWN)
    tagged, strand = _strand(read)
    return ReadComparison(
        bases=int(known.sum()),
        mismatches=int(_MISMATCH[site, seen].sum()),
        forward=(int((seen[forward] == _T).sum()), int((seen[forward] == _C).sum())),
        reverse=(int((seen[reverse] == _A).sum()), int((seen[reverse] == _G).sum())),
        tagged=tagged,
        strand=strand,
    )


def _aligned(cigar: Sequence[tuple[int, int]], bases: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (n,) int64 each: aligned bases of a read, and their positions from its start on."""
    runs: list[tuple[int, int, int]] = []
    base = position = 0
    for operation, size in cigar:
        if operation in (0, 7, 8):  # M = X
            runs.append((base, position, size))
        base += size if operation in (0, 1, 4, 7, 8) else 0
        position += size if operation in (0, 2, 3, 7, 8) else 0
    read = [np.arange(first, first + size) for first, _, size in runs]
    along = [np.arange(first, first + size) for _, first, size in runs]
    none = [np.zeros(0, dtype=np.int64)]
    bases_at, positions = np.concatenate(none + read), np.concatenate(none + along)
    kept = (bases_at < bases) & (positions < LONGEST)
    return bases_at[kept], positions[kept]


def _strand(read: Any) -> tuple[bool, int]:
    """Return (whether a tag tells the strand, the strand), as ``kernels.compare.genome_strand`` does."""
    for tag, value in read.get_tags():
        known: dict[str, int] = {}
        if tag == "YD":
            known = {"f": 1, "r": -1, "u": 0}
        elif tag == "ZS" and len(str(value)) == 2:
            known, value = {"+": 1, "-": -1}, str(value)[0]
        elif tag == "XG":
            known = {"CT": 1, "GA": -1}
        if isinstance(value, str) and value in known:
            return True, known[value]
    second = read.flag & PAIRED and not read.flag & READ1
    return False, 1 if bool(read.flag & REVERSE) == bool(second) else -1


def _tell(reads: Sequence[ReadComparison]) -> bool:
    """Tell whether conversion is to be seen: in most reads that could show it, it tells the strand."""
    informative = [read for read in reads if read.informative]
    return sum(read.told != 0 for read in informative) >= TELLING * max(len(informative), 1)


def _of_another_sequence(who: str, path: str, why: str) -> InputError:
    return InputError(
        f"{who}: the reads do not match reference {path} ({why}); set reference.fasta to the sequence that "
        "the sample was aligned to"
    )
