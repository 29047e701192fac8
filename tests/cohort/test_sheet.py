from __future__ import annotations

import re
from pathlib import Path

import pytest
import yaml

from cfdna_interp.artifacts.sheet import MEASURED
from cfdna_interp.cohort.sheet import SCHEMA, read_sheet
from cfdna_interp.config import Config
from cfdna_interp.config.settings import Extract
from cfdna_interp.errors import InputError

HEADER = ["sample", "subject", "bam", "label", "role", "site", "batch", "age", "sex", "kit", "hours_to_spin"]
ROWS = [
    "S1 P1 a/1.bam 1 discovery north b1 61 F k1 2",
    "S2 P2 a/2.bam 0 discovery south b2 _ M k1 2.5",
    "S3 P3 a/3.bam 1 heldout north b1 70 _ k2 1e1",
    "S4 P4 a/4.bam 0 heldout south b2 58.5 F _ _",
]


def config(*technical: str) -> Config:
    return Config(sheet="sheet.tsv", outdir="out", extract=Extract(technical_columns=technical))


def write(tmp_path, rows=ROWS, header=HEADER, separator="\t", name="sheet.tsv"):
    cells = [["" if cell == "_" else cell for cell in row.split()] for row in rows]
    path = tmp_path / name
    path.write_text("\n".join(separator.join(line) for line in [header, *cells]) + "\n")
    return path


def edit(row: int, column: str, value: str) -> list[str]:
    rows = [line.split() for line in ROWS]
    rows[row][HEADER.index(column)] = value
    return [" ".join(line) for line in rows]


@pytest.mark.parametrize(
    ("separator", "name"), [("\t", "s.tsv"), (",", "s.csv"), ("\t", "s.txt"), (",", "s.txt")]
)
def test_reads_what_was_written(tmp_path, separator, name):
    samples = read_sheet(write(tmp_path, separator=separator, name=name), config())
    first, second, third, fourth = samples
    assert (first.sample, first.subject, first.label, first.role) == ("S1", "P1", 1, "discovery")
    assert first.bam == str(tmp_path / "a" / "1.bam")
    assert (first.age, second.age, fourth.age) == (61.0, None, 58.5)
    assert (first.sex, third.sex) == ("F", "")
    assert first.technical == {"kit": "k1", "hours_to_spin": 2.0}
    assert third.technical == {"kit": "k2", "hours_to_spin": 10.0}
    assert fourth.technical == {}


def test_batch_is_the_site_where_the_sheet_has_no_batch(tmp_path):
    header = [name for name in HEADER if name != "batch"]
    rows = [" ".join(c for c, n in zip(row.split(), HEADER, strict=True) if n != "batch") for row in ROWS]
    assert [s.batch for s in read_sheet(write(tmp_path, rows, header), config())] == [
        "north",
        "south",
        "north",
        "south",
    ]


def test_addresses_stay_and_named_technical_columns_are_known(tmp_path):
    rows = [f"{row} v{i}" for i, row in enumerate(edit(0, "bam", "https://host/1.bam"))]
    path = write(tmp_path, rows, [*HEADER, "centrifuge"])
    with pytest.raises(InputError, match="unknown column 'centrifuge'"):
        read_sheet(path, config())
    samples = read_sheet(path, config("centrifuge"))
    assert samples[0].bam == "https://host/1.bam"
    assert samples[3].technical == {"centrifuge": "v3"}


