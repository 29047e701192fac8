"""Folders in which files can be made, or could be."""

from __future__ import annotations

from pathlib import Path

import pytest

from cfdna_interp.artifacts.writable import check_writable
from cfdna_interp.errors import InputError


def test_the_nearest_folder_is_found_and_nothing_made(tmp_path: Path) -> None:
    assert check_writable(tmp_path / "a" / "b", "outdir") == tmp_path
    (tmp_path / "a").mkdir()
    assert check_writable(tmp_path / "a" / "b", "outdir") == tmp_path / "a"
    assert [path.name for path in tmp_path.rglob("*")] == ["a"]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("file", "Not a directory"),
        ("file/inside/deeper", "Not a directory"),
        ("x" * 400, "File name too long"),
        ("/proc/results", "No such file or directory|not permitted|denied"),
    ],
)
def test_places_that_take_no_file_are_named(tmp_path: Path, name: str, reason: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(InputError, match=rf"outdir: .*{name} \(({reason})\); give another folder"):
        check_writable(tmp_path / name, "outdir")
