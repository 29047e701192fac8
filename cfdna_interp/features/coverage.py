"""Coverage and short-to-long ratio by window of the genome (no GC correction: a comparator)."""

from __future__ import annotations

import numpy as np

from cfdna_interp.artifacts.features import Feature
from cfdna_interp.artifacts.profiles import Profile

GROUP = "coverage"
MIN_FRAGMENTS = 20  # short and long fragments that a window's ratio needs


def coverage_features(profile: Profile) -> list[Feature]:
    """Return two features per window; a ratio is NaN on fewer than 20 fragments, coverage without any.

    Cristiano et al. 2019 (https://doi.org/10.1038/s41586-019-1272-6) compare short with long fragments
    in windows of 5 Mb.
    """
    windows = sorted(profile.counts.get("window", {}).items(), key=lambda item: _place(item[0]))
    total = sum(int(counts[2]) for _, counts in windows)
    features = []
    for key, counts in windows:
        short, long, n = (int(count) for count in counts)
        relative = np.log2((n + 0.5) / (total / len(windows) + 0.5)) if total else np.nan
        enough = short + long >= MIN_FRAGMENTS
        ratio = np.log2((short + 0.5) / (long + 0.5)) if enough else np.nan
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
        features.append(
            Feature(
                f"short_long_{key}",
                GROUP,
                float(ratio),
                "log2 ratio",
                short + long,
                f"fragments of 100-150 bp over fragments of 151-220 bp in the window from {key}",
            )
        )
    return features


def _place(key: str) -> tuple[str, int]:
    contig, start = key.rsplit(":", 1)
    return contig, int(start)
