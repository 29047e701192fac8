from __future__ import annotations

import struct

import pysam
import pytest
from mm_cases import (
    ARGMAX,
    byte_tag,
    read,
    records,
    run,
    tags_of,
    text_tag,
)
from raw_bam import record
from slow_mm import COMPLEMENT, MALFORMED, slow

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
        # G-m,0,0,4,3: G at 1 (115 < 140), 2 (141), 18 (166), 23 (192), all others unmodified. Letters are of
        # the other strand, read backwards: 12, 17 and 20 are CG, 13, 18 and 21 CCG, 10 CTA, 22 to 24 CCC,
        # 29 CAT, 2 CCT; 1 is CT and the end of the read.
        ("MM-orient.sam", "bot-fwd", -1, ".uH.......h.zx...zX.zxhHh....h......", {}),
        ("MM-orient.sam", "bot-rev", 1, "......h....hHhxz.Xz...xz.h.......Hu.", {}),
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


# 5mC on the opposite strand alone: its letters, at the bases that the lists name. G at 2 is of the same CpG.
@pytest.mark.parametrize(
    ("lists", "values", "letters", "counts"),
    [
        ("G-m?,0;", [255], "..Z.", {}),
        ("G-m?,0;", [128], "....", {"between": 1}),
        ("G-27551?,0;", [255], "..Z.", {}),
        ("N-m?,2;", [255], "..Z.", {}),
        ("G-m;", [], "..z.", {}),
        ("G-m?;", [], "....", {}),
        ("C+h,1;G-m?,0;", [255, 255], "....", {"hydroxy": 1}),
        ("C+h,1;G-m?,0;", [20, 255], "..Z.", {}),
        ("T+a,0;G-m?,0;", [255, 255], "..Z.", {}),
    ],
)
def test_calls_of_the_other_strand(lists, values, letters, counts):
    tags = tags_of(lists, values)
    assert run(read("CCGT", False, tags), 50, 205) == (-1, letters, NOTHING | counts)
    assert run(read("ACGG", True, tags), 50, 205) == (1, letters[::-1], NOTHING | counts)


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
