"""The XM dialect of Bismark and DRAGEN: one letter per read base, XG names the genome strand.

Letters: z/Z a CpG, x/X a CHG, h/H a CHH, u/U an unknown context; lower case unmethylated, upper case
methylated; ``.`` no cytosine. XG is ``CT`` for molecules of the forward strand, whose cytosines are
read as C or T, and ``GA`` for the reverse strand, where they appear as G or A (Bismark user guide,
https://felixkrueger.github.io/Bismark/).
"""

from __future__ import annotations

from typing import Any

import numpy as np

STRANDS = {"CT": 1, "GA": -1}


def _marks(letters: bytes) -> np.ndarray:
    table = np.zeros(256, dtype=bool)
    table[np.frombuffer(letters, dtype=np.uint8)] = True
    return table


# (256,) lookup tables by letter.
IS_CPG = _marks(b"zZ")
IS_CONVERTED = _marks(b"zxhu")
METHYLATED_CPG = ord("Z")
METHYLATED_CHH = ord("H")
UNMETHYLATED_CHH = ord("h")


def has_calls(read: Any) -> bool:
    """Tell whether a record carries both tags."""
    return bool(read.has_tag("XM") and read.has_tag("XG"))


def calls_of(read: Any, length: int) -> tuple[str, int]:
    """Return the letters of a record and its genome strand (+1, -1; 0 without usable tags).

    Parameters
    ----------
    read
        A pysam record.
    length
        Number of its read bases; letters of another number can't be placed and count as none.
    """
    if has_calls(read):
        letters = read.get_tag("XM")
        if len(letters) == length:
            return letters, STRANDS.get(read.get_tag("XG"), 0)
    return "." * length, 0


def undo_conversion(bases: np.ndarray, letters: np.ndarray, strands: np.ndarray) -> np.ndarray:
    """Return the bases as they were before bisulfite treatment, where calls tell.

    Parameters
    ----------
    bases, letters
        (n,) uint8 codes of read bases, in forward orientation, and of their XM letters.
    strands
        (n,) genome strand of the base's molecule, +1, -1 or 0.

    Returns
    -------
    (n,) uint8: T called as an unmethylated cytosine is C again; on the reverse strand A is G again.
    """
    restored = bases.copy()
    converted = np.flatnonzero(IS_CONVERTED[letters])
    base, strand = bases[converted], strands[converted]
    restored[converted[(strand > 0) & (base == ord("T"))]] = ord("C")
    restored[converted[(strand < 0) & (base == ord("A"))]] = ord("G")
    return restored
