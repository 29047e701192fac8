"""The test bench of an encoder, and the findings of probes."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Literal

import numpy as np

from cfdna_interp.models.contract import Encoder, FragmentInputs

Status = Literal["ok", "warning", "fault", "information"]

# Differences are measured in spreads (see ``Bench.spread``). Rounding in single precision stays below EXACT,
# in half precision below COARSE.
EXACT = 1e-3
COARSE = 3e-2
_FELT = 1e-5  # smallest change of an embedding, in spreads, that shows that an input is read


@dataclass(frozen=True)
class Finding:
    """The result of a probe.

    Attributes
    ----------
    name
        Name of the probe, e.g. ``order``.
    status
        ``fault``: results would be wrong. ``warning``: look at it. ``ok``. ``information``: neither good nor
        bad, or not probed.
    sentence
        The result in words, with figures.
    remedy
        What to do, or "".
    """

    name: str
    status: Status
    sentence: str
    remedy: str = ""


class RefusedError(Exception):
    """The encoder raised an error. The message says which, and for which input."""


class Bench:
    """An encoder and the fragments for its probes.

    Parameters
    ----------
    encoder
        The encoder to test.
    fragments
        Fragments with finite embeddings.
    """

    def __init__(self, encoder: Encoder, fragments: FragmentInputs) -> None:
        self.encoder, self.fragments = encoder, fragments
        self.embedded = self.encode(fragments, "the fragments")  # (n, dim)
        centred = self.embedded - self.embedded.mean(axis=0)
        size = float(np.sqrt((self.embedded**2).sum(axis=1).mean()))
        # Root mean squared distance of an embedding from the mean, at least as large as rounding errors.
        self.spread = max(float(np.sqrt((centred**2).sum(axis=1).mean())), 1e-6 * size, 1e-300)
        self.noise = 0.0  # largest change in a repeated call, in spreads

    def encode(self, fragments: FragmentInputs, what: str) -> np.ndarray:
        """Return (n, dim) float64 embeddings of a copy of ``fragments``.

        Raises
        ------
        RefusedError
            The encoder fails on them; ``what`` describes them.
        """
        try:
            embedded = self.encoder.encode(copied(fragments)).detach().cpu().double().numpy()
        except Exception as error:  # foreign code may raise any error
            reason = " ".join(f"{type(error).__name__}: {error}".split())
            raise RefusedError(f"encoding {what} fails ({reason})") from error
        return np.asarray(embedded, dtype=np.float64)

    def distances(self, first: np.ndarray, second: np.ndarray) -> np.ndarray:
        """Return (n,) distance of each row to its counterpart in spreads; infinite if one isn't finite."""
        if first.shape != second.shape:
            return np.full(len(second), np.inf)
        with np.errstate(invalid="ignore"):
            distance = np.sqrt(((first - second) ** 2).sum(axis=1)) / self.spread
        return np.where(np.isnan(distance), np.inf, distance)

    def farthest(self, first: np.ndarray, second: np.ndarray) -> float:
        """Return the largest of :meth:`distances`."""
        return float(self.distances(first, second).max(initial=0.0))

    def moved(self, rows: np.ndarray, changed: FragmentInputs, what: str) -> np.ndarray:
        """Return (rows,) distances, in spreads, of the embeddings of rows from those of ``changed``.

        Distances as small as those of a repeated call are set to 0.
        """
        before = self.encode(self.fragments.take(rows), "some fragments")
        distance = self.distances(before, self.encode(changed, what))
        return np.where(distance > max(_FELT, 10 * self.noise), distance, 0.0)


def judged(name: str, difference: float, sentence: str, remedy: str) -> Finding:
    """Return the finding on a difference, in spreads, that should be zero.

    ``sentence`` says what was compared; the figure is added.
    """
    status: Status = "ok" if difference <= EXACT else "warning" if difference <= COARSE else "fault"
    text = f"{sentence}: they differ by {difference:.2g} of the spread of embeddings"
    if status == "warning":
        text += ", as rounding in half precision does"
    return Finding(name, status, text, "" if status == "ok" else remedy)


def copied(fragments: FragmentInputs) -> FragmentInputs:
    """Return a deep copy."""
    return FragmentInputs(**{item.name: getattr(fragments, item.name).copy() for item in fields(fragments)})


def spread_rows(n: int, wanted: int) -> np.ndarray:
    """Return at most ``wanted`` row numbers, evenly spaced over n."""
    return np.unique(np.linspace(0, n - 1, min(n, wanted)).astype(np.int64))
