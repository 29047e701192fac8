"""Polymorphisms by the other strand: planted, beside a plain count of molecules, from files cut anywhere."""

from __future__ import annotations

import io
import os
import subprocess
import sys
from collections import Counter, defaultdict
from pathlib import Path
from unittest.mock import patch

import numpy as np
import pysam
import pytest
from bams import CONTIGS, GENOME, Molecule, mates
from hypothesis import given, settings
from hypothesis import strategies as st
from raw_bam import File, by_place, field, header, of_segment, patched, record, with_tags
from reference_compare import context
from test_methylation_compare import MUTABLE, mutate, sites_of, sound_records

from cfdna_interp.errors import InputError
from cfdna_interp.fragments.bgzf import Stretch, after_header
from cfdna_interp.fragments.filters import Rules
from cfdna_interp.fragments.kernels import variants as kernels
from cfdna_interp.fragments.kernels.compare import DIRECTIONAL
from cfdna_interp.fragments.kernels.memory import SLACK
from cfdna_interp.fragments.kernels.scan_types import SiteLetters
from cfdna_interp.fragments.methylation import sites as sites_module
from cfdna_interp.fragments.methylation.sites import Sites
from cfdna_interp.fragments.methylation.variants import find_variants, joined
from cfdna_interp.fragments.reference import ReferenceGenome

NAMES = list(CONTIGS)
RULES = Rules(contigs=frozenset(range(3)))


@pytest.fixture(scope="module")
def reference(tmp_path_factory):
    path = tmp_path_factory.mktemp("genome") / "g.fa"
    path.write_text("".join(f">{name}\n{bases}\n" for name, bases in GENOME.items()))
    pysam.faidx(str(path))
    return ReferenceGenome(str(path))


def found(reference, records, rules=RULES, window=60_000, unsure=None):
    """contig -> positions, of a file of these records."""
    stream = io.BytesIO(File.of(records, header(), size=2_000).written())
    stretch = Stretch(stream, "S7")
    windows = after_header(stretch.windows(window), 3, "S7")
    sites = Sites(reference, NAMES, unsure or {})
    try:
        intervals = find_variants(windows, rules, sites, 3)
    finally:
        stretch.close()
    for starts, ends in intervals.values():
        assert (np.diff(starts) > 0).all()
        assert (ends == starts + 1).all()
    return {contig: starts.tolist() for contig, (starts, _) in intervals.items()}


def made(molecule, changes=None, **tags_and_fields):
    """The records of a molecule by bwa-meth; ``changes``: position -> base that its mates read there."""
    pair = []
    for segment in mates(molecule):
        bases = list(segment.query_sequence)
        for position, base in (changes or {}).items():
            if 0 <= position - segment.reference_start < len(bases):
                bases[position - segment.reference_start] = base
        segment.query_sequence = "".join(bases)
        tag = b"YDZf\0" if molecule.strand == "CT" else b"YDZr\0"
        pair.append(patched(with_tags(of_segment(segment), tag), mapq=60, **tags_and_fields))
    return pair


def around(position, strand, count, changes=None, **fields):
    """Records of so many molecules that read a position on chr1, each with one of its mates only."""
    return [
        one
        for number in range(count)
        for one in made(
            Molecule(f"{strand}{number}", position - 20 - number, 170, strand=strand), changes, **fields
        )
    ]


def a_site(strand, beyond=1_000):
    """A position where the reference has a cytosine of a strand."""
    return next(p for p in range(beyond, 60_000) if context(GENOME["chr1"], p, strand) != ".")


@pytest.mark.parametrize(("strand", "own", "other", "base"), [(1, "CT", "GA", "T"), (-1, "GA", "CT", "A")])
def test_what_decides_by_hand(reference, strand, own, other, base):
    site = a_site(strand)

    def judged(differ, agree, rules=RULES, **fields):
        # Whatever the strand of the cytosine reads, it decides nothing.
        records = around(site, own, 5, {site: base}) + around(site, other, differ, {site: base}, **fields)
        return found(reference, by_place(records + around(site, other, agree)), rules).get(0, [])

    assert judged(0, 3) == []
    assert judged(1, 0) == []  # one molecule is an error of sequencing
    assert judged(2, 0) == [site]
    assert judged(2, 4) == [site]  # two of six
    assert judged(2, 5) == []  # two of seven are less than a third
    assert judged(3, 6) == [site]
    for flag in (0x400, 0x200, 0x100, 0x800, 0x4):  # duplicate, failed, secondary, supplementary, unmapped
        assert judged(3, 0, flag=0x63 | flag) == []
    assert judged(3, 0, Rules(contigs=frozenset(range(3)), drop_duplicates=False), flag=0x463) == [site]
    assert judged(3, 0, Rules(contigs=frozenset({1, 2}))) == []
    assert judged(3, 0, Rules(contigs=frozenset(range(3)), min_mapq=61)) == []


