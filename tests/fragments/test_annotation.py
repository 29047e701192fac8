from __future__ import annotations

import pytest

from cfdna_interp.errors import InputError
from cfdna_interp.fragments.annotation import load_annotation

NAMES, LENGTHS, WHO = ("chr1", "chr2", "chrX"), (10_000, 5_000, 2_000), "sample S: s.bam"


def load(tmp_path, text):
    path = tmp_path / "contexts.bed"
    path.write_text(text)
    return load_annotation(path, NAMES, LENGTHS, WHO)


def test_intervals_by_contig_and_start_with_their_context(tmp_path):
    known = load(
        tmp_path,
        "track name=x\n# c\nchrX\t5\t9\tisland\n"
        "1\t300\t400\tshore\t0\t+\n1\t100\t300\tisland\nchrUn\t1\t2\tsea\n"
        "1\t390\t450\tshore\n",
    )
    assert known.names == ("island", "shore")
    assert known.splits.tolist() == [0, 2, 2, 3]
    assert known.starts.tolist() == [100, 300, 5]
    assert known.ends.tolist() == [300, 450, 9]  # shores that overlap are one
    assert known.contexts.tolist() == [0, 1, 0]


def test_an_interval_inside_another_of_its_context_does_not_shorten_it(tmp_path):
    known = load(tmp_path, "chr1\t100\t500\tisland\nchr1\t150\t200\tisland\nchr1\t490\t600\tisland\n")
    assert (known.starts.tolist(), known.ends.tolist()) == ([100], [600])


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("chr1\t1\t2\n", r"contexts.bed, line 1: expected contig, start, end and a context"),
        ("chr1\t1\t2\ta\nchr1\tx\t2\ta\n", "line 2: expected"),
        ("chr1\t5\t5\ta\n", "line 1: expected"),
        ("chr1\t1\t5\tCpG island\n", "line 1: expected"),
        ("chr1\t1\t5\telsewhere\n", "line 1: expected .* other than 'elsewhere'"),
        ("chr1\t1\t50\ta\nchr1\t49\t60\tb\n", "line 2: b overlaps a of line 1; .*bedtools subtract"),
        ("chr1\t1\t50\ta\nchr1\t10\t20\ta\nchr1\t40\t60\tb\n", "line 3: b overlaps a"),
        ("chr9\t1\t50\ta\n", r"sample S: s.bam has no contig of annotation .*e.g. chr9.*build"),
        ("", "holds no interval"),
        ("chr2\t1\t5001\ta\n", r"sample S: s.bam: .*line 1 ends at 5001, but chr2 has 5000 bp; .*build"),
    ],
)
def test_what_is_wrong_is_one_line(tmp_path, text, words):
    with pytest.raises(InputError, match=words) as error:
        load(tmp_path, text)
    assert "\n" not in str(error.value)


def test_a_file_that_is_not_there(tmp_path):
    with pytest.raises(InputError, match=r"none.bed cannot be read .*; give a BED file"):
        load_annotation(tmp_path / "none.bed", NAMES, LENGTHS, WHO)
