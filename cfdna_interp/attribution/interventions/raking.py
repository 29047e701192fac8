"""Raking: weights under which every marginal of a bag has its target masses.

Iterative proportional fitting (Deming and Stephan, Annals of Mathematical Statistics 11:427, 1940): the
weights of a class are multiplied by target over current mass, one marginal after another, until all match. Of
all weights with these marginals the result is the nearest to the initial weights in relative entropy
(Csiszár, Annals of Probability 3:146, 1975). It therefore keeps the dependence between marginals.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

_NEAR = 0.05  # sum of differences below which Newton steps are tried
_RIDGE = 1e-10  # much smaller than the share of one fragment


@dataclass(frozen=True, eq=False)
class Raked:
    """Weights of n fragments.

    Attributes
    ----------
    weights
        (n,) of mean 1.
    effective
        Kish's effective sample size as a share of n: (Σ w)² / (n Σ w²).
    largest
        The largest weight.
    converged
        Whether all classes together are within the tolerance of their targets.
    iterations
        Rounds over all marginals.
    """

    weights: np.ndarray
    effective: float
    largest: float
    converged: bool
    iterations: int


def rake(
    cells: Sequence[np.ndarray],
    targets: Sequence[np.ndarray],
    base: np.ndarray | None = None,
    *,
    tolerance: float = 1e-7,
    max_iterations: int = 100,
) -> Raked:
    """Weight fragments so that each class of each marginal has its target's share.

    Parameters
    ----------
    cells
        For each marginal, (n,) the class of every fragment, from 0.
    targets
        For each marginal, (classes,) masses, which are scaled to sum to 1. A class without fragments has no
        mass: see :func:`onto_occupied`.
    base
        (n,) positive initial weights, 1 each by default.
    tolerance
        Largest accepted sum of differences between shares and targets.
    max_iterations
        Largest number of rounds. Contradicting targets never converge.

    Raises
    ------
    ValueError
        A target gives mass to a class without fragments, or no mass at all.
    """
    wanted = []
    for number, (cell, target) in enumerate(zip(cells, targets, strict=True)):
        held = np.bincount(cell, minlength=len(target))
        total = float(target.sum())
        if total <= 0:
            raise ValueError(f"marginal {number}: the target has no mass")
        if (target[held == 0] > 0).any():
            raise ValueError(f"marginal {number}: a class without fragments has mass; move it first")
        wanted.append(target / total)
    n = len(cells[0])
    weights = np.full(n, 1 / n) if base is None else base / base.sum()
    newton = _Newton(cells, wanted)
    iterations, off = 0, np.inf
    while off > tolerance and iterations < max_iterations:
        iterations += 1
        weights, off = _round(weights, cells, wanted)
        if tolerance < off < _NEAR:
            weights = newton.step(weights)
    weights = weights * n
    return Raked(
        weights=weights,
        effective=float(weights.sum() ** 2 / (n * (weights**2).sum())),
        largest=float(weights.max()),
        converged=off <= tolerance,
        iterations=iterations,
    )


def _round(
    weights: np.ndarray, cells: Sequence[np.ndarray], wanted: list[np.ndarray]
) -> tuple[np.ndarray, float]:
    """Fit each marginal once; return the weights and the summed error of all classes before.

    Fitting a marginal moves as much mass as its error. Afterwards the error of no other marginal exceeds this
    sum.
    """
    off = 0.0
    for cell, target in zip(cells, wanted, strict=True):
        share = np.bincount(cell, weights, minlength=len(target))
        off += float(np.abs(share - target).sum())
        # A class without weight stays at zero: 0 / 0 is 0 here.
        weights = weights * np.divide(target, share, out=np.zeros_like(share), where=share > 0)[cell]
    return weights, off


class _Newton:
    """Newton steps on the dual problem, towards the same weights.

    Iterative fitting takes hundreds of rounds if two marginals nearly determine each other, such as length
    and number of calls. Newton's method then takes a few. Log weights are sums of one number per class. The
    gradient with respect to these numbers is the error of each class, the Hessian consists of the two-way
    tables (Deville, Särndal and Sautory, Journal of the American Statistical Association 88:1013, 1993).
    """

    def __init__(self, cells: Sequence[np.ndarray], wanted: list[np.ndarray]) -> None:
        self._cells, self._wanted = cells, wanted
        self._ends = np.cumsum([len(target) for target in wanted])
        self._starts = self._ends - [len(target) for target in wanted]

    def step(self, weights: np.ndarray) -> np.ndarray:
        """Return the weights after a step, or the input weights if the step increases the error."""
        hessian = np.zeros((self._ends[-1], self._ends[-1]))
        for a, first in enumerate(self._cells):
            for b, second in enumerate(self._cells[: a + 1]):
                shape = (len(self._wanted[a]), len(self._wanted[b]))
                table = np.bincount(first * shape[1] + second, weights, minlength=shape[0] * shape[1])
                rows, columns = (slice(self._starts[i], self._ends[i]) for i in (a, b))
                hessian[rows, columns] = table.reshape(shape)
                hessian[columns, rows] = table.reshape(shape).T
        before = np.concatenate(self._wanted) - np.diag(hessian)
        # Marginals share their total, so the Hessian is singular in directions that change no weight.
        change = np.linalg.solve(hessian + _RIDGE * np.eye(len(hessian)), before)
        with np.errstate(over="ignore", invalid="ignore"):
            shifts = [change[start + cell] for start, cell in zip(self._starts, self._cells, strict=True)]
            moved = weights * np.exp(np.sum(shifts, axis=0))
            moved /= moved.sum()
            after = [
                np.bincount(cell, moved, minlength=len(target)) - target
                for cell, target in zip(self._cells, self._wanted, strict=True)
            ]
        better = np.abs(np.concatenate(after)).sum() < np.abs(before).sum()
        return moved if better else weights


def onto_occupied(target: np.ndarray, held: np.ndarray, kin: np.ndarray) -> tuple[np.ndarray, float]:
    """Move the mass of empty classes to the nearest class with fragments.

    Parameters
    ----------
    target
        (classes,) masses, in the order of the classes' values.
    held
        (classes,) number of fragments.
    kin
        (classes,) group of each class. Mass moves only within a group, to the lower one of two equally near
        classes.

    Returns
    -------
    The new masses and the mass that was moved. The mass of a group without any fragment is dropped and counts
    as moved.
    """
    result = np.where(held > 0, target, 0.0)
    occupied = np.flatnonzero(held)
    moved = 0.0
    for empty in np.flatnonzero((held == 0) & (target > 0)):
        moved += float(target[empty])
        near = occupied[kin[occupied] == kin[empty]]
        if len(near):
            result[near[np.argmin(np.abs(near - empty))]] += target[empty]
    return result, moved
