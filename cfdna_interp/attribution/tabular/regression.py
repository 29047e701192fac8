"""Many ridge or logistic regressions on the same rows at once, in the principal axes of their inputs.

A run refits the model some hundred times on the same inputs, each time with other targets or weights. In
principal axes the curvature of every refit is nearly diagonal, so conjugate gradients solve all of them
together in a few matrix products. The leave-one-out errors that decide penalties have a closed form there.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from scipy.special import expit

# Factors of Σ(coefficient²)/2; scikit-learn's C is the inverse. The largest leaves hardly more than the
# intercept. With the smallest, small cohorts are separated.
PENALTIES = np.logspace(4, -1, 6)
STEPS = 50
INNER = 100
ENOUGH = 1e-14  # smallest gain of a Newton step, per unit of weight
_INNER_TOLERANCE = 1e-3
_RANK = 1e-10  # of the largest eigenvalue


@dataclass(frozen=True, eq=False)
class Solved:
    """Coefficients of a stack of regressions.

    Attributes
    ----------
    coefficient
        (inputs, problems).
    intercept
        (problems,).
    """

    coefficient: np.ndarray
    intercept: np.ndarray


@dataclass(frozen=True, eq=False)
class LeaveOneOut:
    """Results of leave-one-out errors for a stack of regressions.

    Attributes
    ----------
    penalty
        (problems,) the largest penalty whose mean squared error is within one standard error of the smallest.
    squares
        (rows, problems) squared errors under ``penalty`` after a problem's predictions are multiplied by the
        best factor of at least 0. A penalty shrinks predictions towards the mean, but only their direction
        matters here.
    """

    penalty: np.ndarray
    squares: np.ndarray


class Regressions:
    """Regressions on the same rows.

    Parameters
    ----------
    Z
        (rows, inputs) float64. Without inputs only intercepts are fitted.
    logistic
        Whether the loss is the cross-entropy of targets in [0, 1]; otherwise it is half the squared error.
    """

    def __init__(self, Z: np.ndarray, *, logistic: bool) -> None:
        self.logistic = logistic
        self.centre = Z.mean(axis=0)
        centred = Z - self.centre
        wide = Z.shape[1] > Z.shape[0]
        # With fewer rows than inputs the Gram matrix of rows is smaller and gives the same axes.
        values, vectors = np.linalg.eigh(centred @ centred.T if wide else centred.T @ centred)
        nonzero = values > _RANK * values.max(initial=0.0)
        self.squares, vectors = values[nonzero], vectors[:, nonzero]  # (rank,)
        lengths = np.sqrt(self.squares)
        self.axes = centred.T @ (vectors / lengths) if wide else vectors  # (inputs, rank)
        self.rotated = vectors * lengths if wide else centred @ vectors  # (rows, rank)

    def errors_left_out(self, targets: np.ndarray) -> Iterator[np.ndarray]:
        """Yield (rows, problems) leave-one-out errors, target minus prediction, for each of ``PENALTIES``.

        The errors are those of ridge regression of the (rows, problems) targets, without refits: the residual
        divided by one minus the leverage (Allen, Technometrics 16:125, 1974). For a logistic regression the
        penalty is scaled by the curvature of its loss at the mean.
        """
        rows = len(targets)
        centred = targets - targets.mean(axis=0)
        variance = targets.mean(axis=0) * (1 - targets.mean(axis=0)) if self.logistic else np.ones(1)
        sphered = self.rotated / np.sqrt(self.squares)
        along = sphered.T @ centred  # (rank, problems)
        leverages = sphered**2
        for penalty in PENALTIES:
            # In units of the squared error a logistic penalty is larger by 1 / curvature.
            shrunk = self.squares[:, None] / (self.squares[:, None] + penalty / variance)
            error: np.ndarray = (centred - sphered @ (shrunk * along)) / (1 - 1 / rows - leverages @ shrunk)
            yield error

    def left_out(self, targets: np.ndarray) -> LeaveOneOut:
        """Choose penalties by the one-standard-error rule (Breiman et al. 1984) on leave-one-out errors.

        Parameters
        ----------
        targets
            (rows, problems).
        """
        problems, rows = np.arange(targets.shape[1]), len(targets)
        errors = np.stack(list(self.errors_left_out(targets)))  # (penalties, rows, problems)
        squares = errors**2
        mean, spread = squares.mean(axis=1), squares.std(axis=1, ddof=1)  # (penalties, problems)
        best = mean.argmin(axis=0)
        within = mean <= mean[best, problems] + spread[best, problems] / np.sqrt(rows)
        chosen = within.argmax(axis=0)
        return LeaveOneOut(PENALTIES[chosen], _stretched(targets, errors[chosen, :, problems].T))

    def solve(self, targets: np.ndarray, weights: np.ndarray, penalties: np.ndarray) -> Solved:
        """Minimise Σ_i w_i·loss(z_i·b + b0, t_i) + penalty·Σ b² / 2 for each problem by Newton's method.

        Parameters
        ----------
        targets, weights
            (rows, problems) target and weight of each row; a weight of 0 leaves it out.
        penalties
            (problems,).
        """
        problems = targets.shape[1]
        slopes = np.zeros((len(self.squares), problems))
        intercepts = np.zeros(problems)
        left = np.arange(problems)
        stack = _Problems(self, targets, weights, penalties)
        state = stack.start()
        for _ in range(STEPS):
            step, gain = stack.newton(state)
            going = gain > ENOUGH * stack.weights.sum(axis=0)
            slopes[:, left], intercepts[left] = state.slopes, state.intercepts
            if not going.any():
                break
            stack, state, left = stack.take(going), state.take(going), left[going]
            state = stack.descend(state, step.take(going))
            slopes[:, left], intercepts[left] = state.slopes, state.intercepts
        coefficient = self.axes @ slopes
        return Solved(coefficient, intercepts - self.centre @ coefficient)


@dataclass(frozen=True, eq=False)
class _Point:
    """(rank, problems) slopes, (problems,) intercepts, (rows, problems) linear predictors."""

    slopes: np.ndarray
    intercepts: np.ndarray
    linear: np.ndarray

    def take(self, which: np.ndarray) -> _Point:
        return _Point(self.slopes[:, which], self.intercepts[which], self.linear[:, which])

    def plus(self, other: _Point, scale: np.ndarray) -> _Point:
        return _Point(
            self.slopes + scale * other.slopes,
            self.intercepts + scale * other.intercepts,
            self.linear + scale * other.linear,
        )


@dataclass(frozen=True, eq=False)
class _Problems:
    """Problems that are not solved yet."""

    shared: Regressions
    targets: np.ndarray
    weights: np.ndarray
    penalties: np.ndarray

    def take(self, which: np.ndarray) -> _Problems:
        return _Problems(self.shared, self.targets[:, which], self.weights[:, which], self.penalties[which])

    def start(self) -> _Point:
        mean = (self.weights * self.targets).sum(axis=0) / self.weights.sum(axis=0)
        if self.shared.logistic:
            bounded = np.clip(mean, 1e-6, 1 - 1e-6)
            mean = np.log(bounded / (1 - bounded))
        zero = np.zeros((len(self.shared.squares), len(mean)))
        return _Point(zero, mean, np.broadcast_to(mean, self.targets.shape))

    def objective(self, point: _Point) -> np.ndarray:
        linear = point.linear
        if self.shared.logistic:
            loss = np.logaddexp(0, linear) - self.targets * linear
        else:
            loss = (linear - self.targets) ** 2 / 2
        total: np.ndarray = (self.weights * loss).sum(axis=0)
        total += self.penalties * (point.slopes**2).sum(axis=0) / 2
        return total

    def newton(self, point: _Point) -> tuple[_Point, np.ndarray]:
        """Return the step, and its (problems,) gain by the quadratic model."""
        said = expit(point.linear) if self.shared.logistic else point.linear
        curvature = self.weights * said * (1 - said) if self.shared.logistic else self.weights
        pull = self.weights * (said - self.targets)
        rotated = self.shared.rotated
        down = -(rotated.T @ pull + self.penalties * point.slopes), -pull.sum(axis=0)
        mean = curvature.mean(axis=0)
        scaling = mean * self.shared.squares[:, None] + self.penalties, curvature.sum(axis=0) + 1e-12
        slopes, intercepts = np.zeros_like(down[0]), np.zeros_like(down[1])
        residual = [down[0].copy(), down[1].copy()]
        sphered = residual[0] / scaling[0], residual[1] / scaling[1]
        direction = [sphered[0].copy(), sphered[1].copy()]
        size = _dot(residual, sphered)
        first = size.copy()
        for _ in range(INNER):
            going = size > _INNER_TOLERANCE**2 * first
            if not going.any():
                break
            rows = curvature * (rotated @ direction[0] + direction[1])
            turned = rotated.T @ rows + self.penalties * direction[0], rows.sum(axis=0)
            length = np.where(going, size / np.where(going, _dot(direction, turned), 1.0), 0.0)
            slopes += length * direction[0]
            intercepts += length * direction[1]
            residual = [residual[0] - length * turned[0], residual[1] - length * turned[1]]
            sphered = residual[0] / scaling[0], residual[1] / scaling[1]
            size, before = _dot(residual, sphered), size
            ratio = np.where(going, size / np.where(going, before, 1.0), 0.0)
            direction = [sphered[0] + ratio * direction[0], sphered[1] + ratio * direction[1]]
        step = _Point(slopes, intercepts, rotated @ slopes + intercepts)
        return step, _dot(down, (slopes, intercepts)) / 2

    def descend(self, point: _Point, step: _Point) -> _Point:
        """Take the step, halved while it leads uphill."""
        before = self.objective(point)
        scale = np.ones(len(before))
        for _ in range(30):
            moved = point.plus(step, scale)
            worse = self.objective(moved) > before + 1e-12 * np.abs(before)
            if not worse.any():
                break
            scale = np.where(worse, scale / 2, scale)
        return moved


def _stretched(targets: np.ndarray, errors: np.ndarray) -> np.ndarray:
    """Return (rows, problems) squared errors after the best stretch of predictions about the mean."""
    rows = len(targets)
    beyond = (targets - targets.mean(axis=0)) * rows / (rows - 1)  # the mean is also over the other rows
    said = beyond - errors
    size = (said**2).sum(axis=0)
    factor = np.maximum((said * beyond).sum(axis=0), 0) / np.where(size > 0, size, 1.0)
    squares: np.ndarray = (beyond - factor * said) ** 2
    return squares


def _dot(first: tuple[np.ndarray, ...] | list[np.ndarray], second: tuple[np.ndarray, ...]) -> np.ndarray:
    total: np.ndarray = (first[0] * second[0]).sum(axis=0)
    total += first[1] * second[1]
    return total