def test_a_column_of_numbers_and_words_is_a_category(tmp_path):
    rows = [f"{row} {cell}" for row, cell in zip(ROWS, ["1", "two", "3", "_"], strict=True)]
    samples = read_sheet(write(tmp_path, rows, [*HEADER, "plate"]), config())
    assert [s.technical.get("plate") for s in samples] == ["1", "two", "3", None]
    # To Python 2024_01 is the number 202401.
    rows = [f"{row} 2024_0{i}" for i, row in enumerate(ROWS)]
    samples = read_sheet(write(tmp_path, rows, [*HEADER, "plate"]), config())
    assert [s.technical["plate"] for s in samples] == ["2024_00", "2024_01", "2024_02", "2024_03"]


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        (edit(1, "sample", "S1"), ["sample S1", "line 3", "line 2"]),
        (edit(1, "bam", "a/1.bam"), ["sample S2", "line 3", "1.bam"]),
        (
            edit(2, "subject", "P1"),
            ["sample S3", "line 4", "subject P1", "role heldout", "discovery on line 2"],
        ),
        (edit(1, "subject", "P1"), ["sample S2", "subject P1", "label 0", "1 on line 2"]),
        (edit(1, "label", "1"), ["role discovery", "label 1", "controls"]),
        (edit(1, "label", "2"), ["line 3", "'label'", "'2'", "one of 0, 1"]),
        (edit(1, "label", "_"), ["line 3", "'label'", "empty"]),
        (edit(1, "role", "test"), ["line 3", "'role'", "one of discovery, heldout"]),
        (edit(1, "age", "NaN"), ["line 3", "'age'", "'NaN'", "finite number"]),
        (edit(1, "age", "inf"), ["line 3", "'age'", "'inf'"]),
        (edit(1, "hours_to_spin", "nan"), ["line 3", "'hours_to_spin'", "finite number"]),
        (edit(1, "age", "1e999"), ["sample S2", "line 3", "'age'", "'1e999'", "at most 1e+100"]),
        (edit(1, "hours_to_spin", "-1e101"), ["sample S2", "line 3", "'hours_to_spin'", "'-1e101'"]),
        (edit(1, "kit", "NaN"), ["line 3", "'kit'", "empty cell"]),
        (edit(1, "sample", "../S2"), ["line 3", "'sample'", "letters, digits"]),
        (edit(1, "sample", "S" * 201), ["line 3", "'sample'", "at most 200"]),
        (edit(1, "bam", "~nobody-here/2.bam"), ["sample S2", "line 3", "'bam'", "leads nowhere", "home"]),
        (edit(1, "bam", "a/\0.bam"), ["sample S2", "line 3", "'bam'", r"'a/\x00.bam' leads nowhere", "null"]),
        ([ROWS[0] + " more", *ROWS[1:]], ["line 2", "12 cells under 11 columns"]),
        (ROWS[:2], ["no subject has role heldout"]),
        ([], ["no sample"]),
    ],
)
def test_mistakes_are_named(tmp_path, rows, words):
    with pytest.raises(InputError) as caught:
        read_sheet(write(tmp_path, rows), config())
    message = str(caught.value)
    assert all("sheet.tsv" in mistake and "\n" not in mistake for mistake in caught.value.mistakes)
    for word in words:
        assert word in message


def test_unknown_column_names_the_nearest(tmp_path):
    header = ["subjct" if name == "subject" else name for name in HEADER]
    with pytest.raises(InputError, match="unknown column 'subjct'; did you mean 'subject'"):
        read_sheet(write(tmp_path, header=header), config())


def test_a_column_of_numbers_holds_finite_ones_and_a_code_may_look_like_any(tmp_path):
    rows = [f"{row} {cell}" for row, cell in zip(ROWS, ["1", "2", "1e999", "_"], strict=True)]
    with pytest.raises(InputError, match=r"sample S3: .*line 4, column 'plate': '1e999' is no finite"):
        read_sheet(write(tmp_path, rows, [*HEADER, "plate"]), config())
    rows[0] = f"{ROWS[0]} A"
    assert read_sheet(write(tmp_path, rows, [*HEADER, "plate"]), config())[2].technical["plate"] == "1e999"


@pytest.mark.parametrize(
    ("technical", "said"),
    [
        ("label", "'label' is a column with a use of its own; leave it out there"),
        ("reads", "'reads' is a column with a use of its own"),
        (
            "hours_to_spun",
            r"sheet .*sheet\.tsv has no column 'hours_to_spun'; did you mean 'hours_to",
        ),
    ],
)
def test_technical_columns_that_would_do_nothing(tmp_path, technical, said):
    with pytest.raises(InputError, match=r"extract\.technical_columns: " + said):
        read_sheet(write(tmp_path), config("kit", technical))


