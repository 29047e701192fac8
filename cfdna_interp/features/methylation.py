"""Methylation outside atlas blocks: level, and how ordered single fragments and single places are.

No feature here changes its expectation with depth: levels and shares are means over calls or fragments,
the two measures over patterns are corrected (:func:`epipolymorphism`, :func:`pattern_entropy`).
"""

from __future__ import annotations

from math import comb

import numpy as np

from cfdna_interp.artifacts.features import Feature
from cfdna_interp.artifacts.profiles import Profile
from cfdna_interp.features.length import DI, LONG, SHORT

GROUP = "methylation"
# A group for comparison only, since it mixes what the other groups keep apart.
BY_LENGTH = "methylation_by_length"
MIN_CPGS = 3  # calls a fragment needs before its pattern says something
CPGS = 4  # calls of a pattern, as the literature on discordance and epipolymorphism has it
MIN_PATTERNS = 100  # below it, what the correction of the entropy leaves is no longer small


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
    features += _by_context(profile)
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
    enough = calls >= CPGS
    return [
        *features,
        _discordance(calls[enough], methylated[enough], fragments[enough]),
        *_disorder(profile),
    ]


def entropy(shares: np.ndarray) -> np.ndarray:
    """Return the binary entropy in bit of (n,) shares; 0 at 0 and 1."""
    inner = np.clip(shares, 1e-300, 1.0)
    outer = np.clip(1.0 - shares, 1e-300, 1.0)
    return np.asarray(-shares * np.log2(inner) - (1.0 - shares) * np.log2(outer))


def discordance(calls: int, methylated: int) -> float:
    """Return the probability that four of a fragment's calls, drawn without replacement, disagree.

    With exactly four calls it is 0 or 1, the discordance of Landau et al. 2014
    (https://doi.org/10.1016/j.ccell.2014.10.012). With more, those authors ask whether any call differs:
    the more CpGs a fragment has the likelier, so that the share of discordant reads would follow fragment
    length.
    """
    return 1.0 - (comb(methylated, CPGS) + comb(calls - methylated, CPGS)) / comb(calls, CPGS)


def epipolymorphism(different: int, pairs: int) -> float:
    """Return the share of pairs of molecules whose patterns at the same four CpGs differ; NaN without pairs.

    The epipolymorphism of a place is 1 - Σ p² over its 16 patterns (Landan et al. 2012,
    https://doi.org/10.1038/ng.2442): the probability that two molecules differ. Its plug-in estimate from n
    molecules is too small by 1/n of it; Σ n_i (n_i - 1) / n (n - 1) in place of Σ p² is free of that. Summed
    over places, numerator and denominator shrink by the same factor when molecules are lost at random.
    """
    return different / pairs if pairs else float("nan")


def pattern_entropy(counts: np.ndarray) -> float:
    """Return the entropy of (16,) counts of patterns of four CpGs, bit per CpG, 0 to 1.

    Methylation entropy in the sense of Xie et al. 2011 (https://doi.org/10.1093/nar/gkq1209), over fragments
    of the whole genome rather than at one place, which takes 16 molecules or more there. Corrected by Miller
    and Madow: (patterns seen - 1) / 2n nat are added. NaN with fewer than 100 fragments.
    """
    n = int(counts.sum())
    if n < MIN_PATTERNS:
        return float("nan")
    shares = counts[counts > 0] / n
    nats = float(-(shares * np.log(shares)).sum()) + (len(shares) - 1) / (2 * n)
    return float(min(nats / np.log(2) / CPGS, 1.0))


def _by_context(profile: Profile) -> list[Feature]:
    return [
        Feature(
            f"methylation_level_in_{context}",
            GROUP,
            int(methylated) / int(n) if n else np.nan,
            "share",
            int(n),
            f"methylated share of CpG calls in context {context} of the annotation",
        )
        for context, (methylated, n) in sorted(profile.counts.get("methylation_context", {}).items())
    ]


def _discordance(calls: np.ndarray, methylated: np.ndarray, fragments: np.ndarray) -> Feature:
    values = np.array([discordance(int(k), int(m)) for k, m in zip(calls, methylated, strict=True)])
    n = int(fragments.sum())
    return Feature(
        "methylation_discordance",
        GROUP,
        float((values * fragments).sum()) / n if n else np.nan,
        "share",
        n,
        "share of fragments on which four CpGs are neither all methylated nor all unmethylated (PDR), mean "
        "over the choices of four, fragments with at least 4 CpG calls",
    )


def _disorder(profile: Profile) -> list[Feature]:
    different, pairs = profile.get("methylation_pairs", str(CPGS)).tolist()
    patterns = profile.counts.get("methylation_pattern", {})
    counts = np.array([int(cells[0]) for _, cells in sorted(patterns.items())], dtype=np.int64)
    return [
        Feature(
            "methylation_epipolymorphism",
            GROUP,
            epipolymorphism(different, pairs),
            "share",
            pairs,
            "share of pairs of molecules that read the same four CpGs and differ in their states",
        ),
        Feature(
            "methylation_pattern_entropy",
            GROUP,
            pattern_entropy(counts),
            "bit per CpG",
            int(counts.sum()),
            "entropy of the states of fragments' middle four CpG calls over the genome, Miller-Madow "
            f"corrected; missing with fewer than {MIN_PATTERNS} fragments",
        ),
    ]


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
                BY_LENGTH,
                methylated / n if n else np.nan,
                "share",
                n,
                f"methylated share of CpG calls on fragments of {low}-{high} bp",
            )
        )
    return features
