"""Find two faults of methylation calls: biased ends of reads, and incomplete conversion.

End repair fills fragment ends with unmethylated cytosines, so calls there say nothing about the person. The
methylated share by position along the read shows it (M-bias; Hansen et al. 2012,
https://doi.org/10.1186/gb-2012-13-10-r83).
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from cfdna_interp.config.settings import Extract, per_mate
from cfdna_interp.records.qc import Ends, ReadCounts, Reads, SuggestedEnds

CONVERSION = 0.98  # least share of converted cytosines outside CpGs
CHH_CALLS = 500  # with fewer CHH calls the conversion rate is not judged
CALLS = 100  # least calls of a position that is judged; the middle needs ten times as many
DIFFERENCE = 0.05  # least difference from the middle; in plasma one or two points are ordinary
ERRORS = 4.0  # the difference must also exceed so many standard errors
UNCONVERTED = 0.5  # under this conversion something else is wrong than the conversion
MISFIT = 0.01  # largest share of reads with tags that can't be read; a few come from merged files
CLIPPED = 0.25  # largest share of clipped ends; local aligners clip an end in ten at variants and errors


def suggest_ends(bias: np.ndarray) -> Ends | None:
    """Return which ends of a mate differ from its middle.

    Each position is compared with the median level of the middle half of the read. Going inwards from an end,
    positions are ignored as long as they have at least 100 calls and differ from that median by more than 5
    percentage points and by more than 4 standard errors. At most a quarter of the read is ignored at an end.

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
        Share of converted cytosines outside CpGs, and the number of CHH calls behind it.
    suggested
        Bases to ignore at the ends of the mates.
    extract
        The settings; they may ignore those bases already.
    """
    lines = []
    if conversion is not None and chh_calls >= CHH_CALLS and conversion < CONVERSION:
        remedy = "repeat the conversion, or drop the sample"
        if conversion < UNCONVERTED:
            remedy = (
                "set chemistry: taps in the sheet if the library converts methylated bases (TAPS, "
                "5-base), or "
                "methylation: none if nothing was converted"
            )
        lines.append(
            f"conversion of {conversion:.1%} (from {chh_calls:,} CHH calls) is under {CONVERSION:.0%}, so "
            f"methylation levels are off by as much; {remedy}"
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


def read_warnings(counts: ReadCounts, reads: Reads, declared: str) -> list[str]:
    """Return a line for each thing that reads of fragments show beside their calls.

    Parameters
    ----------
    counts
        Where the reads went.
    reads, declared
        What a read is, and what the sheet says it is, "" for nothing.
    """
    lines = []
    if reads == "merged" and not declared:
        lines.append(
            f"merged reads and pairs are in one file: {counts.whole_reads:,} of {counts.fragments:,} "
            "fragments are "
            "one read; write reads: merged in the sheet, so that the audit knows"
        )
    used = 2 * counts.fragments - counts.whole_reads
    unread = counts.letters_misfit + counts.strand_unknown
    if unread > MISFIT * used:
        lines.append(
            f"{unread:,} of {used:,} reads have no calls, because their tags aren't Bismark's: XM has "
            "another "
            f"length than the read in {counts.letters_misfit:,}, XG is neither CT nor GA in "
            f"{counts.strand_unknown:,}; don't cut reads after the alignment, or set methylation: reference"
        )
    if counts.clipped_ends > CLIPPED * 2 * counts.fragments:
        lines.append(
            f"{counts.clipped_ends / (2 * counts.fragments):.0%} of the fragments' ends are clipped by "
            "the aligner: "
            "bases of adapters or tails are left on the reads, and ends may be off by some bp; trim "
            "them before "
            "the alignment"
        )
    return lines
