"""Files appear whole or not at all, and what JSON does not know becomes plain."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from cfdna_interp.artifacts.files import (
    atomic_path,
    digest_file,
    plain,
    read_json,
    write_text,
)
from cfdna_interp.errors import InputError


def test_a_file_takes_its_place_with_its_folders(tmp_path):
    target = tmp_path / "a" / "b" / "file.txt"
    with atomic_path(target) as temporary:
        assert temporary.parent == target.parent
        assert temporary.suffix == ".txt"
        temporary.write_text("new")
        assert not target.exists()
    assert target.read_text() == "new"
    assert list(target.parent.iterdir()) == [target]


@pytest.mark.parametrize("error", [ValueError, KeyboardInterrupt])
def test_a_failing_writer_leaves_nothing(tmp_path, error):
    with pytest.raises(error), atomic_path(tmp_path / "file.txt") as temporary:
        temporary.write_text("half")
        raise error
    assert list(tmp_path.iterdir()) == []


def test_a_failing_writer_keeps_the_old_file(tmp_path):
    target = tmp_path / "file.txt"
    write_text(target, "old")
    with pytest.raises(ValueError, match="stop"), atomic_path(target) as temporary:
        temporary.write_text("half")
        raise ValueError("stop")
    assert target.read_text() == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_a_writer_that_wrote_nothing_is_an_error(tmp_path):
    with pytest.raises(FileNotFoundError), atomic_path(tmp_path / "file.txt"):
        pass
    assert list(tmp_path.iterdir()) == []


def test_killed_in_the_middle_the_old_file_stays(tmp_path):
    target = tmp_path / "record.json"
    write_text(target, '{"a": 1}')
    code = (
        "import os, signal, sys\n"
        "from cfdna_interp.artifacts.files import atomic_path\n"
        "with atomic_path(sys.argv[1]) as temporary:\n"
        "    temporary.write_text('{\"a\": ')\n"
        "    os.kill(os.getpid(), signal.SIGKILL)\n"
    )
    done = subprocess.run([sys.executable, "-c", code, target], check=False)
    assert done.returncode == -signal.SIGKILL
    assert read_json(target) == {"a": 1}
    # What is left besides is hidden, and the next writer is not in its way.
    assert [path.name for path in tmp_path.iterdir() if not path.name.startswith(".tmp-")] == ["record.json"]
    write_text(target, '{"a": 2}')
    assert read_json(target) == {"a": 2}


def test_what_json_does_not_know_becomes_plain():
    value = {
        "nan": float("nan"),
        "infinite": [np.float64("inf"), -np.inf],
        "array": np.array([[1.5, np.nan]]),
        "scalar": np.int64(3),
        "flag": np.bool_(True),
        "pair": (1, 2),
        "path": Path("a") / "b",
        4: "key",
    }
    wanted = {
        "nan": None,
        "infinite": [None, None],
        "array": [[1.5, None]],
        "scalar": 3,
        "flag": True,
        "pair": [1, 2],
        "path": "a/b",
        "4": "key",
    }
    assert plain(value) == wanted
    # Python's writer takes NaN; other languages' readers don't, so no value may hold one.
    assert json.loads(json.dumps(plain(value), allow_nan=False)) == wanted


def test_text_is_utf8_with_unix_line_ends(tmp_path):
    write_text(tmp_path / "t.txt", "µ\n≥\n")
    assert (tmp_path / "t.txt").read_bytes() == "µ\n≥\n".encode()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b'{"a": 1', "cannot be read as JSON"),
        (b"", "cannot be read as JSON"),
        (b"\xff\xfe", "cannot be read as JSON"),
        (b"[1]", "is not a JSON object"),
    ],
)
def test_damaged_json_is_named(tmp_path, content, words):
    path = tmp_path / "record.json"
    path.write_bytes(content)
    with pytest.raises(InputError, match=rf"record\.json {words}.*; delete it and run again"):
        read_json(path)


def test_missing_json_names_the_remedy(tmp_path):
    with pytest.raises(InputError, match=r"none\.json does not exist; run the stage"):
        read_json(tmp_path / "none.json")


def test_digests_are_sha256(tmp_path):
    # The test vector "abc" of FIPS 180-2, appendix B.1.
    (tmp_path / "abc").write_bytes(b"abc")
    wanted = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    assert digest_file(tmp_path / "abc") == wanted
