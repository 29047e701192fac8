"""The XM dialect of Bismark and DRAGEN: one letter per read base, XG names the genome strand.

Letters: z/Z a CpG, x/X a CHG, h/H a CHH, u/U an unknown context; lower case unmethylated, upper case
methylated; ``.`` no cytosine. XG is ``CT`` for molecules of the forward strand, whose cytosines are
read as C or T, and ``GA`` for the reverse strand, where they appear as G or A (Bismark user guide,
https://felixkrueger.github.io/Bismark/).
"""

from __future__ import annotations

from typing import Any


def has_calls(read: Any) -> bool:
    """Tell whether a pysam record has both tags as text: Bowtie 2 writes numbers under the same names."""
    return all(read.has_tag(tag) and isinstance(read.get_tag(tag), str) for tag in ("XM", "XG"))