def test_mates_of_a_molecule_count_once(reference):
    # 90 bp read by two mates of 60: both read the middle, where the only molecule shows a T.
    site = a_site(1)
    start = site - 45
    molecules = [Molecule("m", start, 90, strand="GA"), Molecule("n", start + 1, 90, strand="GA")]
    assert found(reference, made(molecules[0], {site: "T"})) == {}
    assert found(reference, by_place([one for m in molecules for one in made(m, {site: "T"})])) == {0: [site]}
    # Mates that begin at the same place, each reading all of it.
    short = [Molecule(name, site - 20, 60, strand="GA") for name in "mn"]
    assert found(reference, made(short[0], {site: "T"})) == {}
    assert found(reference, by_place([one for m in short for one in made(m, {site: "T"})])) == {0: [site]}


def test_beyond_the_molecule_nothing_counts(reference):
    # The reverse mate begins before the forward one: what it reads there is behind the molecule's end.
    site = a_site(1)
    tags, bases = b"YDZr\0", GENOME["chr1"][site - 5 : site] + "T" + GENOME["chr1"][site + 1 : site + 55]
    after = GENOME["chr1"][site + 20 : site + 80]
    pairs = [
        record(name, flag, 0, start, [(60, "M")], bases if start < site else after, other, tags)
        for name in (b"m", b"n", b"o")
        for flag, start, other in ((0x53, site - 5, site + 20), (0xA3, site + 20, site - 5))
    ]
    assert found(reference, by_place([patched(one, mapq=60) for one in pairs])) == {}
    alone = [patched(one, flag=0x10, mapq=60) for one in pairs if field(one, "pos") < site]
    assert found(reference, alone) == {0: [site]}


def library(seed, molecules=1_500):
    """Molecules of both strands with errors, and planted polymorphisms: (records, contig -> positions)."""
    rng = np.random.default_rng(seed)
    planted = {"chr1": {}, "chr2": {}}
    for name, (low, high) in (("chr1", (2_000, 6_000)), ("chr2", (500, 2_500))):
        for position in range(low, high, 97):
            if GENOME[name][position] in "CG":
                planted[name][position] = "T" if GENOME[name][position] == "C" else "A"
    records = []
    for number in range(molecules):
        name = "chr1" if number % 3 else "chr2"
        low, high = (1_900, 6_000) if name == "chr1" else (400, 2_500)
        molecule = Molecule(
            f"m{number}",
            int(rng.integers(low, high)),
            int(rng.integers(60, 260)),
            name,
            "CT" if rng.random() < 0.5 else "GA",
            forward_first=bool(rng.random() < 0.5),
        )
        pair = made(molecule, planted[name])
        for one in pair:
            if rng.random() < 0.3:  # an error of sequencing: any base code but "="
                changed = bytearray(one)
                at = 36 + field(one, "l_name") + 4 * field(one, "n_cigar") + int(rng.integers(30))
                changed[at] = int(rng.choice([0x11, 0x22, 0x44, 0x88, 0xFF, 0x18]))
                one = bytes(changed)
            records.append(one)
    return by_place(records), planted


def counted(records):
    """(contig, position) -> molecules that read the reference's base, another; of two mates the later one."""
    molecules = defaultdict(dict)
    for one in sorted(records, key=lambda r: (field(r, "pos"), bool(field(r, "flag") & 0x40))):
        low = 36 + field(one, "l_name")
        at = low + 4 * field(one, "n_cigar")
        bases = "".join("=ACMGRSVTWYHKDBN"[b >> 4] + "=ACMGRSVTWYHKDBN"[b & 15] for b in one[at : at + 30])
        strand = -1 if one.endswith(b"YDZr\0") else 1
        key = one[36 : low - 1], NAMES[field(one, "ref")], strand
        molecules[key].update({field(one, "pos") + i: base for i, base in enumerate(bases)})
    counts = defaultdict(lambda: [0, 0])
    for (_, contig, strand), bases in molecules.items():
        for position, base in bases.items():
            if base in "ACGT" and context(GENOME[contig], position, -strand) != ".":
                counts[contig, position][base != GENOME[contig][position]] += 1
    return counts


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_library_beside_a_plain_count(reference, seed):
    records, planted = library(seed)
    counts = counted(records)
    expected = defaultdict(list)
    for (contig, position), (same, other) in sorted(counts.items()):
        if other >= 2 and 3 * other >= same + other:
            expected[NAMES.index(contig)].append(position)
    assert found(reference, records) == expected
    # Nearly all of what was planted is found where at least two molecules could tell.
    could = {
        (NAMES.index(contig), position)
        for contig, positions in planted.items()
        for position in positions
        if sum(counts[contig, position]) >= 2
    }
    told = {(contig, position) for contig, positions in expected.items() for position in positions}
    assert len(could) > 30
    assert len(could & told) > 0.95 * len(could)


@pytest.mark.parametrize(("window", "stretch"), [(2_000, 1 << 20), (70_000, 50), (5_000, 700), (2_000, 1)])
def test_however_the_file_and_the_reference_are_cut(reference, window, stretch):
    records, _ = library(4, molecules=900)
    whole = found(reference, records)
    assert set(whole) == {0, 1}
    with patch.object(sites_module, "STRETCH", stretch):
        assert found(reference, records, window=window) == whole


