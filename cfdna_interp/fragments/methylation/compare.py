"""Calls by comparison with the reference: bwa-meth, BISCUIT, BSMAP, and any other aligner of converted reads.

A molecule of the forward strand reads as C where a cytosine of the reference was kept and as T where it was
converted; one of the reverse strand reads as G or A where the reference has G. Anything else is no call.
The strand of a molecule stands in a tag:

- bwa-meth: ``YD:Z:f`` or ``r``, the converted reference that the read was aligned to
  (https://github.com/brentp/bwa-meth);
- BISCUIT: ``YD:A:f``, ``r``, or ``u`` where it could not tell (https://huishenlab.github.io/biscuit/);
- BSMAP: ``ZS:Z:`` and two signs, of which the first is the strand of the reference (BSMAP's README);
- Bismark and DRAGEN: ``XG:Z:CT`` or ``GA``.

Records without any of them are taken for a directional library: first mates have the direction of their
molecule, second mates the other one.
"""

from __future__ import annotations

from typing import Any


def has_calls(read: Any) -> bool:
    """Tell whether a pysam record has a strand tag of these aligners; others keep numbers under the names."""
    return any(read.has_tag(tag) and isinstance(read.get_tag(tag), str) for tag in ("YD", "ZS"))
