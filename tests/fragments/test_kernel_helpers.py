"""Hashes, masks of 32 bytes, and the folder that compiled kernels are kept in."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xxhash
from hypothesis import given, settings
from hypothesis import strategies as st

from cfdna_interp.fragments.kernels import compiling, memory
from cfdna_interp.fragments.kernels.compiling import kernel
from cfdna_interp.fragments.kernels.hashing import hash_rows


@settings(deadline=None)  # the first example compiles
@given(st.lists(st.binary(max_size=200), max_size=8), st.integers(0, 2**63 - 1))
def test_hashes_are_those_of_the_published_function(rows, seed):
    buffer = np.frombuffer(b"".join(rows) or b"\0", dtype=np.uint8)
    splits = np.concatenate([[0], np.cumsum([len(row) for row in rows])]).astype(np.int64)
    found = hash_rows(buffer, splits, seed).tolist()
    assert found == [xxhash.xxh64_intdigest(row, seed=seed) for row in rows]


@kernel
def masks(buffer: np.ndarray, at: int, out: np.ndarray) -> None:
    out[0] = memory.nul_mask(buffer, at)
    out[1] = memory.lower_mask(buffer, at)
    out[2] = memory.strong_high_mask(buffer, at)
    out[3] = memory.strong_low_mask(buffer, at)
    out[4] = memory.known_high_mask(buffer, at)
    out[5] = memory.known_low_mask(buffer, at)
    out[6] = memory.upper_mask(buffer, at)


@settings(deadline=None)  # the first example compiles
@given(st.integers(0, 40), st.integers(0, 2**32 - 1))
def test_masks_tell_of_each_byte_what_a_loop_tells(at, seed):
    rng = np.random.default_rng(seed)
    data = np.concatenate([rng.integers(0, 256, 60), rng.choice(list(b"zxhuZXHU.\0"), 40)]).astype(np.uint8)
    rng.shuffle(data)
    out = np.zeros(7, dtype=np.uint32)
    masks(data, at, out)
    window = data[at : at + 32].tolist()
    strong, known = (2, 4), (1, 2, 4, 8)
    wanted = [
        [byte == 0 for byte in window],
        [byte in b"zxhu" for byte in window],
        [byte >> 4 in strong for byte in window],
        [byte & 15 in strong for byte in window],
        [byte >> 4 in known for byte in window],
        [byte & 15 in known for byte in window],
        [byte in b"ZXHU" for byte in window],
    ]
    assert out.tolist() == [sum(yes << lane for lane, yes in enumerate(row)) for row in wanted]


@kernel
def ranges(low: int, high: int, out: np.ndarray) -> None:
    out[0] = memory.bit_range(low, high)
    out[1] = memory.count_bits(memory.bit_range(low, high))
    out[2] = memory.lowest_bit(memory.bit_range(low, high))


@settings(deadline=None)  # the first example compiles
@given(st.integers(-5, 40), st.integers(-5, 40))
def test_bit_ranges_are_cut_to_what_32_bits_hold(low, high):
    out = np.zeros(3, dtype=np.int64)
    ranges(low, high, out)
    inside = [bit for bit in range(32) if low <= bit < high]
    assert out.tolist() == [sum(1 << bit for bit in inside), len(inside), min(inside, default=32)]


HITS = """
import numpy as np
from cfdna_interp.fragments.kernels import compiling, hashing
hashing.hash_rows(np.zeros(8, np.uint8), np.array([0, 8]), 1)
print(compiling.cache_folder(), sum(hashing._hash_rows.stats.cache_hits.values()))
"""


def run(**environment: str) -> tuple[Path, int]:
    done = subprocess.run(
        [sys.executable, "-c", HITS],
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        check=True,
    )
    folder, hits = done.stdout.rsplit(maxsplit=1)
    return Path(folder), int(hits)


def test_a_second_process_loads_what_the_first_one_compiled(tmp_path):
    first, hits = run(NUMBA_CACHE_DIR=str(tmp_path))
    assert first.parent == tmp_path
    assert hits == 0
    assert run(NUMBA_CACHE_DIR=str(tmp_path)) == (first, 1)


@pytest.fixture
def read_only(monkeypatch):
    """An install whose folder takes no file, whoever asks; no cache folder asked for."""
    monkeypatch.setattr(compiling, "__file__", "/proc/self/nowhere/compiling.py")
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    compiling.cache_folder.cache_clear()
    yield monkeypatch
    compiling.cache_folder.cache_clear()


def test_a_read_only_install_uses_the_cache_of_its_user(read_only, tmp_path):
    read_only.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    assert Path(compiling.cache_folder()).parent == tmp_path / "cache" / "cfdna-interp"


def test_without_any_folder_kernels_live_as_long_as_the_machine_lets_them(read_only, tmp_path):
    (tmp_path / "file").touch()
    read_only.setenv("XDG_CACHE_HOME", str(tmp_path / "file"))
    read_only.setenv("NUMBA_CACHE_DIR", str(tmp_path / "file" / "below"))
    folder = Path(compiling.cache_folder())
    assert folder.is_dir()
    assert not folder.is_relative_to(tmp_path / "file")
    folder.rmdir()
