"""Tissue of origin: marker-state shares of atlas blocks, and the mixture of cell types behind them.

The method is UXM deconvolution (Loyfer et al. 2023, https://doi.org/10.1038/s41586-022-05580-6):
non-negative least squares of the blocks' shares against the atlas, blocks weighted by fragments.
"""

from __future__ import annotations

import re

import numpy as np

from cfdna_interp.artifacts.atlas import Atlas
from cfdna_interp.artifacts.features import Feature
from cfdna_interp.artifacts.profiles import Profile

GROUP = "tissue_of_origin"


def marker_counts(profile: Profile, atlas: Atlas) -> tuple[np.ndarray, np.ndarray]:
    """Return (blocks,) fragments in each block's marker state, and (blocks,) all its fragments."""
    counts = np.array([profile.get("block_uxm", name) for name in atlas.names])  # U, X, M
    column = np.array([0 if direction == "U" else 2 for direction in atlas.directions])
    return counts[np.arange(len(atlas)), column], counts.sum(axis=1)


def complete(atlas: Atlas) -> np.ndarray:
    """Return (blocks, types) expected shares, blank cell types set to the block's background.

    The background is the median over the measured cell types other than the block's target. A block
    whose target, or whose whole background, is blank stays blank.
    """
    expected = atlas.fractions.copy()
    for row in np.flatnonzero(np.isnan(expected).any(axis=1)):
        background = np.array([name != atlas.targets[row] for name in atlas.cell_types])
        measured = expected[row, background & np.isfinite(expected[row])]
        if len(measured):
            expected[row, background & np.isnan(expected[row])] = np.median(measured)
    return expected


def deconvolve(marked: np.ndarray, total: np.ndarray, atlas: Atlas) -> np.ndarray:
    """Return the share of each cell type.

    Parameters
    ----------
    marked, total
        (blocks,) fragments in the marker state, and all. Blocks without fragments don't count.
    atlas
        Expected shares; see :func:`complete` for blank ones.

    Returns
    -------
    (types,) non-negative shares that sum to 1; NaN where nothing can be fitted.
    """
    from scipy.optimize import nnls

    expected = complete(atlas)
    covered = (total > 0) & np.isfinite(expected).all(axis=1)
    unknown = np.full(len(atlas.cell_types), np.nan)
    if not covered.any():
        return unknown
    expected = expected[covered]
    weight = np.sqrt(total[covered])
    shares, _ = nnls(expected * weight[:, None], marked[covered] / total[covered] * weight)
    return shares / shares.sum() if shares.sum() > 0 else unknown


def tissue_features(profile: Profile, atlas: Atlas, min_markers: int) -> list[Feature]:
    """Return the features of the group ``tissue_of_origin``.

    With fewer than ``min_markers`` covered blocks the mixture is underdetermined: all are NaN then.
    """
    marked, total = marker_counts(profile, atlas)
    covered = int(np.count_nonzero(total))
    enough = covered >= min_markers
    shares = deconvolve(marked, total, atlas) if enough else np.full(len(atlas.cell_types), np.nan)
    fragments = int(total.sum())
    floor = f"missing with fewer than {min_markers} covered blocks"
    features = [
        Feature(
            f"tissue_fraction_{slug(name)}",
            GROUP,
            float(share),
            "share",
            fragments,
            f"share of {name} by weighted non-negative least squares on marker blocks; {floor}",
        )
        for name, share in zip(atlas.cell_types, shares, strict=True)
    ]
    targets = np.array(atlas.targets)
    for target in dict.fromkeys(atlas.targets):
        members = (targets == target) & (total > 0)
        value = float((marked[members] / total[members]).mean()) if enough and members.any() else np.nan
        features.append(
            Feature(
                f"tissue_marker_{slug(target)}",
                GROUP,
                value,
                "share",
                int(total[members].sum()),
                f"mean share of fragments in the marker state, blocks of {target}; {floor}",
            )
        )
    return features


def slug(name: str) -> str:
    """Return a name as lower-case letters, digits and underscores."""
    return re.sub(r"[^a-z0-9]+", "_", name.lower()).strip("_")
