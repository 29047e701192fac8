"""The XM dialect of Bismark and DRAGEN: one letter per read base, XG names the genome strand.

Letters: z/Z a CpG, x/X a CHG, h/H a CHH, u/U an unknown context; lower case unmethylated, upper case
methylated; ``.`` no cytosine. XG is ``CT`` for molecules of the forward strand, whose cytosines are
read as C or T, and ``GA`` for the reverse strand, where they appear as G or A (Bismark user guide,
https://felixkrueger.github.io/Bismark/).

Other programs write text under the same names that means something else: BS-Seeker2 puts the genome's bases
into XG and uses x for a CpG. So a record has calls only if XG is CT or GA and XM has one letter per base.

**Case.** After bisulfite or enzymatic conversion a methylated cytosine is read as C, so upper case stands at
a C. Illumina's 5-base chemistry converts methylated cytosines, and its aligner writes letters that already
say what is methylated: there upper case stands at a T. TAPS converts methylated cytosines too, but Bismark
takes them for unmethylated: lower case at a T. Letters and bases of a file tell 5-base from the others.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterable
from itertools import islice
from typing import Any

from cfdna_interp.errors import InputError

_STRANDS = {"CT": ("C", "T"), "GA": ("G", "A")}  # XG -> the intact and the converted base
_LETTER = re.compile("[zxhuZXHU]")
_READS = 500  # whose letters are compared with their bases
_ENOUGH = 100  # letters; fewer say nothing about a file
_MOST = 0.9  # least share of letters that agree; a few are sequencing errors and variants


def is_tagged(read: Any) -> bool:
    """Tell whether a pysam record has both tags as text: Bowtie 2 writes numbers under the same names."""
    return all(read.has_tag(tag) and isinstance(read.get_tag(tag), str) for tag in ("XM", "XG"))


def has_calls(read: Any) -> bool:
    """Tell whether a pysam record has both tags, and both as Bismark writes them."""
    if not is_tagged(read):
        return False
    return read.get_tag("XG") in _STRANDS and len(read.get_tag("XM")) == read.query_length


def misfit(reads: Iterable[Any]) -> str | None:
    """Say what is wrong with the tags of reads that are tagged and have no calls; None if there are none."""
    wrong: Counter[str] = Counter()
    tagged = 0
    for read in filter(is_tagged, reads):
        tagged += 1
        strand, letters = read.get_tag("XG"), len(read.get_tag("XM"))
        if strand not in _STRANDS:
            wrong[f"XG is {strand[:20]!r} where CT or GA belongs"] += 1
        elif letters != read.query_length:
            wrong[f"XM has {letters} letters for {read.query_length} bases"] += 1
    if not wrong:
        return None
    (example, _), *_ = wrong.most_common(1)
    return f"{sum(wrong.values()):,} of {tagged:,} reads with XM and XG tags, for example {example}"


def converted_case(reads: Iterable[Any], who: str, needed: bool = True) -> str | None:
    """Return the case of letters at converted bases: ``lower``, ``upper``, or None where they don't tell.

    Parameters
    ----------
    reads
        The first records of a file. The first 500 with calls are looked at.
    who
        Begins the error message: sample and file.
    needed
        Whether calls come from the letters. Otherwise letters that don't fit are no error, and tell nothing.

    Raises
    ------
    InputError
        Calls come from the letters, and these don't belong to the bases: they stand at other bases than
        cytosines, or have no case of their own at converted ones.
    """
    at: Counter[str] = Counter()
    for read in islice(filter(has_calls, reads), _READS):
        bases = read.query_sequence or ""
        intact, converted = _STRANDS[read.get_tag("XG")]
        for match in _LETTER.finditer(read.get_tag("XM")[: len(bases)]):
            base, upper = bases[match.start()], match[0].isupper()
            if base in "=N":
                continue
            if base == converted:
                at["upper" if upper else "lower"] += 1
            elif base == intact:
                at["lower" if upper else "upper"] += 1
            else:
                at["no cytosine"] += 1
    total = at.total()
    if total < _ENOUGH:
        return None
    case, count = at.most_common(1)[0]
    if case == "no cytosine" or count < _MOST * total:
        if not needed:
            return None
        raise InputError(
            f"{who}: the letters of XM don't belong to the bases of their reads: of {total:,} letters "
            f"{at['no cytosine']:,} stand at a base that is no cytosine, and upper case stands for converted "
            f"cytosines in {at['upper']:,}, for intact ones in {at['lower']:,}; align again, or set "
            "methylation: reference in the sheet"
        )
    return case
