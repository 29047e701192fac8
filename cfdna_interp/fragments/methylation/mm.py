"""The MM/ML dialect: modified bases as lists of positions with probabilities, for single molecules.

``MM:Z:C+m?,5,12;`` says that the 6th and the 19th cytosine of the read, as sequenced, may be 5mC, and ML
gives a byte of probability for each: N means N/256 to (N + 1)/256 (SAM tags specification, "Base
modifications", https://samtools.github.io/hts-specs/SAMtags.pdf). ``Mm``/``Ml`` of its draft are read where
the others are missing. From the lists the kernel (:mod:`cfdna_interp.fragments.kernels.mm`) writes the
letters of the XM dialect, by these rules.

- **Codes.** 5mC is ``m`` or ChEBI 27551, 5hmC ``h`` or 76792, anything else is another modification; codes
  may be combined (``C+mh``). Lists count ``C``, or any base (``N``), and ``G`` for the opposite strand
  (``G-m``); what other lists say is checked and left out.
- **Unlisted cytosines** are unmodified where the list ends in ``.`` or in nothing, unknown with ``?``. Empty
  lists are lists, ``C+m;`` as well as ``C+m.,;``.
- **Call.** p(unmodified) = 1 − the sum of all modifications. The likeliest of 5mC, 5hmC, another
  modification and unmodified is called if its probability reaches the threshold (5mC and 5hmC: byte >=
  ``high``; unmodified: sum of the bytes <= ``low``). This is modkit's rule
  (https://nanoporetech.github.io/modkit/filtering_numeric_details.html); ``low`` 255 with ``high`` 0 filters
  nothing. 5hmC is no 5mC and gets no letter. A CpG without a clear call is counted; so is one of 5hmC.
- **Values.** Without ML every listed position is certain. Else it holds exactly one byte for each.
- **Strand.** Letters are of the read's own strand; a call on the opposite one counts for the cytosine of
  the same CpG, and is left out elsewhere. A CpG whose strands contradict each other gets no letter and is
  counted; where only one strand is clear, it decides; 5hmC on either makes it 5hmC. Where 5mC is listed on
  the opposite strand alone (``G-m``), as for second mates, whose bases are the complement of the strand that
  was looked at, the letters are of that strand, at the bases that the lists name.
- **Context.** That of the read's own bases, unknown where it ends or the next bases aren't A, C, G or T. With
  a reference it is the reference's: a letter stays where its base is aligned to a cytosine of the molecule's
  strand and takes that one's context; any other is dropped. So a CpG may lie half beyond the read, or have
  its G read wrong. Both strands are joined, and losses counted, by the bases of the read all the same.
- **Bases cut off later.** A record whose MN isn't its number of bases has no calls, and neither has one with
  hard clips and no MN: the lists count bases that are no longer there.
- **Malformed** is a record whose lists break the grammar, go beyond its bases, don't fit ML, or name more
  than 255 modifications (htslib's limit); it is rejected and counted.
"""

from __future__ import annotations

import math
import re
from typing import Any

_LISTS_5MC = re.compile(r"(?:^|;)(?:[CN]\+|[GN]-)(?:[A-Za-z]*m[A-Za-z]*|0*27551)[.?]?[,;]")


def has_calls(read: Any) -> bool:
    """Tell whether a pysam record lists 5mC in MM or Mm; other tools have numbers under these names."""
    for tag in ("MM", "Mm"):
        if read.has_tag(tag) and isinstance(lists := read.get_tag(tag), str):
            return _LISTS_5MC.search(lists) is not None
    return False


def threshold_bytes(threshold: float) -> tuple[int, int]:
    """Return ``low`` and ``high`` of a probability from which on a call is clear.

    A byte stands for the middle of its range, so N is at least ``threshold`` where (N + .5)/256 is.

    Parameters
    ----------
    threshold
        Above .5, at most 1: 5mC from it on, unmodified up to 1 − it.
    """
    high = min(math.ceil(256 * threshold - 0.5), 255)
    return 255 - high, high
