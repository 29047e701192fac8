"""What the machine refuses is told with file and remedy, however the writer tells it."""

from __future__ import annotations

import errno
import os
import resource
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from safetensors import SafetensorError
from safetensors.numpy import save_file

from cfdna_interp.artifacts.files import atomic_path, remove_unfinished, scratch_folder
from cfdna_interp.artifacts.system_errors import NotWrittenError, check_addresses, refusal, system_errno
from cfdna_interp.errors import InputError


def test_errors_of_other_kinds_are_none() -> None:
    assert [refusal(error) for error in (ValueError("28"), InputError("no"), FileNotFoundError(2, "no"))] == [
        None
    ] * 3


def test_an_error_in_place_of_another_has_its_cause() -> None:
    def read() -> None:
        try:
            open_many()
        except OSError:
            raise InputError("x cannot be read; delete it") from None

    def open_many() -> None:
        raise OSError(errno.EMFILE, os.strerror(errno.EMFILE), "x")

    with pytest.raises(InputError) as raised:
        read()
    assert system_errno(raised.value) == errno.EMFILE
    told = refusal(raised.value)
    assert told is not None and told.startswith("x: ") and "ulimit -n" in told


def test_too_few_addresses_are_refused_before_a_library_dies_of_it(monkeypatch: pytest.MonkeyPatch) -> None:
    check_addresses()
    monkeypatch.setattr(resource, "getrlimit", lambda kind: (600_000_000, -1))
    with pytest.raises(InputError, match=r"ulimit -v\) is 0.6 GB, and 4 GB are needed"):
        check_addresses()


def test_no_memory_is_told_as_such() -> None:
    with pytest.raises(MemoryError) as raised:
        np.zeros(2**60, dtype=np.uint8)
    told = refusal(raised.value)
    assert told is not None and os.strerror(errno.ENOMEM) in told


WRITERS = {
    "text": lambda path: path.write_text("x" * 10_000),
    "array": lambda path: np.ones(10_000).tofile(path),
    "arrow": lambda path: pq.write_table(pa.table({"x": np.arange(10_000) ** 2}), path),
    "safetensors": lambda path: save_file({"x": np.ones(10_000)}, path),
}


@pytest.mark.parametrize("writer", WRITERS)
def test_every_writers_full_disk_names_the_file(writer: str, tmp_path: Path) -> None:
    # A limit on the size of files refuses as a full disk does, and needs no disk.
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    path = tmp_path / "result"
    path.write_text("before")
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, before[1]))
    try:
        with pytest.raises(NotWrittenError) as raised, atomic_path(path) as temporary:
            WRITERS[writer](temporary)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert raised.value.errno == errno.EFBIG
    told = refusal(raised.value)
    assert told is not None and told.startswith(f"{path}: ") and "ulimit -f" in told
    assert [each.name for each in tmp_path.iterdir()] == ["result"]
    assert path.read_text() == "before"


def test_a_writers_own_error_stays(tmp_path: Path) -> None:
    with pytest.raises(SafetensorError), atomic_path(tmp_path / "x"):
        raise SafetensorError("wrong header")
    with pytest.raises(OSError, match="no reason") as raised, atomic_path(tmp_path / "x"):
        raise OSError("no reason")
    assert refusal(raised.value) is None


def test_the_room_that_a_file_needs_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(descriptor: int) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    monkeypatch.setattr(os, "fsync", refuse)
    with pytest.raises(NotWrittenError) as raised:
        write_json(tmp_path / "x.json", {"a": "b" * 1_000_000})
    # What was written, and what was free beside it.
    assert raised.value.needed is not None and raised.value.needed > 1_000_000
    told = refusal(raised.value)
    assert told is not None and " free, the file needs more than" in told


def test_a_full_disk_under_a_scratch_folder_names_the_result(tmp_path: Path) -> None:
    path = tmp_path / "dictionaries" / "0.json"
    with pytest.raises(NotWrittenError) as raised, scratch_folder(path) as folder:
        (folder / "x").write_text("x")
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
    assert raised.value.filename == str(path)
    assert list(path.parent.iterdir()) == []


def test_what_killed_writers_left_is_removed_and_nothing_else(tmp_path: Path) -> None:
    gone = 2**22 - 1  # above the highest number of a process that Linux gives by itself on this machine
    while Path(f"/proc/{gone}").exists():
        gone -= 1
    kept = ["result.json", ".tmp-mine", f".tmp-{os.getpid()}-0123abcd-a.json", ".job.host.1"]
    for name in [*kept, f".tmp-{gone}-0123abcd-a.json"]:
        (tmp_path / name).write_text("x")
    (tmp_path / f".tmp-{gone}-0123abcd-0.json").mkdir()
    (tmp_path / f".tmp-{gone}-0123abcd-0.json" / "embeddings").write_text("x")
    remove_unfinished(tmp_path)
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(kept)
