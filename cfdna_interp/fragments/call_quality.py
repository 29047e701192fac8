"""What is wrong with a sample's methylation calls: the ends of reads, and incomplete conversion.

End repair fills fragment ends with unmethylated cytosines, so that calls there tell of the laboratory. A plot
of the methylated share along the read shows it (M-bias; Hansen et al. 2012,
https://doi.org/10.1186/gb-2012-13-10-r83).
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from cfdna_interp.config.settings import Extract, per_mate
from cfdna_interp.records.qc import Ends, SuggestedEnds

CONVERSION = 0.98  # least share of cytosines outside CpGs that conversion must have reached
CHH_CALLS = 500  # below it, the rate is not judged
CALLS = 100  # a position needs for its level to be judged; the middle needs ten times as many
DIFFERENCE = 0.05  # from the middle that matters: plasma reads differ by one or two points on their own
ERRORS = 4.0  # standard errors that it must exceed besides


def suggest_ends(bias: np.ndarray) -> Ends | None:
    """Return which ends of a mate differ from its middle.

    The measure is the median level of the positions in the middle half of the read. From either end
    inwards, a position is left out as long as its level differs from that by more than 5 percentage points
    and by more than 4 standard errors, from at least 100 calls; at most a quarter of the read is.

    Parameters
    ----------
    bias
        (positions, 2) methylated and all CpG calls by position along the read.

    Returns
    -------
    None where there are too few calls to say.
    """
    judged = np.flatnonzero(bias[:, 1] >= CALLS) if len(bias) else np.zeros(0, dtype=np.int64)
    if len(judged) == 0:
        return None
    bias = bias[: judged[-1] + 1]
    quarter = len(bias) // 4
    n = np.maximum(bias[:, 1], 1)
    levels, enough = bias[:, 0] / n, bias[:, 1] >= CALLS
    middle = np.arange(quarter, len(bias) - quarter)
    if bias[middle, 1].sum() < 10 * CALLS or not enough[middle].any():
        return None
    level = np.median(levels[middle[enough[middle]]])
    limit = np.maximum(DIFFERENCE, ERRORS * np.sqrt(level * (1 - level) / n))
    differs = enough & (np.abs(levels - level) > limit)
    five, three = (int(np.argmin([*run, False])) for run in (differs[:quarter], differs[::-1][:quarter]))
    return Ends(ignore_5p=five, ignore_3p=three)


def larger(suggested: SuggestedEnds, end: Literal["ignore_5p", "ignore_3p"]) -> int | None:
    """Return the larger ``ignore_5p`` or ``ignore_3p`` of the mates; None where neither is known."""
    mates = (suggested.read1, suggested.read2)
    return max((int(getattr(ends, end)) for ends in mates if ends is not None), default=None)


def call_warnings(
    conversion: float | None, chh_calls: int, suggested: SuggestedEnds, extract: Extract
) -> list[str]:
    """Return a line for each thing that is wrong with the calls.

    Parameters
    ----------
    conversion, chh_calls
        Share of converted cytosines outside CpGs, and how many it rests on.
    suggested
        The ends of the mates.
    extract
        What is left out already.
    """
    lines = []
    if conversion is not None and chh_calls >= CHH_CALLS and conversion < CONVERSION:
        lines.append(
            f"conversion of {conversion:.1%} (from {chh_calls:,} CHH calls) is under {CONVERSION:.0%}, so "
            "methylation levels are off by as much; repeat the conversion, or drop the sample"
        )
    for index, (mate, ends) in enumerate((("read1", suggested.read1), ("read2", suggested.read2))):
        for side, end, present in (
            ("first", "ignore_5p", extract.ignore_5p),
            ("last", "ignore_3p", extract.ignore_3p),
        ):
            number = getattr(ends, end, 0)
            if number > per_mate(present)[index]:
                lines.append(
                    f"M-bias: in the {side} {number} bases of {mate} methylation differs from its middle; "
                    f"set extract.{end}: {number}"
                )
    return lines
