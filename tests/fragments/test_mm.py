from __future__ import annotations

import os
import random
import struct
import subprocess
import sys
from array import array
from collections import Counter, defaultdict
from pathlib import Path

import numpy as np
import pysam
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from mm_cases import (
    ARGMAX,
    assert_as_slow,
    byte_tag,
    read,
    records,
    run,
    settle,
    sound_lists,
    tags_of,
    text_tag,
)
from raw_bam import record
from slow_mm import COMPLEMENT, MALFORMED, parse, slow

from cfdna_interp.fragments.methylation.mm import has_calls, threshold_bytes

NOTHING = {"between": 0, "hydroxy": 0, "hemi": 0}


@pytest.fixture
def examples(realdata, tmp_path):
    """Read name -> pysam record and its bytes, of one of the specification's files."""

    def load(name):
        path = tmp_path / "example.bam"
        with pysam.AlignmentFile(str(realdata / "modified_bases" / name), check_sq=False) as source:
            found = list(source.fetch(until_eof=True))
            with pysam.AlignmentFile(str(path), "wb", template=source) as target:
                for segment in found:
                    target.write(segment)
        raw = records(path)
        return {segment.query_name: (segment, data) for segment, data in zip(found, raw, strict=True)}

    return load


# The specification's own examples. The likeliest state is called; p(unmodified) is 255 less the bytes.
@pytest.mark.realdata
@pytest.mark.parametrize(
    ("file", "name", "strand", "letters", "counts"),
    [
        # AGCTCTCCAGAGTCGNACGCCATYCGCGCGCCACCA: C at 2, 4, 6, 7, 13, 17, 19, 20, 24, 26, 28, 30, 31, 33, 34.
        # C+m,2,2,1,4,1: 5mC at 6 (128 > 127), 17, 20, 31, 34. C+h,6,7: 5hmC at 19 (159), 34 (6). 34 is CA and
        # the end of the read: unknown context. 7 is CAG; 13, 17, 24, 26, 28 are CG; unlisted is unmodified.
        ("MM-multi.sam", "r1", 1, "..h.h.Hx.....z...Z..H...z.z.z.hH.hU.", {}),
        # C+mh,2,2,0,0,4,1 with (m, h): 6 (77, 159), 17 (103, 133), 19 (128, 108), 20 (154, 82), 31 (179, 57),
        # 34 (204, 31): 5hmC at 6 and at 17, which is a CpG.
        ("MM-multi.sam", "r2", 1, "..h.h..x.....z.....HH...z.z.z.hH.hU.", {"hydroxy": 1}),
        # The same with 76792 for h, and 102 at 6, which is less than 255 - 102.
        ("MM-chebi.sam", "*", 1, "..h.h.hx.....z...Z..H...z.z.z.hH.hU.", {}),
        # ATCATCATTCCTACCGCTATAGCCT: C at 2, 5, 9, 10, 13, 14, 16, 22, 23. r1: 9 (200, 10), 10 (50, 170),
        # 14 (160, 20), others unmodified; 13 is CCG, 14 CG, 23 the last but one. r2: 9, 10, 13, 14, 16, the
        # others unknown. r3: 5mC at 9 and 14, others unmodified; 5hmC asked at 9, 10, 13, 14, 16: 170 at 10.
        ("MM-explicit.sam", "r1", 1, "..h..h...H...xZ.h.....hu.", {}),
        ("MM-explicit.sam", "r2", 1, ".........H...xZ.h........", {}),
        ("MM-explicit.sam", "r3", 1, "..h..h...H...xZ.h.....hu.", {}),
        # AGGATCTCTAGCGGATCGGCGGGGGATATGCCATAT: C at 5, 7, 11, 16, 19, 30, 31; CG at 11, 16, 19.
        # C+m,1,3,0: 7 (128), 30 (153), 31 (179).
        ("MM-orient.sam", "top-fwd", 1, ".....h.H...z....z..z..........HH....", {}),
        ("MM-orient.sam", "top-rev", -1, "....HH..........z..z....z...H.h.....", {}),
        # G-m,0,0,4,3: G at 1, 2, 18, 23, none of a CpG: these are unmodified, other cytosines unknown.
        ("MM-orient.sam", "bot-fwd", 1, "...........z....z..z................", {}),
        ("MM-orient.sam", "bot-rev", -1, "................z..z....z...........", {}),
        # G-m,0,2,0,4: G at 1, 12 (141 > 114), 13, 22. 12 is of the CpG at 11, whose C is unmodified.
        ("MM-double.sam", "*", 1, ".....h.H........z..z..........HH....", {"hemi": 1}),
    ],
)
def test_examples_of_the_specification(examples, file, name, strand, letters, counts):
    segment, data = examples(file)[name]
    assert len(letters) == segment.query_length
    assert run(data, *ARGMAX) == (strand, letters, NOTHING | counts)
    assert (
        slow(
            segment.query_sequence,
            segment.is_reverse,
            segment.get_tag("MM"),
            list(segment.get_tag("ML")),
            *ARGMAX,
        ).letters
        == letters
    )


