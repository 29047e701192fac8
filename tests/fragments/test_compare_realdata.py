"""Letters by comparison with the reference on third-party alignments; see the README beside them.

``dragen-pe.CX_report.txt.gz`` counts all cytosines of the reads of ``dragen-pe-*.bam``, mates' overlap once.
DRAGEN's way of doing that, found here, is that of the first mate: where both mates of a molecule are aligned
to a position only the first counts, even where it has no call. Under that rule the reference path gives the
report, all 3,832 sites and 5,639 calls of CpG, CHG and CHH, without a difference.

The records hold 392 molecules' CpG calls, the report 389. Three first mates are the difference: at 0-based
ChrA 280 (13_ChrA:239-399), ChrA 3156 (60_ChrA:3123-3305) and ChrC 4504 (81_ChrC:4356-4626) they have a
sequencing error and no call, and their second mate's call is left out with it.
"""

from __future__ import annotations

import gzip
import struct
from collections import defaultdict

import pysam
import pytest
from test_methylation_compare import compared, sites_of

pytestmark = pytest.mark.realdata

CONTEXTS = {"CG": "z", "CHG": "x", "CHH": "h"}
NO_CALL_OF_FIRST_MATES = {
    ("ChrA", 280, -1): "13_ChrA:239-399",
    ("ChrA", 3156, -1): "60_ChrA:3123-3305",
    ("ChrC", 4504, -1): "81_ChrC:4356-4626",
}


@pytest.fixture(scope="module")
def folder(realdata):
    return realdata / "bisulfite"


@pytest.fixture(scope="module")
def genome(folder):
    with pysam.FastaFile(str(folder / "reference.fasta.gz")) as file:
        return {name: file.fetch(name).upper() for name in file.references}


@pytest.fixture(scope="module")
def dragen(folder, genome):
    return called(folder / "dragen-pe-unsort-xg-xm.bam", genome)


@pytest.fixture(scope="module")
def bwameth(folder, genome):
    return called(folder / "bwameth-pe-unsort-yd.bam", genome)


@pytest.fixture(scope="module")
def report(folder):
    """(contig, position, strand, context) -> (methylated, unmethylated), where there is a call."""
    sites = {}
    with gzip.open(folder / "dragen-pe.CX_report.txt.gz", "rt") as lines:
        for line in lines:
            contig, position, strand, methylated, unmethylated, context, _ = line.split()
            counts = int(methylated), int(unmethylated)
            if sum(counts):
                sites[contig, int(position) - 1, 1 if strand == "+" else -1, CONTEXTS[context]] = counts
    return sites


def records(path):
    """The bytes of the records of a BAM file."""
    data = gzip.decompress(path.read_bytes())
    at = 8 + struct.unpack_from("<i", data, 4)[0]
    (contigs,) = struct.unpack_from("<i", data, at)
    at += 4
    for _ in range(contigs):
        at += 8 + struct.unpack_from("<i", data, at)[0]
    while at < len(data):
        size = 4 + struct.unpack_from("<i", data, at)[0]
        yield data[at : at + size]
        at += size


def called(path, genome):
    """(name, whether first mate) -> (pysam's record, letters by the kernel, strand), of mapped reads."""
    sites = {name: sites_of(bases) for name, bases in genome.items()}
    found = {}
    with pysam.AlignmentFile(str(path)) as file:
        for made, read in zip(records(path), file.fetch(until_eof=True), strict=True):
            if not read.is_unmapped:
                key = (read.query_name, read.is_read1)
                found[key] = (read, *compared(made, sites[read.reference_name]))
    return found


def of_molecules(reads):
    """name -> position -> [(letter, strand)] of its first mate, then of its second one; "." included."""
    molecules = defaultdict(lambda: defaultdict(list))
    for (name, _), (read, letters, strand) in sorted(reads.items(), key=lambda item: not item[0][1]):
        for base, position in read.get_aligned_pairs(matches_only=True):
            molecules[name][read.reference_name, position].append((letters[base], strand))
    return molecules


def sums(calls):
    """Calls (contig, position, strand, letter) as a report."""
    counts = defaultdict(lambda: [0, 0])
    for contig, position, strand, letter in calls:
        counts[contig, position, strand, letter.lower()][letter.islower()] += 1
    return {site: tuple(both) for site, both in counts.items()}


