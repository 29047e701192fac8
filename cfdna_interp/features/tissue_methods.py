"""From counts at an atlas' blocks to shares of cell types: the evidence of a sample, and three methods.

``uxm``
    UXM deconvolution (Loyfer et al. 2023, https://doi.org/10.1038/s41586-022-05580-6): non-negative least
    squares of the blocks' shares of marker-state fragments, blocks weighted by fragments.
``nnls``
    The same on methylation levels of CpG calls, as for array atlases (Moss et al. 2018,
    https://doi.org/10.1038/s41467-018-07466-6).
``em``
    Highest binomial likelihood of fragments or calls, the model of CelFiE (Caggiano et al. 2021,
    https://doi.org/10.1038/s41467-021-22901-x) with a table that is known. The likelihood is concave then, so
    its maximum needs no random start; types that no table knows are estimated over many samples at once
    (:mod:`cfdna_interp.stats.mixture_em`).
"""

from __future__ import annotations

import numpy as np

from cfdna_interp.artifacts.atlas import Atlas
from cfdna_interp.artifacts.profiles import Profile
from cfdna_interp.errors import InputError
from cfdna_interp.stats.mixture import Mixture


def check_method(method: str, atlas: Atlas, path: str) -> None:
    """Raise ``InputError`` where the method is not made for what the atlas holds."""
    if method == "uxm" and atlas.calls:
        raise InputError(
            f"features.tissue_method: uxm compares fragments, but atlas {path} holds levels of CpG calls; "
            "set nnls or em, or give a UXM table"
        )
    if method == "nnls" and not atlas.calls:
        raise InputError(
            f"features.tissue_method: nnls compares levels of CpG calls, but atlas {path} holds shares of "
            "fragments; set uxm or em, or give a CpG table"
        )


def marker_counts(profile: Profile, atlas: Atlas) -> tuple[np.ndarray, np.ndarray]:
    """Return (blocks,) counts in each block's marker state, and (blocks,) all its counts.

    Counts are fragments, or CpG calls where the atlas holds levels of calls.
    """
    if atlas.calls:
        calls = np.array([profile.get("block_calls", name) for name in atlas.names])
        return calls[:, 0], calls[:, 1]
    counts = np.array([profile.get("block_uxm", name) for name in atlas.names])  # U, X, M
    column = np.array([0 if direction == "U" else 2 for direction in atlas.directions])
    return counts[np.arange(len(atlas)), column], counts.sum(axis=1)


def clump_sizes(profile: Profile, atlas: Atlas) -> np.ndarray:
    """Return (blocks,) how many counts come together: calls of one fragment are mostly alike.

    It is the mean number of calls of a fragment in the block, at least 1. Fragments count once: 1.
    """
    if not atlas.calls:
        return np.ones(len(atlas))
    calls = np.array([profile.get("block_calls", name) for name in atlas.names], dtype=np.float64)
    return np.maximum(calls[:, 1] / np.maximum(calls[:, 2], 1), 1.0)


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


def target_columns(atlas: Atlas) -> np.ndarray:
    """Return (blocks,) the column of the cell type that each block marks, -1 where it has none."""
    columns = {name: column for column, name in enumerate(atlas.cell_types)}
    return np.array([columns.get(target, -1) for target in atlas.targets])


def usable(total: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Return (blocks,) bool: the block has counts, and something is expected of every cell type."""
    return np.asarray((total > 0) & np.isfinite(expected).all(axis=1))


def deconvolve(marked: np.ndarray, total: np.ndarray, atlas: Atlas, method: str = "uxm") -> np.ndarray:
    """Return the share of each cell type.

    Parameters
    ----------
    marked, total
        (blocks,) counts in the marker state, and all. Blocks without counts don't count.
    atlas
        Expected shares; see :func:`complete` for blank ones.
    method
        See above.

    Returns
    -------
    (types,) non-negative shares that sum to 1; NaN where nothing can be fitted.
    """
    from scipy.optimize import nnls

    expected = complete(atlas)
    covered = usable(total, expected)
    unknown = np.full(len(atlas.cell_types), np.nan)
    if not covered.any():
        return unknown
    expected, marked, total = expected[covered], marked[covered], total[covered]
    if method == "em":
        return Mixture(expected, marked, total).shares
    weight = np.sqrt(total)
    shares, _ = nnls(expected * weight[:, None], marked / total * weight)
    return shares / shares.sum() if shares.sum() > 0 else unknown
