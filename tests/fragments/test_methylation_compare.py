"""Letters by comparison with the reference: by hand, base by base in plain Python, from damaged records."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pysam
import pytest
from bams import GENOME, mates, random_molecules
from hypothesis import given, settings
from hypothesis import strategies as st
from raw_bam import field, of_segment, record, tags_at, with_tags
from reference_compare import letters, of_bytes, strand_of

from cfdna_interp.fragments.kernels.compare import (
    DIRECTIONAL,
    NON_DIRECTIONAL,
    PBAT,
    REACH,
    REFERENCE_SUMS,
    compare_letters,
)
from cfdna_interp.fragments.kernels.memory import SLACK
from cfdna_interp.fragments.kernels.record import fields_fit
from cfdna_interp.fragments.kernels.scan_types import SiteLetters
from cfdna_interp.fragments.kernels.xm import MALFORMED
from cfdna_interp.fragments.methylation.compare import has_calls
from cfdna_interp.fragments.methylation.sites import STRETCH, Sites, letters_of
from cfdna_interp.fragments.reference import ReferenceGenome

CODES = np.full(256, 4, dtype=np.uint8)
CODES[list(b"ACGT")] = range(4)
YD_F, YD_R = b"YDZf\0", b"YDZr\0"
CANARY = 7


def sites_of(reference: str) -> np.ndarray:
    return letters_of(CODES[np.frombuffer(f"NN{reference}NN".encode(), dtype=np.uint8)])


def compared(
    made: bytes, sites: np.ndarray, begin: int = 0, library: int = DIRECTIONAL, sums: np.ndarray | None = None
) -> tuple[str, int]:
    """What the kernel makes of a record, after looking for writes beside its letters."""
    sums = np.zeros(1, dtype=REFERENCE_SUMS) if sums is None else sums
    buffer = np.frombuffer(b"\xff" * 5 + made + b"\xff" * SLACK, dtype=np.uint8)
    bases = field(made, "l_seq")
    text = np.full(max(bases, 2) + 6, CANARY, dtype=np.uint8)
    strand = compare_letters(buffer, 5, text, 3, SiteLetters(sites, 0, begin, 0), library, sums, 0)
    assert (text[:3] == CANARY).all()
    assert (text[3 + bases :] == CANARY).all()
    return text[3 : 3 + bases].tobytes().decode(), strand


def read(
    bases: str, cigar: list[tuple[int, str]], start: int = 0, tags: bytes = YD_F, flag: int = 0
) -> bytes:
    return record(b"r", flag, 0, start, cigar, bases, start, tags)


def test_forward_molecule_by_hand():
    # ACGTCAGTCCTAC: C at 1 in a CpG, at 4 before AG (CHG), at 8 before CT and 9 before TA (CHH), and at 12
    # the last base: nothing tells its context.
    reference = "ACGTCAGTCCTAC"
    every = [(13, "M")]
    assert compared(read("ACGTCAGTCCTAC", every), sites_of(reference)) == (".Z..X...HH..U", 1)
    assert compared(read("ATGTTAGTTTTAT", every), sites_of(reference)) == (".z..x...hh..u", 1)
    # A base that is neither kept nor converted is no call; "=" says: as the reference.
    assert compared(read("AAGTGAGTNCTA=", every), sites_of(reference)) == (".........H..U", 1)


def test_reverse_molecule_by_hand():
    # The reverse complement of the text above: the same letters from the other end, at its guanines.
    reference = "GTAGGACTGACGT"
    every = [(13, "M")]
    assert compared(read("GTAGGACTGACGT", every, tags=YD_R), sites_of(reference)) == ("U..HH...X..Z.", -1)
    assert compared(read("ATAAAACTAACAT", every, tags=YD_R), sites_of(reference)) == ("u..hh...x..z.", -1)


def test_clips_and_indels_by_hand():
    # Reference CGACGTCG from 100. 2S 3M 1I 1D 2M 1N 1M 3H: clipped CG, then CGA on 100..102, an inserted C,
    # C of 103 deleted, GT on 104 and 105, 106 skipped, the last base on 107, which is a G.
    sites = sites_of("CGACGTCG")
    cigar = [(2, "S"), (3, "M"), (1, "I"), (1, "D"), (2, "M"), (1, "N"), (1, "M"), (3, "H")]
    assert compared(read("CGCGACGTG", cigar, 100), sites, 100)[0] == "..Z......"
    assert compared(read("CGCAACATA", cigar, 100, YD_R), sites, 100)[0] == "...z..z.z"


def test_nothing_is_called_beyond_the_stretch():
    sites = sites_of("ACGT")
    for start in range(90, 112):
        found, _ = compared(read("C" * 8, [(8, "M")], start), sites, 100)
        assert found == "".join("Z" if position == 101 else "." for position in range(start, start + 8))
    # Two M of one base, the second one on the last position that is compared, or on the first that isn't.
    far = sites_of("C" + "A" * (REACH - 2) + "CGA")
    for skipped, last in ((REACH - 2, "Z"), (REACH - 1, ".")):
        cigar = [(1, "M"), (skipped, "N"), (1, "M")]
        expected = "H" + (last if skipped == REACH - 2 else ".")
        assert compared(read("CC", cigar), far)[0] == expected


@pytest.mark.parametrize(
    ("tags", "strand"),
    [
        (b"YDZf\0", 1),
        (b"YDZr\0", -1),
        (b"YDAf", 1),
        (b"YDAr", -1),
        (b"YDAu", 0),
        (b"YDZf1\0", 1),  # what no aligner of converted reads writes: the library tells
        (b"YDZf1\0XGZGA\0", -1),  # the next tag tells
        (b"ZSZ++\0", 1),
        (b"ZSZ+-\0", 1),
        (b"ZSZ-+\0", -1),
        (b"ZSZ--\0", -1),
        (b"ZSZ+\0", 1),
        (b"XGZCT\0", 1),
        (b"XGZGA\0", -1),
        (b"XGZCA\0", 1),
        (b"XGZga\0", 1),
        (b"XGZTT_CATG_AA\0", 1),  # BS-Seeker2: the bases around the read
        (b"ZSi\1\0\0\0YDZr\0", -1),  # a number under the name: of another aligner
        (b"XGi\0\0\0\0ZSZ-+\0", -1),
        (b"NMC\1YDZr\0XGZCT\0", -1),  # the first that tells
    ],
)
def test_strand_by_tag(tags, strand):
    found, said = compared(read("CG", [(2, "M")], tags=tags), sites_of("CG"))
    assert said == strand
    assert found == {1: "Z.", -1: ".Z", 0: ".."}[strand]


@pytest.mark.parametrize(
    ("flag", "strand"),
    # Single reads; first mates forward and reverse; second mates: theirs is the opposite of the molecule's.
    [(0, 1), (16, -1), (99, 1), (83, -1), (147, 1), (163, -1)],
)
def test_strand_of_a_directional_library(flag, strand):
    assert compared(read("CG", [(2, "M")], tags=b"NMC\1", flag=flag), sites_of("CG"))[1] == strand


@pytest.mark.parametrize(("flag", "strand"), [(0, -1), (16, 1), (99, -1), (83, 1), (147, -1), (163, 1)])
def test_strand_of_a_pbat_library_is_the_opposite(flag, strand):
    assert compared(read("CG", [(2, "M")], tags=b"NMC\1", flag=flag), sites_of("CG"), 0, PBAT)[1] == strand
    assert compared(read("CG", [(2, "M")], flag=flag), sites_of("CG"), 0, PBAT)[1] == 1  # YD:Z:f


# C at 1, 3 and 6 and G at 9, 12 and 14 lie in no CpG, C at 16 and G at 17 are one.
@pytest.mark.parametrize(
    ("bases", "strand"),
    [
        ("ATTTATTTAGAAGTGACGA", 1),  # three converted C
        ("ATTTATCTAGAAGTGACGA", 0),  # two tell nothing
        ("ATTTATCTAGAAGTGATGA", 0),  # nor does one in a CpG
        ("ACTCATCTAAAAATAACGA", -1),  # three converted G
        ("ATTTATTTAAAAATAACGA", 0),  # both strands alike
        ("ATTTATTTAAAAGTGACGA", 0),  # three against one: it takes four times as many
        ("ATTTATTTA=AA=T=ACGA", 1),  # bases that equal the reference
    ],
)
@pytest.mark.parametrize("flag", [99, 147, 83, 163])
def test_own_conversion_tells_the_strand_in_a_non_directional_library(bases, strand, flag):
    made = read(bases, [(19, "M")], tags=b"NMC\1", flag=flag)
    assert compared(made, sites_of("ACTCATCTAGAAGTGACGA"), 0, NON_DIRECTIONAL)[1] == strand


def test_third_bases_are_counted_at_cytosines_of_the_strand():
    # Forward: C at 0, 2, 4, 6, 8; the read shows C, T, A, G and N there. G at 1 is the other strand's.
    sums = np.zeros(1, dtype=REFERENCE_SUMS)
    compared(read("CATAATGTNT", [(10, "M")]), sites_of("CGCACTCTCT"), 0, DIRECTIONAL, sums)
    assert sums[0].tolist() == (4, 2, 0)
    # Reverse: G at 1, 3, 5, 7; the read shows G, A, C and =. A deletion hides the last one.
    cigar = [(2, "S"), (8, "M"), (1, "D"), (1, "M")]
    compared(read("GGTGTATCT=A", cigar, tags=YD_R), sites_of("TGTGTGTGGA"), 0, DIRECTIONAL, sums)
    assert sums[0].tolist() == (8, 3, 0)
    compared(read("CG", [(2, "M")], tags=b"YDAu"), sites_of("CG"), 0, DIRECTIONAL, sums)
    assert sums[0].tolist() == (8, 3, 1)


@pytest.mark.parametrize("tags", [b"NM", b"NMi\1", b"YDZf", b"XAB", b"XABc\xff\xff\xff\xff\1", b"XA?a"])
def test_tags_beyond_the_record(tags):
    assert compared(read("CG", [(2, "M")], tags=tags), sites_of("CG")) == ("..", MALFORMED)


def test_has_calls():
    segment = pysam.AlignedSegment()
    assert not has_calls(segment)
    for tag, value, kind, expected in (
        ("ZS", 3, "i", False),
        ("YD", "f", "A", True),
        ("YD", "r", "Z", True),
        ("ZS", "++", "Z", True),
    ):
        segment.set_tags([(tag, value, kind)])
        assert has_calls(segment) is expected


def test_the_letters_of_our_own_simulated_reads():
    # Reads are made from a genome with their XM letters beside them: the comparison finds the same.
    sites = {name: sites_of(bases) for name, bases in GENOME.items()}
    for number, molecule in enumerate(random_molecules(200, seed=4)):
        for segment in mates(molecule):
            made = with_tags(of_segment(segment), b"YDA" + (b"f" if molecule.strand == "CT" else b"r"))
            found, strand = compared(made, sites[molecule.contig])
            assert found == segment.get_tag("XM"), number
            assert strand == (1 if molecule.strand == "CT" else -1)


OPERATION = st.tuples(st.integers(0, 9), st.sampled_from("MMMIDNSHP=X"))
TAGS = st.sampled_from([b"", YD_F, YD_R, b"YDAu", b"ZSZ-+\0", b"NMC\1XGZCT\0", b"XSi\1\0\0\0ZSi\1\0\0\0"])


@settings(max_examples=400, deadline=None)  # the first example waits for the compiler
@given(
    reference=st.text("ACGTN", min_size=1, max_size=60),
    cigar=st.lists(OPERATION, max_size=12),
    start=st.integers(0, 50),
    flag=st.integers(0, 255),
    tags=TAGS,
    data=st.data(),
)
def test_any_cigar_on_any_reference(reference, cigar, start, flag, tags, data):
    length = sum(size for size, code in cigar if code in "MIS=X")
    bases = data.draw(st.text("ACGTN=", min_size=length, max_size=length))
    made = read(bases, cigar, start, tags, flag)
    found, strand = compared(made, sites_of(reference))
    assert (found, strand) == of_bytes(made, reference)
    told = {YD_F: 1, YD_R: -1, b"YDAu": 0, b"ZSZ-+\0": -1, b"NMC\1XGZCT\0": 1}.get(tags, strand_of(flag, []))
    assert strand == told
    # Only a part of the reference at hand: the same within it.
    low = data.draw(st.integers(0, len(reference)))
    high = data.draw(st.integers(low, len(reference)))
    part, _ = compared(made, sites_of(reference)[low:high].copy(), low)
    hidden = "".join(b if low <= p < high else "N" for p, b in enumerate(reference))
    known = letters(bases, [("MIDNSHP=X".index(c), n) for n, c in cigar], start, strand, hidden)
    # An "N" in place of a neighbour changes a context, the place of a call never.
    assert [a == "." for a in part] == [b == "." for b in known]
    assert all(a == b for a, b in zip(part, found, strict=True) if a != ".")


def test_a_cigar_longer_than_the_read():
    for size in (0, 1, 5, 1 << 27):
        made = read("CCCC", [(1, "I"), (size, "D"), (1 << 27, "M"), (9, "M")])
        reference = "CG" * 6
        assert compared(made, sites_of(reference)) == of_bytes(made, reference)


def test_stretches_move_along_and_hide_unsure_bases(tmp_path):
    rng = np.random.default_rng(8)
    bases = "".join(rng.choice(list("ACGTN"), size=5_000, p=[0.2, 0.3, 0.3, 0.15, 0.05]))
    (tmp_path / "g.fa").write_text(f">c1\n{bases}\n")
    pysam.faidx(str(tmp_path / "g.fa"))
    hidden = list(bases)
    unsure = [(10, 11), (700, 720), (4_990, 5_100)]
    for low, high in unsure:
        for position in range(low, min(high, 5_000)):
            hidden[position] = "N"
    sites = Sites(
        ReferenceGenome(str(tmp_path / "g.fa")), ["chr2", "c1"], {1: tuple(zip(*unsure, strict=True))}
    )
    expected = np.pad(sites_of("".join(hidden)), 400_000, constant_values=ord("."))
    for start in (0, 5, REACH, 75_000, 0):
        sites.move(1, start)
        assert sites.contig == 1
        assert sites.begin == max(start - REACH, 0)
        # They end where the contig ends: no read needs more.
        assert sites.begin + len(sites.letters) == max(5_000, sites.begin)
        assert sites.stretch.until > 1 << 30
        low = sites.begin + 400_000
        np.testing.assert_array_equal(sites.letters, expected[low : low + len(sites.letters)])


def test_a_stretch_in_the_middle_says_up_to_where_it_suffices(tmp_path):
    (tmp_path / "g.fa").write_text(">c1\n" + "ACGT" * 500_000 + "\n")
    pysam.faidx(str(tmp_path / "g.fa"))
    sites = Sites(ReferenceGenome(str(tmp_path / "g.fa")), ["c1"], {})
    sites.move(0, 300_000)
    assert sites.begin == 300_000 - REACH
    assert sites.stretch.until == 300_000 + STRETCH
    assert sites.begin + len(sites.letters) == sites.stretch.until + REACH
    sites.move(0, 1_000_000)
    assert sites.begin + len(sites.letters) == 2_000_000
    assert sites.stretch.until > 1 << 30


def test_an_unsure_base_silences_its_cpg_on_both_strands():
    # CG at 1 and at 5; the C at 1 is hidden: as with an N there, the G after it has no known context.
    sites = sites_of("ANGTACGT")
    assert compared(read("ACGTACGT", [(8, "M")]), sites)[0] == ".....Z.."
    assert compared(read("ACGTACGT", [(8, "M")], tags=YD_R), sites)[0] == "..U...Z."


MUTABLE = GENOME["chr1"][:3_000]  # reference of the records that are mutated


def sound_records() -> list[bytes]:
    """Records with clips, indels and all kinds of tags, on ``MUTABLE``."""
    tags = (YD_F, YD_R, b"ZSZ-+\0NMC\1", b"NMC\1YDAf", b"XAB\x63\2\0\0\0\1\2XGZGA\0", b"X1Zabc\0")
    cigar = [(3, "S"), (20, "M"), (2, "I"), (5, "D"), (30, "M"), (5, "H"), (5, "S")]
    return [
        record(b"r", flag, 0, start, cigar, MUTABLE[start : start + 60], 90, tags[number % len(tags)])
        for number, start in enumerate(range(0, 2_000, 50))
        for flag in (99, 147, 83, 163)
    ]


def mutate(made: bytes, rng: np.random.Generator) -> bytes:
    """The record with a few bytes set: anywhere behind its size, in name and CIGAR, or in its tags."""
    changed = bytearray(made)
    for _ in range(int(rng.integers(1, 4))):
        low, high = ((4, len(made)), (36, 70), (tags_at(made), len(made)))[rng.integers(3)]
        changed[int(rng.integers(low, high))] = int(rng.integers(256))
    return bytes(changed)


def settle_mutated(number: int) -> int:
    """Compare mutated records with the obvious implementation; return how many a scan would let in."""
    rng = np.random.default_rng([number, 3])
    sites, sound, let_in = sites_of(MUTABLE), sound_records(), 0
    for turn in range(number):
        made = mutate(sound[turn % len(sound)], rng)
        buffer = np.frombuffer(made + b"\xff" * SLACK, dtype=np.uint8)
        if not fields_fit(buffer, 0, len(made) - 4) or field(made, "pos") < -1:
            continue
        let_in += 1
        found, strand = compared(made, sites)
        assert (found, None if strand == MALFORMED else strand) == of_bytes(made, MUTABLE), made
    return let_in


def test_a_hundred_thousand_mutated_records():
    assert settle_mutated(100_000) > 80_000


def test_no_access_is_out_of_bounds(tmp_path):
    # With bounds checks an access outside of an array is an IndexError.
    here = Path(__file__).parent
    program = (
        "from cfdna_interp.fragments.kernels.compiling import DEBUG\n"
        "from test_methylation_compare import settle_mutated\n"
        "assert DEBUG\nprint(settle_mutated(3_000) > 2_000)\n"
    )
    environment = {
        **os.environ,
        "CFDNA_INTERP_DEBUG_KERNELS": "1",
        "PYTHONPATH": os.pathsep.join([str(here), str(here.parent), str(here.parents[1])]),
    }
    done = subprocess.run(
        [sys.executable, "-c", program],
        cwd=tmp_path,
        env=environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.stdout.split() == ["True"], done.stderr
