"""Whether an atlas is of the alignments' build: by what lies in its blocks."""

from __future__ import annotations

import numpy as np

from cfdna_interp.artifacts.atlas import Atlas
from cfdna_interp.artifacts.profiles import Profile
from cfdna_interp.errors import InputError

# With fewer blocks their CpG density is too uncertain.
_MIN_BLOCKS = 30
# By the atlas, its blocks are at least so many times as dense in CpGs as the genome. Others can't be checked.
_MIN_CONTRAST = 2.0


def check_content(profile: Profile, atlas: Atlas, who: str) -> None:
    """Raise ``InputError`` where the blocks hold as few CpGs as the rest of the genome.

    On another build blocks are covered as well, but by other bases: marker blocks are dense in CpGs, and
    what lies at their coordinates on another build is as dense as anything. So the CpG calls per bp inside
    blocks are compared, on the scale of ratios, with what the atlas says (``cpgs``) and with the calls per
    bp outside: the atlas is refused where they are nearer to the latter. Both densities are of sequenced
    bases with a call, so read length and conversion cancel.

    Nothing is checked where the atlas doesn't count its CpGs, where its blocks are hardly denser than the
    genome, or where fewer than 30 of them are touched.
    """
    if atlas.cpgs is None:
        return
    counts = np.array([profile.get("block_calls", name) for name in atlas.names])  # methylated, calls, n, bp
    known = (atlas.cpgs > 0) & (counts[:, 2] > 0)
    outside = _density_outside(profile, int(counts[:, 2].sum()))
    if np.count_nonzero(known) < _MIN_BLOCKS or outside == 0:
        return
    bp = counts[known, 3]
    expected = float((bp * (atlas.cpgs / (atlas.ends - atlas.starts))[known]).sum() / bp.sum())
    inside = float(counts[known, 1].sum() / bp.sum())
    if expected >= _MIN_CONTRAST * outside and inside**2 < expected * outside:
        raise InputError(
            f"{who} has {100 * inside:.2g} CpG calls per 100 bp in atlas blocks and {100 * outside:.2g} "
            f"elsewhere, but the atlas has {100 * expected:.2g} CpGs per 100 bp there; give an atlas of the "
            "alignments' build"
        )


def expected_blocks(profile: Profile, atlas: Atlas, window: int) -> float:
    """Return how many blocks would be touched if fragments lay anywhere on the contigs in use.

    Parameters
    ----------
    profile, atlas
        Of one sample.
    window
        Size of the profile's windows, bp.
    """
    lengths, counts = _lengths(profile)
    genome = window * len(profile.counts.get("window", {}))
    if genome == 0:
        return 0.0
    reach = lengths[:, None] + (atlas.ends - atlas.starts)[None, :]  # (lengths, blocks)
    return float((1 - np.exp(-(counts @ reach) / genome)).sum())


def _lengths(profile: Profile) -> tuple[np.ndarray, np.ndarray]:
    """Return fragment lengths (bp) and how many fragments have them."""
    cells = profile.counts.get("length_1bp", {})
    return np.array([int(key) for key in cells]), np.array([int(cell[0]) for cell in cells.values()])


def _density_outside(profile: Profile, touching: int) -> float:
    """Return CpG calls per bp of the fragments that touch no block."""
    lengths, counts = _lengths(profile)
    fragments = int(counts.sum())
    bp = float(lengths @ counts) * (fragments - touching) / fragments if fragments else 0.0
    calls = sum(
        int(key.split(":")[0]) * int(cell[0]) for key, cell in profile.counts.get("methylation", {}).items()
    )
    return calls / bp if bp > 0 else 0.0
