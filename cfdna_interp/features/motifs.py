"""4-mer end motifs: diversity, and the shares of their first two bases."""

from __future__ import annotations

import numpy as np

from cfdna_interp.artifacts.features import Feature
from cfdna_interp.artifacts.fragments import MOTIFS
from cfdna_interp.artifacts.profiles import Profile

GROUP = "end_motif"


def motif_shares(profile: Profile) -> tuple[np.ndarray, int]:
    """Return (256,) shares in the order of ``MOTIFS`` (NaN without ends), and the number of ends."""
    counts = np.array([profile.get("motif", motif)[0] for motif in MOTIFS])
    total = int(counts.sum())
    return (counts / total if total else np.full(len(MOTIFS), np.nan)), total


def diversity(shares: np.ndarray) -> float:
    """Return the motif diversity score: Shannon entropy over its maximum, 0 to 1.

    Jiang et al. 2020, https://doi.org/10.1158/2159-8290.CD-19-0622.
    """
    if np.isnan(shares).any():
        return float("nan")
    present = shares[shares > 0]
    return float(-(present * np.log(present)).sum() / np.log(len(shares)))


def motif_features(profile: Profile) -> list[Feature]:
    """Return the features of the comparator group ``end_motif``; NaN without known fragment ends."""
    shares, n = motif_shares(profile)
    features = [
        Feature(
            "motif_diversity",
            GROUP,
            diversity(shares),
            "score",
            n,
            "Shannon entropy of the 256 4-mers at fragment ends over its maximum",
        ),
        Feature(
            "motif_CCCA",
            GROUP,
            float(shares[MOTIFS.index("CCCA")]),
            "share",
            n,
            "share of fragment ends that read CCCA",
        ),
    ]
    for index, pair in enumerate(a + b for a in "ACGT" for b in "ACGT"):
        features.append(
            Feature(
                f"motif_{pair}",
                GROUP,
                float(shares[16 * index : 16 * index + 16].sum()),
                "share",
                n,
                f"share of fragment ends that begin with {pair}",
            )
        )
    return features
