"""Pipes, devices and folders are refused by every reader before anything is read."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from cfdna_interp.artifacts.atlas import Atlas
from cfdna_interp.artifacts.files import read_json
from cfdna_interp.cohort.cells import read_cells
from cfdna_interp.cohort.sheet import read_sheet
from cfdna_interp.config import Config, load_config
from cfdna_interp.config.regular_file import check_regular
from cfdna_interp.errors import InputError
from cfdna_interp.fragments.build import load_build
from cfdna_interp.fragments.intervals import load_intervals
from cfdna_interp.records.base import load_record
from cfdna_interp.records.proxy import Proxy

READERS: dict[str, Callable[[Path], object]] = {
    "config": load_config,
    "sheet": lambda path: read_sheet(path, Config(sheet=str(path), outdir="out")),
    "table": read_cells,
    "atlas": Atlas.load,
    "JSON": read_json,
    "record": lambda path: load_record(Proxy, path),
    "BED": lambda path: load_intervals(path, ["chr1"], "blacklist"),
    "build": load_build,
}


@pytest.mark.parametrize("reader", READERS)
@pytest.mark.parametrize("kind", ["pipe", "device", "folder"])
def test_what_is_no_regular_file_is_refused(reader: str, kind: str, tmp_path: Path) -> None:
    path = tmp_path / "input"
    if kind == "pipe":
        os.mkfifo(path)
    elif kind == "device":
        path.symlink_to("/dev/zero")
    else:
        path.mkdir()
    with pytest.raises(InputError, match=f"is no regular file but a {kind}"):
        READERS[reader](path)


def test_files_links_to_them_and_missing_ones_are_left_to_the_reader(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "loop").symlink_to("loop")
    for name in ("file", "link", "loop", "missing", "a\0b"):
        check_regular(f"{tmp_path}/{name}", "file")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ('{"a": 1, "a": 2}', "the key 'a' occurs twice"),
        ('{"a": NaN}', "no finite number"),
        ('{"a": 1e999}', "no finite number"),
        ('{"a": ' + "9" * 5000 + "}", "digits"),
        ('{"a": "\\ud800"}', "surrogates"),
        ("[" * 100_000, "nested too deeply"),
    ],
)
def test_json_has_bounds(text: str, said: str, tmp_path: Path) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(InputError, match=said):
        read_json(path)
    path.write_text('{"a": [1, 2.5, "\\ud83d\\ude00", null]}')
    assert read_json(path) == {"a": [1, 2.5, "\U0001f600", None]}