def test_known_sites_are_not_found_again(reference):
    records, _ = library(5)
    whole = found(reference, records)
    known = {0: (whole[0][:5], [position + 1 for position in whole[0][:5]])}
    rest = found(reference, records, unsure=known)
    assert rest == {0: whole[0][5:], 1: whole[1]}
    again = joined(known, {c: (np.array(p), np.array(p) + 1) for c, p in rest.items()})
    assert {contig: starts.tolist() for contig, (starts, _) in again.items()} == whole


@settings(deadline=None)  # the first example waits for the compiler
@given(
    cigar=st.lists(st.tuples(st.integers(0, 9), st.sampled_from("MMMIDNSHP=X")), max_size=10),
    start=st.integers(0, 60),
    strand=st.sampled_from([1, -1]),
    data=st.data(),
)
def test_any_cigar(cigar, start, strand, data):
    text = GENOME["chr2"][:50]
    length = sum(size for size, code in cigar if code in "MIS=X")
    bases = data.draw(st.text("ACGTN=", min_size=length, max_size=length))
    one = record(b"r", 0, 0, start, cigar, bases, -1, b"YDZf\0" if strand > 0 else b"YDZr\0")
    expected, along, over = Counter(), 0, start
    for size, code in cigar:
        for step in range(size if code in "M=X" else 0):
            position, base = over + step, bases[along + step]
            if base != "N" and position < 50 and context(text, position, -strand) != ".":
                expected[position, int(base not in (text[position], "="))] += 1
        along += size if code in "MIS=X" else 0
        over += size if code in "MDN=X" else 0
    code, seen = count_one(one, sites_of(text), data.draw(st.sampled_from([2, 3, 8, 64])))
    assert code == kernels.MORE
    places = zip(*np.nonzero(seen), strict=True)
    assert {(position, kind): seen[kind, position] for kind, position in places} == expected


def count_one(one, sites, run=64):
    """What the kernel says of a single record, with the reference from position 0 on at hand."""
    padded = np.concatenate([sites, np.full(kernels.REACH + 5_000, ord("."), dtype=np.uint8)])
    seen, codes = np.zeros((2, len(padded)), dtype=np.int32), np.zeros(run, dtype=np.uint8)
    states = np.zeros(1, dtype=kernels.STATE)
    states[0]["contig"], states[0]["end"] = -1, len(one)
    buffer = np.frombuffer(one + b"\xff" * SLACK, dtype=np.uint8)
    code = kernels.count_other_strand(
        buffer,
        states,
        np.ones(3, dtype=bool),
        0,
        True,
        DIRECTIONAL,
        SiteLetters(padded, 0, 0, len(padded) - kernels.REACH),
        kernels.OtherStrandCounts(*seen, codes),
    )
    return code, seen[:, : len(sites)]


def settle_mutated(number):
    """Count mutated records; return how many were read to their end."""
    rng = np.random.default_rng([number, 4])
    sites, sound, read = sites_of(MUTABLE), sound_records(), 0
    for turn in range(number):
        one = mutate(sound[turn % len(sound)], rng)
        code, seen = count_one(one, sites)
        read += code == kernels.MORE
        # Never more than there are bases, and nothing where the record can't be right.
        assert 0 <= seen.sum() <= max(field(one, "l_seq"), 0)
        assert code == kernels.MORE or not seen.any()
    return read


def test_mutated_records():
    assert settle_mutated(20_000) > 16_000


def test_no_access_is_out_of_bounds(tmp_path):
    # With bounds checks an access outside of an array is an IndexError.
    here = Path(__file__).parent
    program = (
        "from cfdna_interp.fragments.kernels.compiling import DEBUG\n"
        "from test_methylation_variants import settle_mutated\n"
        "assert DEBUG\nprint(settle_mutated(2_000) > 1_600)\n"
    )
    environment = {
        **os.environ,
        "CFDNA_INTERP_DEBUG_KERNELS": "1",
        "PYTHONPATH": os.pathsep.join([str(here), str(here.parent), str(here.parents[1])]),
    }
    command = [sys.executable, "-c", program]
    done = subprocess.run(command, cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=300)
    assert done.stdout.split() == ["True"], done.stderr


def test_damage_ends_the_count_without_an_error(reference):
    # The same bytes are read again for their fragments, and there the error says where.
    records, _ = library(6, molecules=600)
    half = len(records) // 2
    size = patched(records[half], size=3)
    for wrong in (size, patched(records[half], l_name=0), patched(records[half], ref=7), records[0]):
        positions = found(reference, [*records[:half], wrong, *records[half:]])
        assert positions == found(reference, records[:half])


def test_an_absent_contig(reference):
    records, _ = library(6, molecules=50)
    sites = Sites(reference, ["chrU", "chr2", "chrX"], {})
    assert find_variants([], RULES, sites, 3) == {}
    stretch = Stretch(io.BytesIO(File.of(records, header()).written()), "S7")
    with pytest.raises(InputError, match="has no contig chrU; set reference"):
        find_variants(after_header(stretch.windows(), 3, "S7"), RULES, sites, 3)
    stretch.close()
