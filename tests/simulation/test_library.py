"""Reads as an aligner would write them, decoded again base by base."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pysam
import pytest

from cfdna_interp.simulation.bam import write_bam
from cfdna_interp.simulation.biology import Biology, Molecules, build_biology, draw_molecules
from cfdna_interp.simulation.library import sequence
from cfdna_interp.simulation.worlds import Library
from cfdna_interp.stats.resampling import stream

N = 4_000
PERFECT = Library(conversion=1.0, errors=0.0)
REAL = Library()


@pytest.fixture(scope="module")
def biology() -> Biology:
    return build_biology(1)


@pytest.fixture(scope="module")
def molecules(biology: Biology) -> Molecules:
    return draw_molecules(biology, (0.0, 0.0, 0.0), 0.0, N, stream(1, "library test"))


@pytest.fixture(scope="module")
def fasta(biology: Biology, tmp_path_factory: pytest.TempPathFactory) -> pysam.FastaFile:
    path = tmp_path_factory.mktemp("genome") / "genome.fa"
    path.write_text(biology.genome.fasta()[0])
    return pysam.FastaFile(str(path))  # pysam makes its own index


def bam(biology: Biology, molecules: Molecules, library: Library, folder: Path) -> Path:
    path = folder / "s.bam"
    reads = sequence(biology.genome, molecules, library, stream(1, "reads"))
    write_bam(path, biology.genome, "S001", "a comment", reads)
    pysam.index(str(path))
    return path


@pytest.fixture(scope="module")
def perfect(biology: Biology, molecules: Molecules, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bam(biology, molecules, PERFECT, tmp_path_factory.mktemp("perfect"))


@pytest.fixture(scope="module")
def real(biology: Biology, molecules: Molecules, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return bam(biology, molecules, REAL, tmp_path_factory.mktemp("real"))


def alignments(path: Path) -> list[pysam.AlignedSegment]:
    with pysam.AlignmentFile(str(path)) as handle:
        return list(handle)


def unexplained(read: pysam.AlignedSegment, reference: str) -> int:
    """Count bases that neither the reference nor bisulfite explains."""
    change = ("C", "T") if read.get_tag("XG") == "CT" else ("G", "A")
    pairs = zip(read.query_sequence, reference, strict=True)
    return sum(base != true and (true, base) != change for base, true in pairs)


def test_without_errors_bisulfite_explains_every_base(perfect: Path, fasta: pysam.FastaFile) -> None:
    for read in alignments(perfect):
        reference = fasta.fetch(read.reference_name, read.reference_start, read.reference_end)
        assert unexplained(read, reference) == 0


def test_error_rate(real: Path, fasta: pysam.FastaFile) -> None:
    reads = alignments(real)
    wrong = total = 0
    for read in reads:
        wrong += unexplained(read, fasta.fetch(read.reference_name, read.reference_start, read.reference_end))
        total += read.query_length
    # Two thirds of the bases' errors show always; at a C (G) of the converted strand one error of three
    # looks like conversion, or undoes it: with a fifth of such bases .001 * (1 - .2 / 3) = .00093.
    assert wrong / total == pytest.approx(0.00093, abs=4 * np.sqrt(0.001 / total) + 0.00002)


def bismark_string(read: pysam.AlignedSegment, reference: str) -> str:
    """Return the call string by the letter of Bismark's definition; ``reference`` has 2 more bases a side."""
    complement = {"A": "T", "C": "G", "G": "C", "T": "A"}
    letters = []
    for i, base in enumerate(read.query_sequence):
        if read.get_tag("XG") == "CT":
            triple, seen = reference[i + 2 : i + 5], base
        else:
            triple, seen = "".join(complement[c] for c in reference[i : i + 3][::-1]), complement[base]
        if triple[0] != "C" or seen not in "CT":
            letters.append(".")
            continue
        letter = "z" if triple[1] == "G" else "x" if triple[2] == "G" else "h"
        letters.append(letter.upper() if seen == "C" else letter)
    return "".join(letters)


@pytest.mark.parametrize("kind", ["perfect", "real"])
def test_xm_string(kind: str, request: pytest.FixtureRequest, fasta: pysam.FastaFile) -> None:
    reads = alignments(request.getfixturevalue(kind))[::7]
    for read in reads:
        reference = fasta.fetch(read.reference_name, read.reference_start - 2, read.reference_end + 2)
        assert read.get_tag("XM") == bismark_string(read, reference)


