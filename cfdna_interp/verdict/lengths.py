"""Which fragments a length feature counts: what becomes more, and what less, when the feature rises."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from cfdna_interp.features.length import DI, LONG, MONO, SHORT
from cfdna_interp.verdict.stable import BIN, Effect

SHORTEST, LONGEST = 60, 600  # bp, what sequencing of short reads shows of plasma DNA
AROUND = 60  # bp on either side of a quantile or the mode: further away lengths hardly move it
NUCLEOSOME = 167  # bp, the usual mode of plasma DNA, where a sample's own is not among the features
QUANTILE = re.compile(r"length_q\d\d")
# Tables of other software name bins by their first and last length, e.g. fsd_5p_100_104.
FOREIGN = re.compile(r".*?(\d+)_(\d+)")


class Range(NamedTuple):
    """Lengths in bp, both ends included."""

    low: int
    high: int


# Two numbers at the end of a name are taken for lengths where cfDNA has such lengths.
PLAUSIBLE = Range(20, 1_000)


@dataclass(frozen=True)
class Counted:
    """What a feature counts: when it rises there are more fragments of ``more`` and fewer of ``less``.

    Either is None where the feature says nothing about it; both are where it is about no range of lengths.
    ``by_name`` says that nothing but the numbers in a foreign feature's name tells them.
    """

    more: Range | None
    less: Range | None
    by_name: bool = False


def counted(effect: Effect, means: Mapping[str, float]) -> Counted:
    """Return the lengths that a feature, or a run of bins, counts.

    Parameters
    ----------
    effect
        Feature of the group ``fragment_length``.
    means
        Name of a feature -> its mean in the discovery samples: where the quantiles and the mode lie.
    """
    name = effect.members[0]
    if BIN.fullmatch(name):
        ends = [BIN.fullmatch(member) for member in effect.members]
        return Counted(Range(int(ends[0][1]), int(ends[-1][2]) - 1), None)  # type: ignore[index]
    mode = _known(means.get("length_mode", NUCLEOSOME))
    fixed = {
        "length_short_long": Counted(Range(*SHORT), Range(*LONG)),
        "length_mono_di": Counted(Range(*MONO), Range(*DI)),
        "length_mono_di_by_mode": Counted(
            Range(round(0.72 * mode), round(1.30 * mode)), Range(round(1.70 * mode), round(2.30 * mode))
        ),
        "length_upto_150": Counted(Range(SHORTEST, 150), None),
        "length_below_mode": Counted(Range(mode - 60, mode - 20), None),
        "length_above_mode": Counted(Range(mode + 20, mode + 60), None),
    }
    if name in fixed:
        return fixed[name]
    if QUANTILE.fullmatch(name) or name == "length_mode":
        # A quantile rises where fragments move from below it to above it.
        boundary = _known(means.get(name, NUCLEOSOME))
        return Counted(
            Range(boundary + 1, boundary + AROUND), Range(max(SHORTEST, boundary - AROUND + 1), boundary)
        )
    if (ends_of := FOREIGN.fullmatch(name)) and PLAUSIBLE.low <= int(ends_of[1]) < int(
        ends_of[2]
    ) <= PLAUSIBLE.high:
        return Counted(Range(int(ends_of[1]), int(ends_of[2])), None, by_name=True)
    return Counted(None, None)


def _known(length: float) -> int:
    return round(length) if np.isfinite(length) and SHORTEST < length < LONGEST else NUCLEOSOME
