"""The files behind a factory: all of its package, and none of it runs."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from cfdna_interp.config.factory import factory_files


def test_all_files_of_a_package_and_nothing_is_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "a_made_up_package" / "inner"
    package.mkdir(parents=True)
    files = [package.parent / "__init__.py", package / "__init__.py", package / "deep.py"]
    for file in files:
        file.write_text("raise RuntimeError('run')\n")
    (package / "weights.txt").write_text("no code")
    (tmp_path / "a_made_up_module.py").write_text("raise RuntimeError('run')\n")
    monkeypatch.syspath_prepend(tmp_path)
    assert factory_files("a_made_up_package.inner.deep:build") == sorted(files)
    assert factory_files("a_made_up_module:build") == [tmp_path / "a_made_up_module.py"]
    assert "a_made_up_package" not in sys.modules


@pytest.mark.parametrize("factory", [None, "", "no_such_package:build", "sys:exit", ".odd:name", ":x"])
def test_what_has_no_files(factory: str | None) -> None:
    assert factory_files(factory) == []
