"""Tables that are no data: files that point outside themselves, crash a library, or never end."""

from __future__ import annotations

import sys
from pathlib import Path

import anndata
import h5py
import numpy as np
import pandas as pd
import pytest
import yaml

from cfdna_interp.artifacts.sheet import Sample
from cfdna_interp.cohort.cells import read_cells
from cfdna_interp.cohort.checks import check_subjects
from cfdna_interp.config import load_config
from cfdna_interp.errors import InputError
from cfdna_interp.records.base import load_record
from cfdna_interp.records.proxy import Proxy


@pytest.fixture
def h5ad(tmp_path: Path) -> Path:
    obs = pd.DataFrame({"label": ["1", "0"]}, index=["A", "B"])
    path = tmp_path / "table.h5ad"
    anndata.AnnData(np.array([[1.0, 2.0], [3.0, 4.0]]), obs=obs).write_h5ad(path)
    return path


def test_a_sound_file_is_read(h5ad: Path) -> None:
    assert read_cells(h5ad).numbers(["0", "1"], ["A", "B"]).tolist() == [[1.0, 2.0], [3.0, 4.0]]


def test_values_of_another_file_are_refused(h5ad: Path) -> None:
    neighbour = h5ad.with_name("secret.bin")
    neighbour.write_bytes(bytes(32))
    with h5py.File(h5ad, "r+") as file:
        del file["X"]
        file.create_dataset("X", (2, 2), dtype="f8", external=[(str(neighbour), 0, 32)])
    with pytest.raises(InputError, match=r"/X lies in another file; store the data inside"):
        read_cells(h5ad)


@pytest.mark.parametrize("link", [h5py.ExternalLink("other.h5", "/X"), h5py.SoftLink("/obs")])
def test_links_are_refused(h5ad: Path, link: object) -> None:
    with h5py.File(h5ad, "r+") as file:
        file["uns"]["link"] = link
    with pytest.raises(InputError, match="store the data"):
        read_cells(h5ad)


def test_values_that_are_no_plain_numbers_are_refused(h5ad: Path) -> None:
    with h5py.File(h5ad, "r+") as file:
        del file["X"]
        file["X"] = np.ones((2, 2), dtype=np.complex128)
    with pytest.raises(InputError, match="X holds complex128, which are no plain numbers"):
        read_cells(h5ad)


def test_a_library_that_crashes_is_one_line(
    h5ad: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crashing = tmp_path / "python"
    crashing.write_text("#!/bin/sh\nkill -SEGV $$\n")
    crashing.chmod(0o755)
    monkeypatch.setattr(sys, "executable", str(crashing))
    with pytest.raises(InputError, match="it is damaged: the HDF5 library ended with SIGSEGV"):
        read_cells(h5ad)


def test_damage_anywhere_in_the_file_is_an_error_or_a_table(h5ad: Path) -> None:
    sound = h5ad.read_bytes()
    rng = np.random.default_rng(4)
    for place in rng.integers(len(sound), size=6):
        h5ad.write_bytes(
            sound[:place] + bytes(rng.integers(256, size=64, dtype=np.uint8)) + sound[place + 64 :]
        )
        try:
            read_cells(h5ad)
        except InputError as error:
            assert str(h5ad) in str(error)


def config(folder: Path, text: str) -> Path:
    path = folder / "config.yaml"
    path.write_text(text)
    return path


def test_aliases_are_refused_before_they_grow(tmp_path: Path) -> None:
    bomb = "a0: &a0 [x, x]\n" + "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 60))
    with pytest.raises(InputError, match=r"line 2: \*a0 is an alias; write the value out"):
        load_config(config(tmp_path, bomb))


def test_a_config_of_any_size_is_not_read(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is larger than 1,048,576 bytes"):
        load_config(config(tmp_path, "# long\n" * 200_000))


def test_a_folder_is_no_config(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is no regular file"):
        load_config(tmp_path)


@pytest.mark.parametrize("key", ["outdir", "sheet", "atlas"])
def test_a_brace_in_a_path_is_said_before_anything_runs(tmp_path: Path, key: str) -> None:
    settings = {"sheet": "sheet.tsv", "outdir": "out"} | {key: "o{x}ut"}
    with pytest.raises(InputError, match=rf"{key}: the path .*o\{{x\}}ut has a brace"):
        load_config(config(tmp_path, yaml.safe_dump(settings)))


def test_half_a_character_is_said_before_anything_runs(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="half of a character, which no file can hold"):
        load_config(config(tmp_path, 'sheet: s.tsv\noutdir: out\ntitle: "\\ud800"\n'))


def test_a_pattern_that_cannot_be_compiled_is_named(tmp_path: Path) -> None:
    groups = {"fragment_length": {"pattern": "a{99999999999}"}, "methylation": {"prefix": "m_"}}
    settings = {"outdir": "out", "features": {"table": {"path": "t.csv", "groups": groups}}}
    with pytest.raises(InputError, match=r"groups\.fragment_length\.pattern .* is no regular expression"):
        load_config(config(tmp_path, yaml.safe_dump(settings)))


def test_json_that_is_nested_without_end_is_one_line(tmp_path: Path) -> None:
    path = tmp_path / "proxy.json"
    path.write_text('{"format":1,"regression":' + "[" * 100_000 + "]" * 100_000 + "}")
    with pytest.raises(InputError, match=r"proxy\.json cannot be read as JSON"):
        load_record(Proxy, path)


def samples(**changes: object) -> list[Sample]:
    first = Sample("S1", "P1", "a.bam", 1, "discovery", age=60.0, sex="F")
    second = Sample("S2", "P1", "b.bam", 1, "discovery", **({"age": 63.0, "sex": "F"} | changes))  # type: ignore[arg-type]
    return [first, second]


def test_a_subject_has_one_sex_and_ages_that_fit() -> None:
    places = ("line 2", "line 3")
    for fitting in ({}, {"age": 70.0}, {"age": None}, {"sex": ""}):
        check_subjects(samples(**fitting), places, "sheet a.tsv")
    with pytest.raises(InputError, match=r"S2: .*, line 3: subject P1 has sex M here and F on line 2"):
        check_subjects(samples(sex="M"), places, "sheet a.tsv")
    with pytest.raises(InputError, match="has age 71 here and 60 on line 2, more than 10 years apart"):
        check_subjects(samples(age=71.0), places, "sheet a.tsv")
