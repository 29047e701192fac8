"""Methylation within classes of fragment length: a comparator, since it mixes what the other groups part."""

from __future__ import annotations

import numpy as np

from cfdna_interp.artifacts.features import Feature
from cfdna_interp.artifacts.profiles import Profile
from cfdna_interp.features.length import DI, LONG, SHORT

GROUP = "methylation_by_length"


def methylation_by_length_features(profile: Profile) -> list[Feature]:
    """Return the methylation level of short, long and di-nucleosomal fragments outside atlas blocks."""
    cells = {int(key): counts for key, counts in profile.counts.get("methylation_length", {}).items()}
    features = []
    for low, high in (SHORT, LONG, DI):
        inside = [counts for length, counts in cells.items() if low <= length <= high]
        methylated, n = np.sum([np.zeros(2, dtype=np.int64), *inside], axis=0).tolist()
        features.append(
            Feature(
                f"methylation_level_{low}_{high}bp",
                GROUP,
                methylated / n if n else np.nan,
                "share",
                n,
                f"methylated share of CpG calls on fragments of {low}-{high} bp",
            )
        )
    return features