@pytest.mark.realdata
def test_an_example_at_a_threshold(examples):
    # Of 5mC at 6 (128), 17 (153), 20 (179), 31 (204), 34 (230) only 230 is at least .8; 17 is a CpG.
    _, data = examples("MM-multi.sam")["r1"]
    letters = "..h.h..x.....z..........z.z.z.h..hU."
    assert run(data, *threshold_bytes(0.8)) == (1, letters, NOTHING | {"between": 1})


def test_thresholds_are_those_of_the_middle_of_a_byte():
    # .8 is 204.8 of 256: 205.5 is above it, 204.5 below. 1 - .8 is 51.2: 50.5 is below, 51.5 above.
    assert threshold_bytes(0.8) == (50, 205)
    # 127.5 < 128 < 128.5: above .5 is 128 and more.
    assert threshold_bytes(0.5) == (127, 128)
    assert threshold_bytes(1.0) == (0, 255)


# CCGT: C at 0 is CHG (CCG), C at 1 a CpG, whose other strand is the G at 2.
@pytest.mark.parametrize(
    ("lists", "values", "letters", "counts"),
    [
        ("C+m,0,0;", [205, 205], "XZ..", {}),
        ("C+m,0,0;", [204, 204], "....", {"between": 1}),
        ("C+m,0,0;", [50, 50], "xz..", {}),
        ("C+m,0,0;", [51, 51], "....", {"between": 1}),
        ("C+m;", [], "xz..", {}),
        ("C+m.;", [], "xz..", {}),
        ("C+m?;", [], "....", {}),
        ("C+m,;", [], "xz..", {}),
        ("C+m.,;", [], "xz..", {}),
        ("C+m?,;", [], "....", {}),
        ("C+m?,1;", [255], ".Z..", {}),
        # 5hmC and 5mC at one base: the sum decides whether it is unmodified, each by itself what else it is.
        ("C+m?,1;C+h?,1;", [25, 25], ".z..", {}),
        ("C+m?,1;C+h?,1;", [26, 25], "....", {"between": 1}),
        ("C+m?,1;C+h?,1;", [20, 230], "....", {"hydroxy": 1}),
        ("C+m?,1;C+h?,1;", [230, 20], ".Z..", {}),
        ("C+hm?,1;", [20, 230], ".Z..", {}),
        # A modification that is neither: no 5mC, and not unmodified.
        ("C+m?,1;C+f?,1;", [0, 230], "....", {"between": 1}),
        # 5hmC alone says nothing of 5mC.
        ("C+h,0,0;C+m?,0;", [0, 0, 255], "X...", {}),
        # Lists of any base: at 0 and 1; what N+m. leaves out is unmodified.
        ("N+m?,0,0;", [255, 0], "Xz..", {}),
        ("N+m,1,0,0;", [255, 255, 255], "xZ..", {}),
        # The opposite strand: agrees, contradicts, decides where this strand is unclear or unknown.
        ("C+m?,1;G-m?,0;", [255, 255], ".Z..", {}),
        ("C+m?,1;G-m?,0;", [255, 0], "....", {"hemi": 1}),
        ("C+m?,1;G-m?,0;", [128, 0], ".z..", {}),
        ("C+m?,1;G-m?,0;", [128, 128], "....", {"between": 1}),
        ("C+m?,1;G-h?,0;", [255, 255], "....", {"hydroxy": 1}),
        ("G-m?,0;", [255], ".Z..", {}),
        ("G-27551?,0;", [255], ".Z..", {}),
        ("N-m?,2;", [255], ".Z..", {}),
        # Of other bases, or on the strand where they are no cytosines: checked, without a letter.
        ("T+m,0;C+m?;", [255], "....", {}),
        ("C-m,0;C+m?;", [255], "....", {}),
        ("C+m,0,0;A+a;", [255, 255], "XZ..", {}),
    ],
)
def test_rules_of_calls(lists, values, letters, counts):
    tags = tags_of(lists, values)
    assert run(read("CCGT", False, tags), 50, 205) == (1, letters, NOTHING | counts)
    # ACGG is the same read aligned to the reverse strand.
    assert run(read("ACGG", True, tags), 50, 205) == (-1, letters[::-1], NOTHING | counts)


