"""Methylation outside atlas blocks: level, and how ordered single fragments are."""

from __future__ import annotations

import numpy as np

from cfdna_interp.artifacts.features import Feature
from cfdna_interp.artifacts.profiles import Profile

GROUP = "methylation"
MIN_CPGS = 3  # calls a fragment needs before its pattern says something


def pattern_counts(profile: Profile) -> np.ndarray:
    """Return (cells, 3) rows (calls, methylated calls, fragments) of the fragments outside blocks."""
    rows = [
        (*(int(part) for part in key.split(":")), int(counts[0]))
        for key, counts in sorted(profile.counts.get("methylation", {}).items())
    ]
    return np.array(rows, dtype=np.int64).reshape(-1, 3)


def methylation_features(profile: Profile) -> list[Feature]:
    """Return the features of the group ``methylation``; NaN where no fragment has the calls for one."""
    calls, methylated, fragments = pattern_counts(profile).T
    all_calls = int((calls * fragments).sum())
    level = float((methylated * fragments).sum()) / all_calls if all_calls else np.nan
    features = [
        Feature("methylation_level", GROUP, level, "share", all_calls, "methylated share of CpG calls")
    ]
    enough = calls >= MIN_CPGS
    calls, methylated, fragments = calls[enough], methylated[enough], fragments[enough]
    n = int(fragments.sum())
    patterns = (
        (
            "methylation_entropy",
            entropy(methylated / calls),
            "bit",
            "mean entropy of a fragment's methylated share",
        ),
        (
            "methylation_discordance",
            ((methylated > 0) & (methylated < calls)).astype(float),
            "share",
            "share of fragments with both methylated and unmethylated CpGs (Landau et al. 2014)",
        ),
        (
            "methylation_fully_methylated",
            (methylated == calls).astype(float),
            "share",
            "share of fragments with methylated CpGs only",
        ),
        (
            "methylation_fully_unmethylated",
            (methylated == 0).astype(float),
            "share",
            "share of fragments with unmethylated CpGs only",
        ),
    )
    for name, values, unit, definition in patterns:
        value = float((values * fragments).sum()) / n if n else np.nan
        features.append(
            Feature(
                name, GROUP, value, unit, n, f"{definition}, fragments with at least {MIN_CPGS} CpG calls"
            )
        )
    return features


def entropy(shares: np.ndarray) -> np.ndarray:
    """Return the binary entropy in bit of (n,) shares; 0 at 0 and 1."""
    inner = np.clip(shares, 1e-300, 1.0)
    outer = np.clip(1.0 - shares, 1e-300, 1.0)
    return np.asarray(-shares * np.log2(inner) - (1.0 - shares) * np.log2(outer))
