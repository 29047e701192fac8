"""Fragment-length histograms of a cohort as shares, averaged within subjects before anything else."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.profiles import Profile
from cfdna_interp.artifacts.sheet import Sample
from cfdna_interp.errors import InputError

SHORT = 150  # bp; the usual upper end of "short" in the literature on fragment sizes


@dataclass(frozen=True, eq=False)
class LengthTable:
    """Length shares of one role, a row per subject and batch.

    Attributes
    ----------
    role
        ``discovery`` or ``heldout``.
    lengths
        (bp,) absolute fragment lengths, consecutive.
    shares
        (rows, bp) share of the row's fragments at each length; rows sum to 1. A subject's samples of
        one batch are averaged with equal weight.
    subjects, labels, batches
        (rows,) whom a row belongs to.
    fragments
        (rows,) fragments counted.
    """

    role: str
    lengths: np.ndarray
    shares: np.ndarray
    subjects: np.ndarray
    labels: np.ndarray
    batches: np.ndarray
    fragments: np.ndarray

    def by_label(self, label: int) -> np.ndarray:
        """Return (subjects, bp) shares of the subjects of a label, one row a subject."""
        chosen = np.flatnonzero(self.labels == label)
        subjects = self.subjects[chosen]
        return np.array(
            [self.shares[chosen[subjects == subject]].mean(axis=0) for subject in np.unique(subjects)]
        ).reshape(-1, len(self.lengths))

    def by_batch(self, batch: str) -> np.ndarray:
        """Return (subjects, bp) shares of the subjects of a batch, one row a subject."""
        rows: np.ndarray = self.shares[self.batches == batch]
        return rows

    def summarise(self) -> list[LengthSummary]:
        """Summarise by label, then by batch."""
        strata = [
            (name, self.by_label(label), self.fragments[self.labels == label])
            for label, name in ((1, "Cases"), (0, "Controls"))
        ]
        strata += [
            (f"Batch {batch}" if batch else "No batch", self.by_batch(batch), self.fragments[members])
            for batch in np.unique(self.batches)
            if (members := self.batches == batch).any()
        ]
        return [
            LengthSummary(
                name=name,
                n=len(shares),
                fragments=int(fragments.sum()),
                short=_quartiles(shares[:, self.lengths <= SHORT].sum(axis=1)),
                median=_quartiles(_medians(shares, self.lengths)),
            )
            for name, shares, fragments in strata
            if len(shares)
        ]


@dataclass(frozen=True)
class LengthSummary:
    """Lengths of a stratum of subjects.

    Attributes
    ----------
    name
        The stratum.
    n, fragments
        Subjects, and their fragments.
    short
        Lower quartile, median and upper quartile over subjects of the share of fragments of at most
        150 bp.
    median
        The same of the subject's median length, bp.
    """

    name: str
    n: int
    fragments: int
    short: tuple[float, float, float]
    median: tuple[float, float, float]


def load_lengths(role: str, samples: Sequence[Sample], labels: dict[str, int], layout: Layout) -> LengthTable:
    """Read the whole-sample length histograms of a role.

    Raises
    ------
    InputError
        A sample has no fragment at all, or the role has no sample.
    """
    if not samples:
        raise InputError(f"role {role} has no sample left; add samples or see exclusions.tsv")
    rows: dict[tuple[str, str], list[dict[int, int]]] = {}
    for sample in samples:
        cells = Profile.load(layout.profile(sample.sample)).counts.get("length_1bp", {})
        counts = {int(key): int(values[0]) for key, values in cells.items()}
        if sum(counts.values()) == 0:
            raise InputError(
                f"sample {sample.sample}: {layout.profile(sample.sample)} counts no fragment; "
                "exclude the sample"
            )
        rows.setdefault((sample.subject, sample.batch), []).append(counts)
    keys = sorted(rows)
    low = min(min(counts) for histograms in rows.values() for counts in histograms)
    high = max(max(counts) for histograms in rows.values() for counts in histograms)
    shares = np.zeros((len(keys), high - low + 1))
    for row, key in enumerate(keys):
        for counts in rows[key]:
            total = sum(counts.values())
            for length, count in counts.items():
                shares[row, length - low] += count / total / len(rows[key])
    return LengthTable(
        role=role,
        lengths=np.arange(low, high + 1),
        shares=shares,
        subjects=np.array([subject for subject, _ in keys]),
        labels=np.array([labels[subject] for subject, _ in keys]),
        batches=np.array([batch for _, batch in keys]),
        fragments=np.array([sum(sum(counts.values()) for counts in rows[key]) for key in keys]),
    )


def _medians(shares: np.ndarray, lengths: np.ndarray) -> np.ndarray:
    """Return each row's median length: the first at which half of the fragments are reached."""
    # The tolerance keeps rounding of the running sum from moving a median that is met exactly.
    medians: np.ndarray = lengths[np.argmax(np.cumsum(shares, axis=1) >= 0.5 - 1e-12, axis=1)]
    return medians


def _quartiles(values: np.ndarray) -> tuple[float, float, float]:
    low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
    return float(low), float(middle), float(high)