@pytest.mark.parametrize("bases", ["CN", "CAN", "C", "CA", "CY", "CTR"])
def test_contexts_that_the_read_does_not_tell(bases):
    assert run(read(bases, False, tags_of("C+m;", [])), 50, 205)[1] == "u" + "." * (len(bases) - 1)
    turned = bases.translate(COMPLEMENT)[::-1]
    assert run(read(turned, True, tags_of("C+m;", [])), 50, 205)[1] == "." * (len(bases) - 1) + "u"


@pytest.mark.parametrize(
    "tags",
    [
        b"",
        text_tag("MM", "T+g,0;") + byte_tag("ML", [3]),
        text_tag("MM", "C+h,0;") + byte_tag("ML", [255]),  # 5mC isn't asked
        text_tag("MM", ""),
        b"MMi\x01\0\0\0",  # as another tool's number
        tags_of("C+m,0;", [255]) + b"MNC\x05",
        tags_of("C+m,9;", [255]) + b"MNc\x05",  # that it doesn't fit is no surprise
        tags_of("C+m,0;", [255]) + b"MNi" + struct.pack("<i", -4),
        tags_of("C+m,0;", [255]) + b"MNs" + struct.pack("<h", -4),
        tags_of("C+m,0;", [255]) + b"MNI" + struct.pack("<I", 1 << 31),
        tags_of("C+m,0;", [255]) + b"MNZ4\0",
    ],
)
def test_no_calls(tags):
    assert run(read("CCGT", False, tags), *ARGMAX) == (0, "....", NOTHING)


@pytest.mark.parametrize(
    "tags",
    [
        b"MNC\x04" + tags_of("C+m,0,0;", [255, 0]),
        tags_of("C+m,0,0;", [255, 0]) + b"MNc\x04",
        tags_of("C+m,0,0;", [255, 0]) + b"MNs\x04\0",
        tags_of("C+m,0,0;", [255, 0]) + b"MNS\x04\0",
        tags_of("C+m,0,0;", [255, 0]) + b"MNi\x04\0\0\0",
        tags_of("C+m,0,0;", [255, 0]) + b"MNI\x04\0\0\0",
        text_tag("Mm", "C+m,0,0;") + byte_tag("Ml", [255, 0]),  # as in the draft
        byte_tag("ML", [255, 0]) + text_tag("Mm", "A+a;") + text_tag("MM", "C+m,0,0;"),
        byte_tag("ML", [255, 0]) + b"MMi\x01\0\0\0" + text_tag("Mm", "C+m,0,0;"),
        text_tag("MM", "C+m,0;"),  # without values what is listed is certain
    ],
)
def test_ways_to_write_the_same(tags):
    assert run(read("CCGT", False, tags), *ARGMAX) == (1, "Xz..", NOTHING)


def test_hard_clips_need_the_length_to_vouch():
    lists = tags_of("C+m,0;", [255])
    for cigar in ([(3, "H"), (4, "M")], [(4, "M"), (2, "H")]):
        assert run(read("CCGT", False, lists, cigar), *ARGMAX)[0] == 0
        assert run(read("CCGT", False, lists + b"MNC\x04", cigar), *ARGMAX)[:2] == (1, "Xz..")
        assert run(read("CCGT", False, lists + b"MNC\x07", cigar), *ARGMAX)[0] == 0
    assert run(read("CCGT", False, lists, [(1, "S"), (3, "M")]), *ARGMAX)[:2] == (1, "Xz..")
    no_cigar = record(b"r", 4, -1, -1, [], "CCGT", -1, lists)
    assert run(no_cigar, *ARGMAX)[:2] == (1, "Xz..")


