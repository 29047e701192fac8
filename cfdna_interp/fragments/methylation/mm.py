"""The MM/ML dialect: modified bases as lists of positions with probabilities, for single molecules.

``MM:Z:C+m?,5,12;`` says that the 6th and the 19th cytosine of the read, as sequenced, may be 5mC, and ML
gives a byte of probability for each: N means N/256 to (N + 1)/256 (SAM tags specification, "Base
modifications", https://samtools.github.io/hts-specs/SAMtags.pdf). Without MM and ML, the tags ``Mm`` and
``Ml`` of the specification's draft are read. From the lists the kernel
(:mod:`cfdna_interp.fragments.kernels.mm`) writes the letters of the XM dialect, by these rules.

- **Codes.** 5mC is ``m`` or ChEBI 27551, and 5hmC is ``h`` or 76792. Any other code is another modification.
  Codes may be combined (``C+mh``). Lists of ``C``, of any base (``N``), and of ``G`` for the opposite strand
  (``G-m``) are read. Other lists are checked and ignored.
- **Unlisted cytosines** are unmodified if the list's code ends in ``.`` or in nothing, and unknown with
``?``.
  An empty list is a list, too: ``C+m;`` and ``C+m.,;``.
- **Call.** p(unmodified) = 1 − the sum of all modifications. The likeliest of 5mC, 5hmC, another
  modification and unmodified is called if its probability reaches the threshold (5mC and 5hmC: byte >=
  ``high``; unmodified: sum of the bytes <= ``low``). This is modkit's rule
  (https://nanoporetech.github.io/modkit/filtering_numeric_details.html). With ``low`` 255 and ``high`` 0
  every call passes. 5hmC isn't 5mC and gets no letter. CpGs without a clear call are counted, and so are CpGs
  of 5hmC.
- **Values.** Without ML every listed position is certain. With it, ML must hold one byte for each.
- **Strand.** Letters are of the read's own strand. A call on the opposite strand counts for the cytosine of
the
  same CpG, and is ignored outside CpGs. If the strands of a CpG disagree, it gets no letter and is counted.
  If only one strand is clear, that one decides. 5hmC on either strand makes the CpG 5hmC. Some records list
  5mC on the opposite strand only (``G-m``): second mates, whose bases are the complement of the strand that
  was examined. Then the letters are of that strand, at the bases that the lists name.
- **Context.** Without a reference the read's own bases tell the context. It is unknown at the end of the
read,
  or if the next bases aren't A, C, G or T. With a reference the context is the reference's. A letter stays
  if its base is aligned to a cytosine of the molecule's strand, and takes that cytosine's context. Any other
  letter is dropped. So a CpG may lie half beyond the read, or have a wrong base at its G. Strands are always
  joined, and losses counted, by the bases of the read.
- **Bases cut off later.** The lists may count bases that are no longer there. A record has no calls if its MN
  isn't its number of bases, or if it has hard clips and no MN.
- **Malformed** records are rejected and counted. Their lists break the grammar, go beyond the bases, don't
fit
  ML, or name more than 255 modifications (htslib's limit).
"""

from __future__ import annotations

import math
import re
from typing import Any

_LISTS_5MC = re.compile(r"(?:^|;)(?:[CN]\+|[GN]-)(?:[A-Za-z]*m[A-Za-z]*|0*27551)[.?]?[,;]")


def has_calls(read: Any) -> bool:
    """Tell whether a pysam record lists 5mC in MM or Mm. Other tools store numbers under these names."""
    for tag in ("MM", "Mm"):
        if read.has_tag(tag) and isinstance(lists := read.get_tag(tag), str):
            return _LISTS_5MC.search(lists) is not None
    return False


def threshold_bytes(threshold: float) -> tuple[int, int]:
    """Return the bytes ``low`` and ``high`` for a threshold of probability.

    A byte stands for the middle of its range, so N is at least ``threshold`` where (N + .5)/256 is.

    Parameters
    ----------
    threshold
        Above .5, at most 1. From this probability on a base is 5mC; up to 1 − it, unmodified.
    """
    high = min(math.ceil(256 * threshold - 0.5), 255)
    return 255 - high, high