@pytest.mark.parametrize("name", ["fragments", "gc", "over_600bp"])
def test_a_column_cannot_take_the_place_of_what_is_measured(tmp_path, name):
    rows = [f"{row} 1" for row in ROWS]
    with pytest.raises(InputError, match=rf"line 1: column '{name}' is measured in the alignments; rename"):
        read_sheet(write(tmp_path, rows, [*HEADER, name]), config(name))


def test_missing_and_doubled_columns(tmp_path):
    header = ["plate" if name == "label" else name for name in HEADER]
    with pytest.raises(InputError, match="column 'label' is missing"):
        read_sheet(write(tmp_path, header=header), config())
    header = ["kit" if name == "site" else name for name in HEADER]
    with pytest.raises(InputError, match="column 'kit' occurs twice"):
        read_sheet(write(tmp_path, header=header), config())


def test_a_name_of_200_letters_and_a_blank_line_on_top(tmp_path):
    path = write(tmp_path, edit(0, "sample", "S" * 200))
    path.write_text("\n \t\n" + path.read_text())
    assert read_sheet(path, config())[0].sample == "S" * 200
    path.write_text(path.read_text().replace("subject", "subjct"))
    with pytest.raises(InputError, match="line 3: unknown column 'subjct'"):
        read_sheet(path, config())


@pytest.mark.parametrize(
    ("name", "separator", "said"),
    [
        ("s.csv", ";", "separate columns by commas$"),
        ("s.csv", "\t", r"separate columns by commas, or call it \.tsv$"),
        ("s.tsv", ";", "separate columns by tabs or commas$"),
        ("s.txt", "|", "separate columns by tabs or commas$"),
    ],
)
def test_other_separators_are_named(tmp_path, name, separator, said):
    path = tmp_path / name
    path.write_text(write(tmp_path).read_text().replace("\t", separator))
    with pytest.raises(InputError, match=rf"{name}, line 1: 'sample.* is one column; {said}"):
        read_sheet(path, config())


def test_a_quotation_mark_is_named_where_it_opens(tmp_path):
    path = write(tmp_path)
    header, *rows = path.read_text().splitlines()
    rows[1] = '"' + rows[1]  # on line 3, and nowhere closed
    path.write_text("\n".join([header, *rows]))
    with pytest.raises(
        InputError, match="line 3: a quotation mark opens here and is not closed before line 5"
    ):
        read_sheet(path, config())
    rows[1] = rows[1].replace("\t", '\t"', 1).removeprefix('"')
    rows[2] = rows[2].replace("\t", '"\t', 1)  # one cell from the end of line 3 to the begin of line 4
    path.write_text("\n".join([header, *rows]))
    with pytest.raises(InputError, match=r"line 3: 12 cells under 11 columns \(a quotation .* to line 4\)"):
        read_sheet(path, config())


def test_the_page_about_sheets_has_every_column_and_its_values():
    page = (Path(__file__).parents[2] / "docs" / "sheet.md").read_text()
    schema = yaml.safe_load(SCHEMA.read_text())["properties"]
    rows = dict(re.findall(r"^\| `(\w+)` \| (.*?) \|", page, flags=re.MULTILINE))
    assert set(rows) == set(schema)
    for name, what in schema.items():
        assert all(f"`{value}`" in rows[name] for value in what.get("enum", []))
    assert all(f"`{name}`" in page for name in MEASURED)


def test_unreadable_sheets(tmp_path):
    with pytest.raises(InputError, match="does not exist"):
        read_sheet(tmp_path / "none.tsv", config())
    (tmp_path / "empty.tsv").write_text("")
    with pytest.raises(InputError, match="is empty"):
        read_sheet(tmp_path / "empty.tsv", config())
    (tmp_path / "blank.tsv").write_text("\n \n\n")
    with pytest.raises(InputError, match="is empty"):
        read_sheet(tmp_path / "blank.tsv", config())
    (tmp_path / "binary.tsv").write_bytes(b"\x1f\x8b\xff\xfe")
    with pytest.raises(InputError, match="UTF-8"):
        read_sheet(tmp_path / "binary.tsv", config())
