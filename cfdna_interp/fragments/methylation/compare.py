"""Calls by comparison with the reference: bwa-meth, BISCUIT, BSMAP, and any other aligner of converted reads.

At a C of the reference, a molecule of the forward strand reads C if the cytosine is intact and T if it was
converted. At a G of the reference, a molecule of the reverse strand reads G or A. Any other base is no call.
A tag holds the strand of the molecule:

- bwa-meth: ``YD:Z:f`` or ``r``, the converted reference that the read was aligned to
  (https://github.com/brentp/bwa-meth);
- BISCUIT: ``YD:A:f``, ``r``, or ``u`` where it could not tell (https://huishenlab.github.io/biscuit/);
- BSMAP: ``ZS:Z:`` and two signs, of which the first is the strand of the reference (BSMAP's README);
- Bismark and DRAGEN: ``XG:Z:CT`` or ``GA``.

Without such a tag the library counts as directional: first mates have the direction of their molecule, second
mates the opposite one.
"""

from __future__ import annotations

from typing import Any

_STRANDS = {"YD": ("f", "r", "u"), "ZS": ("++", "+-", "-+", "--"), "XG": ("CT", "GA")}


def has_calls(read: Any) -> bool:
    """Tell whether a pysam record has a strand tag as these aligners write it; others store other things."""
    return any(read.has_tag(tag) and read.get_tag(tag) in values for tag, values in _STRANDS.items())
