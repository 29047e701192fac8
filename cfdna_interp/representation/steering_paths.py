"""Two paths from one length to another, along the curve and straight, and their distances from the data."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.spatial import KDTree

STEPS = 7
_NEIGHBOURS = 10
_MOVED = 600  # fragments whose distances are measured, and real ones for comparison at each step
AROUND = 5  # bp, range of lengths of the real ones


@dataclass(frozen=True, eq=False)
class Paths:
    """The curve and the straight line from one length to another.

    Attributes
    ----------
    lengths
        (lengths,) bp of the curve.
    curve
        (lengths, components).
    steps
        (steps,) bp, from the first to the last length of the paths.
    along
        (2, steps, components) places on the curve and on the line.
    """

    lengths: np.ndarray
    curve: np.ndarray
    steps: np.ndarray
    along: np.ndarray

    @classmethod
    def of(cls, lengths: np.ndarray, curve: np.ndarray, start: int, stop: int) -> Paths:
        """Return the paths between two lengths in bp."""
        steps = np.unique(np.linspace(start, stop, STEPS).round().astype(np.int64))
        on_curve = curve[steps - lengths[0]]
        share = ((steps - steps[0]) / max(steps[-1] - steps[0], 1))[:, None]
        on_line = on_curve[0] + share * (on_curve[-1] - on_curve[0])
        return cls(lengths, curve, steps, np.stack([on_curve, on_line]))

    def places(self, lengths: np.ndarray) -> np.ndarray:
        """Return the (n, components) places on the curve of (n,) lengths in bp, clipped at its ends."""
        rows = np.clip(lengths, self.lengths[0], self.lengths[-1]) - self.lengths[0]
        return np.asarray(self.curve[rows])


@dataclass(frozen=True, eq=False)
class Distances:
    """Distances of moved embeddings from real ones.

    Attributes
    ----------
    steps
        (2, steps) mean distance to the nearest real embeddings of other subjects, on the curve and on the
        line, divided by that of real ones of the same length.
    ratio
        Line divided by curve, averaged over the steps between the ends.
    draws
        (draws,) the ratio in resamples of subjects.
    """

    steps: np.ndarray
    ratio: float
    draws: np.ndarray


def distances(
    paths: Paths,
    points: np.ndarray,
    lengths: np.ndarray,
    subjects: np.ndarray,
    known: np.ndarray,
    multiplicity: np.ndarray,
    rng: np.random.Generator,
) -> Distances | None:
    """Measure both paths' distances from the data; None if a step has no real fragment nearby.

    Only the components of the curve are used, since both paths don't change other directions.

    Parameters
    ----------
    paths
        From :meth:`Paths.of`.
    points, lengths, subjects
        (n, components) fragments along the curve's components; (n,) bp; (n,) subject codes.
    known
        (subjects,) True for subjects whose fragments are the data. Fragments of the others are moved.
    multiplicity
        (draws, subjects) multiplicity of each subject in a resample.
    rng
        Source of the choice of measured fragments.
    """
    tree = KDTree(points[known[subjects]])

    def to_data(at: np.ndarray) -> np.ndarray:
        return np.asarray(tree.query(at, k=_NEIGHBOURS)[0].mean(axis=-1))

    def chosen(among: np.ndarray) -> np.ndarray:
        rows = np.flatnonzero(among & ~known[subjects])
        return np.sort(rng.permutation(rows)[:_MOVED])

    units = []
    for step in paths.steps:
        rows = chosen(np.abs(lengths - step) <= AROUND)
        if not len(rows):
            return None
        units.append(to_data(points[rows]).mean())
    moved = chosen(lengths <= paths.steps[0])
    if not len(moved):
        return None
    off = points[moved] - paths.places(lengths[moved])  # (moved, components)
    far = to_data(off + paths.along[:, :, None]) / np.array(units)[:, None]  # (2, steps, moved)
    between = far[:, 1:-1].mean(axis=1)  # (2, moved)
    by_subject = np.stack([np.bincount(subjects[moved], v, minlength=len(known)) for v in between])
    drawn = by_subject @ multiplicity.T  # (2, draws)
    drawn = drawn[:, drawn[0] > 0]
    return Distances(far.mean(axis=2), float(between[1].sum() / between[0].sum()), drawn[1] / drawn[0])