@pytest.mark.parametrize(
    "tags",
    [
        tags_of("C+m,2;", [255]),  # a third C
        tags_of("C+m,0,1;", [255, 255]),
        tags_of("A+a,0;C+m;", [255]),
        tags_of("C+m,99999999999999999999999999;", [255]),
        tags_of("C+m,0,0;", [255]),  # too few values
        tags_of("C+m,0;", [255, 255]),  # too many
        tags_of("C+mh,0;", [255]),
        text_tag("MM", "C+m,0;") + byte_tag("ML", [1], b"c"),
        text_tag("MM", "C+m,0;") + b"MLC\x01",
        tags_of("C+m,0", [255]),
        tags_of("C+m,0,;", [255]),
        tags_of("C+m,,0;", [255]),
        tags_of("C+m,-1;", [255]),
        tags_of("C+,0;", [255]),
        tags_of("C+27551m,0;", [255]),
        tags_of("C+m?.,0;", [255]),
        tags_of("C*m,0;", [255]),
        tags_of("Y+m,0;", [255]),
        tags_of("c+m,0;", [255]),
        tags_of("C+m,0;;", [255]),
        tags_of("C+m,0;C", [255]),
        tags_of("C+m;" * 256, []),  # more modifications than htslib takes
        text_tag("MM", "C+m;") + b"XX",  # half a tag
        text_tag("MM", "C+m;") + b"XXB\x43\xff\xff\xff\xff",
        b"MMZC+m;",
    ],
)
def test_malformed(tags):
    assert run(read("CCGT", False, tags), *ARGMAX)[0] == MALFORMED
    assert run(read("ACGG", True, tags), *ARGMAX)[0] == MALFORMED


def test_as_many_modifications_as_may_be():
    assert run(read("CCGT", False, tags_of("C+m;" * 255, [])), *ARGMAX)[:2] == (1, "xz..")


reads = st.text("ACGTNY", max_size=40)
limits = st.sampled_from([ARGMAX, (50, 205), (127, 128), (0, 255), (90, 100)])


@settings(max_examples=400, deadline=None)
@given(st.randoms(use_true_random=False), reads, st.booleans(), limits)
def test_as_the_plain_implementation(rng, bases, reverse, low_high):
    lists, values = sound_lists(rng, bases, reverse)
    assert assert_as_slow(bases, reverse, lists, values, *low_high) != MALFORMED


def test_long_reads_as_the_plain_implementation():
    rng = random.Random(5)
    for reverse in (False, True):
        bases = "".join(rng.choices("ACGT", k=5_001))
        lists, values = "", []
        while "C+m" not in lists or "G-m" not in lists:
            lists, values = sound_lists(rng, bases, reverse)
        assert assert_as_slow(bases, reverse, lists, values, 50, 205) == (-1 if reverse else 1)


@settings(max_examples=200, deadline=None)
@given(st.randoms(use_true_random=False), reads.filter(len), st.booleans())
def test_positions_and_probabilities_are_those_of_htslib(rng, bases, reverse):
    lists, values = sound_lists(rng, bases, reverse)
    sequence = bases.translate(COMPLEMENT)[::-1] if reverse else bases
    found = parse(sequence, lists, values)
    if len(found) > 5:  # pysam has room for five at a base
        return
    ours = defaultdict(list)
    for base, strand, code, _, listed in found:
        key = (base, int((strand == "-") != reverse), int(code) if code.isdigit() else code)
        for at, value in listed.items():
            ours[key].append((len(bases) - 1 - at if reverse else at, value))
    segment = pysam.AlignedSegment()
    segment.query_sequence, segment.flag = bases, 4 + 16 * reverse
    # htslib takes no comma before nothing.
    segment.set_tags([("MM", lists.replace(",;", ";"), "Z"), ("ML", array("B", values))])
    theirs = segment.modified_bases or {}
    assert {k: sorted(v) for k, v in ours.items()} == {k: sorted(v) for k, v in theirs.items()}


# 10 nanopore reads beside the bedMethyl files of modkit's tests. Columns from the 15th on: bases called as
# the row's modification, as unmodified, as another one; deleted, filtered, of another base, not called.
def bed_methyl(path):
    """(position, strand) -> bases of 5mC, none, 5hmC, below the threshold."""
    rows = (line.split() for line in path.read_text().splitlines())
    return {(int(row[1]), row[5]): [int(row[k]) for k in (14, 15, 16, 18)] for row in rows if row[3] == "m"}


