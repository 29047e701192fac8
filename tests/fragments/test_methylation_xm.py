from __future__ import annotations

import numpy as np
import pytest
from bams import Molecule, mates

from cfdna_interp.errors import InputError
from cfdna_interp.fragments.methylation import find_dialect, xm


def codes(text: str) -> np.ndarray:
    return np.frombuffer(text.encode(), dtype=np.uint8)


def test_conversion_is_undone_where_a_call_tells():
    bases = "TTTCAAAGTA"
    called = "zxh.uzZ.hh"
    # Forward strand: T under z, x, h becomes C; A under a call is a mismatch and stays; T at 8 under h: C.
    forward = xm.undo_conversion(codes(bases), codes(called), np.ones(10, dtype=np.int8))
    assert forward.tobytes() == b"CCCCAAAGCA"
    # Reverse strand: A under u, z, h becomes G; A under Z was read methylated and stays; T stays.
    reverse = xm.undo_conversion(codes(bases), codes(called), -np.ones(10, dtype=np.int8))
    assert reverse.tobytes() == b"TTTCGGAGTG"
    unknown = xm.undo_conversion(codes(bases), codes(called), np.zeros(10, dtype=np.int8))
    assert unknown.tobytes() == bases.encode()


def test_letters_that_fit_no_base_count_as_none():
    read = mates(Molecule("m", 100, 80))[0]
    letters, strand = xm.calls_of(read, 60)
    assert (len(letters), strand) == (60, 1)
    assert xm.calls_of(read, 59) == ("." * 59, 0)
    read.set_tag("XM", None)
    assert xm.calls_of(read, 60) == ("." * 60, 0)


def test_dialect_is_found_or_declared():
    tagged, bare = mates(Molecule("m", 100, 80)), mates(Molecule("m", 100, 80), tags=False)
    assert find_dialect(tagged, "auto", "S") == "xm"
    assert find_dialect([*bare, *tagged], "xm", "S") == "xm"
    assert find_dialect(tagged, "none", "S") == "none"
    for setting in ("auto", "xm"):
        with pytest.raises(
            InputError, match=r"sample S7: s7\.bam has no CpG calls .* extract\.methylation: none"
        ):
            find_dialect(bare, setting, "sample S7: s7.bam")
