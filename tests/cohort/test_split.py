from __future__ import annotations

from pathlib import Path

import pytest

from cfdna_interp.artifacts.sheet import load_samples
from cfdna_interp.cohort.split import find_samples, split
from cfdna_interp.config import Config
from cfdna_interp.errors import InputError

SHEET = """sample,subject,bam,label,role,age
A,a,a.bam,1,discovery,60
B,b,b.bam,0,discovery,
C,c,c.bam,1,heldout,61
D,d,d.bam,0,heldout,62
"""


def config(tmp_path: Path, sheet: str = SHEET) -> Config:
    (tmp_path / "sheet.csv").write_text(sheet)
    return Config(sheet=str(tmp_path / "sheet.csv"), outdir=str(tmp_path / "out"))


def test_held_out_labels_are_not_written(tmp_path):
    roles = split(config(tmp_path))
    assert [s.label for s in roles["discovery"]] == [1, 0]
    assert [s.label for s in roles["heldout"]] == [None, None]
    for role in roles:
        assert load_samples(tmp_path / "out" / "cohort" / f"{role}.tsv") == roles[role]


def test_held_out_table_is_the_same_whatever_the_held_out_labels(tmp_path):
    split(config(tmp_path))
    before = (tmp_path / "out/cohort/heldout.tsv").read_bytes()
    swapped = SHEET.replace("c.bam,1", "c.bam,x").replace("d.bam,0", "d.bam,1").replace("c.bam,x", "c.bam,0")
    split(config(tmp_path, swapped))
    assert (tmp_path / "out/cohort/heldout.tsv").read_bytes() == before


def test_a_bad_sheet_writes_nothing(tmp_path):
    with pytest.raises(InputError):
        split(config(tmp_path, SHEET.replace("C,c,", "C,a,")))
    assert not (tmp_path / "out").exists()


def test_samples_are_found_by_name(tmp_path):
    settings = config(tmp_path)
    split(settings)
    assert [s.sample for s in find_samples(settings, ("D", "A"))] == ["D", "A"]
    with pytest.raises(InputError, match="sample Z"):
        find_samples(settings, ("Z",))
