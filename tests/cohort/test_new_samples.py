"""A sheet of samples to be scored: names and files are enough, and mistakes are named."""

import pytest

from cfdna_interp.cohort.sheet import read_new_samples
from cfdna_interp.errors import InputError


def sheet(tmp_path, text):
    path = tmp_path / "new.tsv"
    path.write_text(text.replace(" ", "\t"))
    return path


def test_names_and_files_are_enough(tmp_path):
    (only,) = read_new_samples(sheet(tmp_path, "sample bam\nN1 data/n1.bam\n"), ())
    assert (only.sample, only.subject, only.label) == ("N1", "N1", None)
    assert only.bam == str(tmp_path / "data" / "n1.bam")


def test_what_is_known_of_a_library_is_read_and_labels_are_not_looked_at(tmp_path):
    text = (
        "sample bam label role reads hours_to_spin robot\nN1 https://x.org/n1.bam unknown new single 4 R2\n"
    )
    (only,) = read_new_samples(sheet(tmp_path, text), ("robot",))
    assert (only.bam, only.reads, only.label) == ("https://x.org/n1.bam", "single", None)
    assert only.technical == {"hours_to_spin": 4.0, "robot": "R2"}


def test_codes_stay_text_and_other_cells_are_read_one_by_one(tmp_path):
    text = "sample bam kit wait\nN1 a.bam 1 late\nN2 b.bam 2 4\nN3 c.bam  \n"
    samples = read_new_samples(sheet(tmp_path, text), ("kit", "wait"), {"kit"})
    assert [sample.technical for sample in samples] == [
        {"kit": "1", "wait": "late"},
        {"kit": "2", "wait": 4.0},
        {},
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("sample\nN1\n", "line 1: column 'bam' is missing"),
        ("sample bam tub\nN1 a.bam x\n", "unknown column 'tub'; did you mean 'tube'"),
        ("sample bam age\nN1 a.bam 1e999\n", "sample N1: .*column 'age': '1e999' is no finite number"),
        ("sample bam kit\nN1 a.bam 1e101\n", "sample N1: .*column 'kit': '1e101' is no finite number"),
        ("sample bam\nN1 a.bam\nN1 b.bam\n", "line 3: sample N1 stands on line 2 already"),
        ("sample bam\nN1 a.bam\nN2 a.bam\n", "sample N2: .*line 3: bam"),
        ("sample bam reads\nN1 a.bam long\n", "sample N1: .*column 'reads': 'long' is not allowed"),
        ("sample bam reads\n../N1 a.bam single\n", "column 'sample': '../N1' is not allowed"),
        ("sample bam reads\nN1  single\n", "sample N1: .*line 2: column 'bam' is empty"),
    ],
)
def test_mistakes_are_named_by_line_and_column(tmp_path, text, said):
    with pytest.raises(InputError, match=said):
        read_new_samples(sheet(tmp_path, text), ())
