"""Coverage by window of the genome (no GC correction: a comparator)."""

from __future__ import annotations

import numpy as np

from cfdna_interp.artifacts.features import Feature
from cfdna_interp.artifacts.profiles import Profile

GROUP = "coverage"
# Added to a window's coverage in units of the mean, so that an empty one has the same value at every depth:
# half a fragment in its place would make the gaps of the assembly measures of depth.
FLOOR = 0.01


def coverage_features(profile: Profile) -> list[Feature]:
    """Return one feature per window, NaN without any fragment.

    Where fragments lie, never how long they are: short-to-long ratios by window (Cristiano et al. 2019,
    https://doi.org/10.1038/s41586-019-1272-6) are lengths, and as a comparator they would repeat the
    group that they are compared with.
    """
    windows = sorted(profile.counts.get("window", {}).items(), key=lambda item: _place(item[0]))
    total = sum(int(counts[2]) for _, counts in windows)
    features = []
    for key, counts in windows:
        n = int(counts[2])
        relative = np.log2((n * len(windows) / total + FLOOR) / (1 + FLOOR)) if total else np.nan
        features.append(
            Feature(
                f"coverage_{key}",
                GROUP,
                float(relative),
                "log2 ratio",
                n,
                f"fragments with their middle in the window from {key} over the mean of all windows",
            )
        )
    return features


def _place(key: str) -> tuple[str, int]:
    contig, start = key.rsplit(":", 1)
    return contig, int(start)
