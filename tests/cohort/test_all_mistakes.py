"""All mistakes of a file are told at once, up to a number, and each has its place."""

from __future__ import annotations

from pathlib import Path

import pandas as pd
import pytest
import yaml

from cfdna_interp.cohort.patterns import fitting
from cfdna_interp.cohort.sheet import read_sheet
from cfdna_interp.cohort.table import read_samples, read_table
from cfdna_interp.config import Config, load_config
from cfdna_interp.config.table_settings import FeatureTable, GroupColumns, TableColumns
from cfdna_interp.errors import MOST_TOLD, InputError, Mistakes

HEADER = "sample\tsubject\tbam\tlabel\trole\tage\tsex"


def sheet(folder: Path, rows: list[str]) -> Path:
    path = folder / "sheet.tsv"
    path.write_text("\n".join([HEADER, *rows]) + "\n")
    return path


def rows(count: int) -> list[str]:
    return [
        f"S{i}\tP{i}\tb/{i}.bam\t{i % 2}\t{'discovery' if i % 4 < 2 else 'heldout'}\t60\tF"
        for i in range(count)
    ]


def mistakes_of(path: Path) -> tuple[str, ...]:
    with pytest.raises(InputError) as caught:
        read_sheet(path, Config(sheet=str(path), outdir="out"))
    return caught.value.mistakes


def test_every_wrong_cell_of_a_sheet_is_told_with_its_line(tmp_path: Path) -> None:
    lines = rows(8)
    lines[1] = lines[1].replace("\tdiscovery\t", "\ttest\t")
    lines[3] = lines[3].replace("\t60\t", "\tsixty\t").replace("\tF", "\tX")
    lines[6] = lines[6].replace("S6", "../S6")
    lines[7] = lines[7].replace("b/7.bam", "b/5.bam")
    places = [
        ("line 3", "'role'"),
        ("line 5", "'age'"),
        ("line 5", "'sex'"),
        ("line 8", "'sample'"),
        ("line 9", "line 7"),
    ]
    found = mistakes_of(sheet(tmp_path, lines))
    assert len(found) == len(places)
    for message, words in zip(found, places, strict=True):
        assert all(word in message for word in words)


def test_more_than_a_screen_of_mistakes_are_counted(tmp_path: Path) -> None:
    lines = [line.replace("\t60\t", "\tsixty\t") for line in rows(MOST_TOLD + 40)]
    with pytest.raises(InputError) as caught:
        path = sheet(tmp_path, lines)
        read_sheet(path, Config(sheet=str(path), outdir="out"))
    assert len(caught.value.mistakes) == MOST_TOLD and caught.value.untold == 40
    assert str(caught.value).endswith("... and 40 more")


def test_a_sound_sheet_has_no_mistake(tmp_path: Path) -> None:
    path = sheet(tmp_path, rows(8))
    assert len(read_sheet(path, Config(sheet=str(path), outdir="out"))) == 8


def test_errors_that_hold_several_are_added_up() -> None:
    first, second = Mistakes(), Mistakes()
    for number in range(MOST_TOLD + 2):
        first.add(f"first {number}")
    second.add("second")
    with second.kept():
        first.stop()
    with pytest.raises(InputError) as caught:
        second.stop()
    assert caught.value.mistakes == ("second", *(f"first {n}" for n in range(MOST_TOLD - 1)))
    assert caught.value.untold == 3


def table(folder: Path, **changed: object) -> FeatureTable:
    made = {
        "sample": [f"S{i}" for i in range(8)],
        "label": [0, 1] * 4,
        "role": ["discovery"] * 4 + ["heldout"] * 4,
        "sex": ["F", "M"] * 4,
        "a_1": [1.5, 2, 3, 4, 5, 6, 7, 8],
        "b_1": [8, 7, 6, 5, 4, 3, 2, 1.5],
    }
    pd.DataFrame(made | changed).to_csv(folder / "t.csv", index=False)
    groups = {"one": GroupColumns(prefix="a_"), "two": GroupColumns(prefix="b_")}
    return FeatureTable(path=str(folder / "t.csv"), groups=groups, columns=TableColumns(sex="sex"))


def test_every_wrong_cell_of_a_table_is_told_with_its_row(tmp_path: Path) -> None:
    settings = table(
        tmp_path,
        label=[0, 1, 7, 1, 0, 1, 0, 1],
        sex=["F", "M", "F", "q", "F", "M", "F", "M"],
        a_1=[1.5, 2, 3, 4, 5, "x", 7, 8],
    )
    with pytest.raises(InputError) as caught:
        read_table(settings)
    assert [message.partition("row ")[2][0] for message in caught.value.mistakes] == ["3", "4", "6"]
    assert len(read_table(table(tmp_path)).samples) == 8


def test_a_repeated_name_is_one_mistake(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        read_samples(table(tmp_path, sample=["S0", "S0", *(f"S{i}" for i in range(2, 8))]))
    assert len(caught.value.mistakes) == 1 and "row 2: stands on row 1 already" in caught.value.mistakes[0]


def test_every_wrong_setting_is_told(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(
        yaml.safe_dump({"sheet": "s", "outdir": "o", "seed": "one", "model": {"folds": 1, "dimm": 3}})
    )
    with pytest.raises(InputError) as caught:
        load_config(path)
    said = " ".join(caught.value.mistakes)
    assert len(caught.value.mistakes) == 3
    assert all(place in said for place in ("seed:", "model.folds:", "model.dimm:"))
    path.write_text('sheet: "s{x}"\noutdir: "o{x}"\natlas: ok\nmodel: {encoder: causal}\n')
    with pytest.raises(InputError) as caught:
        load_config(path)
    assert [m.split(": ")[1] for m in caught.value.mistakes] == ["model.encoder", "sheet", "outdir"]


def test_a_title_without_a_sign_that_can_be_shown_is_told(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text('sheet: s\noutdir: o\ntitle: "a\\x1bb"\n')
    with pytest.raises(InputError, match=r"title holds '.x1b', a control character"):
        load_config(path)


def test_a_pattern_without_an_end_is_stopped(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cfdna_interp.cohort.patterns.SECONDS", 0.2)
    assert fitting("a+", ["a", "b", "aa"], "here") == ["a", "aa"]
    with pytest.raises(InputError, match=r"here: the pattern '\(a\|a\)\*b' takes more than"):
        fitting("(a|a)*b", ["a" * 60], "here")
    assert fitting("a+", ["a", "b", "aa"], "here") == ["a", "aa"]