def bam_and_bytes(path):
    with pysam.AlignmentFile(str(path)) as file:
        return list(zip(file.fetch(until_eof=True), records(path), strict=True))


def sites(path, low, high):
    """The same of our calls; those of 5mC and none are the kernel's letters."""
    found = defaultdict(lambda: [0, 0, 0, 0])
    for segment, data in bam_and_bytes(path):
        lists, values = segment.get_tag("MM"), list(segment.get_tag("ML"))
        expected = slow(segment.query_sequence, segment.is_reverse, lists, values, low, high)
        strand, letters, counts = run(data, low, high)
        assert (strand, letters) == (expected.strand, expected.letters)
        assert counts == NOTHING | expected.counts
        for at, position in segment.get_aligned_pairs(matches_only=True):
            site = found[position, "-" if segment.is_reverse else "+"]
            site[0] += letters[at].isupper()
            site[1] += letters[at].islower()
            site[2] += expected.calls[at] == "h"
            site[3] += expected.calls[at] == "unclear"
    return {site: counts for site, counts in found.items() if sum(counts[:3])}


@pytest.mark.realdata
def test_nanopore_reads_beside_bed_methyl(realdata):
    folder = realdata / "modified_bases"
    bam = folder / "bc_anchored_10_reads.sorted.bam"
    assert sites(bam, *ARGMAX) == bed_methyl(folder / "modbam.modpileup_nofilt.bed")

    # The filtered file leaves out the quarter of calls of the lowest confidence: the 25th percentile over all
    # reads of the largest of p(m), p(h) and p(none), each byte being the middle of its range.
    confidence = []
    for segment, _ in bam_and_bytes(bam):
        bases = segment.modified_bases
        strand = int(segment.is_reverse)
        for (_, m), (_, h) in zip(bases["C", strand, "m"], bases["C", strand, "h"], strict=True):
            confidence.append(max(m + 0.5, h + 0.5, 255 - m - h) / 256)
    threshold = float(np.quantile(confidence, 0.25))
    assert sites(bam, *threshold_bytes(threshold)) == bed_methyl(folder / "modbam.modpileup_filt025.bed")
    assert sites(bam, *threshold_bytes(0.8)) != bed_methyl(folder / "modbam.modpileup_filt025.bed")


def test_mutated_records():
    # 100,000 with any byte of the tags changed; among the 50,000 before, which are compared with the plain
    # implementation, 20,000 with other characters or values in the lists.
    came = Counter(settle(seed) for seed in range(50_000))
    assert came[MALFORMED] > 5_000 and min(came[1], came[-1]) > 5_000


REDUCED = """
from mm_cases import settle
from cfdna_interp.fragments.kernels.compiling import DEBUG

assert DEBUG
for seed in range(3_000):
    settle(seed)
print("all settled")
"""


def test_no_access_is_out_of_bounds(tmp_path):
    # The kernel compiled with bounds checks raises IndexError where the ordinary one would read elsewhere.
    here = Path(__file__).parent
    done = subprocess.run(
        [sys.executable, "-c", REDUCED],
        cwd=tmp_path,
        env={
            **os.environ,
            "CFDNA_INTERP_DEBUG_KERNELS": "1",
            "PYTHONPATH": os.pathsep.join([str(here), str(here.parent), str(here.parents[1])]),
        },
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.stdout.splitlines()[-1:] == ["all settled"], done.stderr


@pytest.mark.parametrize(
    ("tags", "expected"),
    [
        ([], False),
        ([("MM", "C+m,0;", "Z")], True),
        ([("Mm", "C+m?;", "Z")], True),
        ([("MM", "A+a,0;C+hm.,0;", "Z")], True),
        ([("MM", "G-27551;", "Z")], True),
        ([("MM", "N+m;", "Z")], True),
        ([("MM", "A+a,0;", "Z")], False),
        ([("MM", "C+h,0;", "Z")], False),
        ([("MM", "G+m,0;", "Z")], False),
        ([("MM", "", "Z")], False),
        ([("MM", 1, "i")], False),
        ([("MM", 1, "i"), ("Mm", "C+m;", "Z")], True),
    ],
)
def test_detection(tags, expected):
    segment = pysam.AlignedSegment()
    segment.query_sequence = "CCGT"
    segment.set_tags(tags)
    assert has_calls(segment) is expected