def test_flags_mates_and_tags(perfect: Path) -> None:
    by_name: dict[str, list[pysam.AlignedSegment]] = {}
    for read in alignments(perfect):
        by_name.setdefault(read.query_name, []).append(read)
    kinds = Counter()
    for left, right in by_name.values():
        assert left.reference_start <= right.reference_start
        flags = (left.flag & ~1024, right.flag & ~1024)
        assert flags in {(99, 147), (163, 83)}
        tags = [(read.get_tag("XR"), read.get_tag("XG")) for read in (left, right)]
        if flags == (99, 147):
            assert tags == [("CT", "CT"), ("GA", "CT")]
        else:
            assert tags == [("GA", "GA"), ("CT", "GA")]
        length = right.reference_end - left.reference_start
        assert (left.template_length, right.template_length) == (length, -length)
        assert left.next_reference_start == right.reference_start
        assert right.next_reference_start == left.reference_start
        assert left.next_reference_id == right.next_reference_id == left.reference_id == right.reference_id
        assert left.query_length == right.query_length == min(length, 100)
        assert left.cigarstring == f"{left.query_length}M"
        assert left.mapping_quality == right.mapping_quality
        assert (left.flag & 1024) == (right.flag & 1024)
        assert left.get_tag("RG") == "S001"
        kinds[flags] += 1
    assert abs(kinds[99, 147] - kinds[163, 83]) < 4 * np.sqrt(len(by_name))


def test_overlapping_mates_agree_without_errors(perfect: Path) -> None:
    seen: dict[str, dict[int, str]] = {}
    overlaps = 0
    for read in alignments(perfect):
        own = seen.setdefault(read.query_name, {})
        for i, base in enumerate(read.query_sequence):
            at = read.reference_start + i
            overlaps += at in own
            assert own.setdefault(at, base) == base
    assert overlaps > 10_000


def test_conversion_rate_from_cytosines_outside_cpgs(real: Path) -> None:
    letters = Counter("".join(read.get_tag("XM") for read in alignments(real)))
    missed, converted = letters["H"] + letters["X"], letters["h"] + letters["x"]
    rate = converted / (missed + converted)
    # .995, and one sequencing error of three at a converted base looks like a missed one: -.0003. Mates and
    # duplicates repeat a molecule's misses about 1.7 times over.
    assert rate == pytest.approx(0.9947, abs=4 * np.sqrt(1.7 * 0.005 / (missed + converted)))


def test_duplicates_share_coordinates_and_have_their_own_names(real: Path) -> None:
    reads = alignments(real)
    keys: dict[bool, set] = {False: set(), True: set()}
    names: dict[bool, set] = {False: set(), True: set()}
    for read in reads:
        key = (read.reference_id, read.reference_start, read.template_length, read.get_tag("XG"))
        keys[read.is_duplicate].add(key)
        names[read.is_duplicate].add(read.query_name)
    assert keys[True] <= keys[False] and not names[True] & names[False]
    share = sum(read.is_duplicate for read in reads) / len(reads)
    assert 0.049 < share < 0.101


def test_mapping_qualities(real: Path) -> None:
    qualities = np.array([r.mapping_quality for r in alignments(real) if r.is_read1 and not r.is_duplicate])
    low = (qualities < 20).mean()
    assert 0.03 - 4 * np.sqrt(0.03 / N) < low < 0.07 + 4 * np.sqrt(0.07 / N)
    assert ((qualities < 20) | (qualities >= 24)).all() and qualities.max() == 42


def test_shares_are_the_worlds(biology: Biology, molecules: Molecules, tmp_path: Path) -> None:
    library = Library(conversion=0.9, errors=0.02, duplicates=(0.2, 0.2), low_mapq=(0.5, 0.5))
    reads = alignments(bam(biology, molecules, library, tmp_path))
    assert sum(r.is_duplicate for r in reads) / len(reads) == pytest.approx(0.2, abs=0.001)
    assert np.mean([r.mapping_quality < 20 for r in reads]) == pytest.approx(0.5, abs=0.04)
    letters = Counter("".join(r.get_tag("XM") for r in reads))
    missed, converted = letters["H"] + letters["X"], letters["h"] + letters["x"]
    # .9 converted; an error turns 1 in 3 to the other: .9 * (1 - .02) + .02 / 3 * .1 and its like, of those
    # that remain calls: (.9 * .98 + .1 * .02 / 3) / (1 - .02 * 2 / 3) = .8946.
    assert converted / (missed + converted) == pytest.approx(0.8946, abs=0.004)
    assert np.mean([q == 14 for r in reads for q in r.query_qualities]) == pytest.approx(0.02, abs=0.001)