def by_first_mate(reads):
    """As DRAGEN counts: the first mate's letter where there is one, called or not."""
    return sums(
        (*place, mates[0][1], mates[0][0])
        for positions in of_molecules(reads).values()
        for place, mates in positions.items()
        if mates[0][0] != "."
    )


def test_the_cytosine_report_without_a_difference(dragen, report):
    assert len(report) == 3_832
    assert by_first_mate(dragen) == report
    assert sum(sum(counts) for site, counts in report.items() if site[3] == "z") == 389


def test_letters_are_those_of_xm(dragen):
    # But for two of 30,200: beside an insertion at a read's end DRAGEN can't tell a context from the read
    # (u and U), where the reference does (h and H).
    other = [
        (name, read.cigarstring, ours, theirs)
        for (name, _), (read, letters, _) in dragen.items()
        for ours, theirs in zip(letters, read.get_tag("XM"), strict=True)
        if ours != theirs
    ]
    assert sorted(other) == [
        ("1_ChrB:897-1095", "2M1I148M", "H", "U"),
        ("66_ChrA:992-1251", "144M5I2M", "h", "u"),
    ]


def test_one_call_per_molecule_beside_the_report(dragen, report):
    # Our rule: a call of either mate; two that agree count once. 392 calls are the report's 389 and those of
    # three second mates (above); where two mates disagree, 15 times, the report has the first one's.
    ours, silent, disagree = [], {}, 0
    for name, positions in of_molecules(dragen).items():
        for place, mates in positions.items():
            letters = {letter for letter, _ in mates if letter in "zZ"}
            if not letters:
                continue
            strand = mates[0][1]
            disagree += len(letters) == 2
            if mates[0][0] == ".":
                silent[(*place, strand)] = name
            ours.append((*place, strand, mates[0][0] if len(letters) == 2 else letters.pop()))
    assert len(ours) == 392
    assert disagree == 15
    assert silent == NO_CALL_OF_FIRST_MATES
    counts, cpgs = sums(ours), {site: n for site, n in report.items() if site[3] == "z"}
    more = {site: sum(n) - sum(cpgs[site]) for site, n in counts.items() if n != cpgs[site]}
    assert more == dict.fromkeys(((*site, "z") for site in NO_CALL_OF_FIRST_MATES), 1)
    assert counts.keys() == cpgs.keys()


def test_bwa_meth_within_its_alignments(dragen, bwameth):
    # The library is not directional, and bwa-meth aligns as if it were: it loses 15 molecules, puts others on
    # the other strand, and where DRAGEN finds an insertion it clips or aligns through. Names begin with
    # the number of a molecule.
    lost = numbers(dragen) - numbers(bwameth)
    other_strand, other_bases = set(), set()
    for key, (read, letters, _) in bwameth.items():
        theirs, their_letters, _ = dragen[key]
        if {"f": "CT", "r": "GA"}[read.get_tag("YD")] != theirs.get_tag("XG"):
            other_strand |= numbers([key])
        elif place_of(read) != place_of(theirs):
            other_bases |= numbers([key])
        else:
            assert letters == their_letters
    assert lost == {7, 31, 36, 50, 51, 52, 61, 63, 65, 67, 68, 85, 90, 94, 95}
    assert other_strand == {
        *(2, 5, 8, 16, 19, 22, 25, 26, 29, 38, 40, 42, 43, 47, 56, 66, 70, 71, 74, 80, 81, 89, 96, 99)
    }
    assert other_bases == {1, 48, 58, 59, 62, 72, 75, 86, 92, 98}
    # The other 51 molecules: the same calls at the same sites, by either count.
    alike = {key for key in bwameth if not numbers([key]) & (other_strand | other_bases)}
    ours, theirs = ({key: reads[key] for key in alike} for reads in (bwameth, dragen))
    assert len(numbers(alike)) == 100 - 15 - 24 - 10
    assert by_first_mate(ours) == by_first_mate(theirs)
    assert of_molecules(ours) == of_molecules(theirs)


def numbers(keys):
    """The numbers that the names of molecules begin with."""
    return {int(name.split("_")[0]) for name, _ in keys}


def place_of(read):
    return read.reference_id, read.reference_start, read.cigarstring
