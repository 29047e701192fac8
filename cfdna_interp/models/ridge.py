"""Many small ridge logistic regressions at once, by Newton's method.

A head is chosen from a grid of penalties on inner folds, in every fold of every refit. This takes tens of
thousands of fits with some hundred rows. With scikit-learn each takes milliseconds, mostly overhead.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

ITERATIONS = 40
TOLERANCE = 1e-9  # of the gradient, per unit of weight
_ROUNDING = 1e-13
_INTERCEPT_RIDGE = 1e-9  # keeps the intercept finite if only one class is left


def ridge_logistic(
    features: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor, ridge: torch.Tensor
) -> torch.Tensor:
    """Minimise Σ_i w_i·loss(x_i·b + b0, y_i) + Σ_j r_j·b_j² / 2 for a stack of problems.

    Parameters
    ----------
    features
        (rows, dim) float64, the same in all problems.
    targets
        (rows,) probabilities in [0, 1]; the loss is the cross-entropy.
    weights
        (problems, rows) weight of a row, 0 to leave it out.
    ridge
        (problems, dim) penalty of each coefficient; scikit-learn's C is its inverse. That of the intercept is
        negligible.

    Returns
    -------
    (problems, dim + 1) coefficients, the intercept last.
    """
    problems, dim = ridge.shape
    enough = TOLERANCE * max(1.0, float(weights.sum(dim=1).amax()))
    used = (weights > 0).any(dim=0)  # no problem uses the subjects of an outer fold
    design = torch.cat([features, features.new_ones(len(features), 1)], dim=1)[used]  # (rows, dim + 1)
    stack = _RidgeProblems(
        design=design,
        targets=targets[used],
        weights=weights[:, used],
        penalty=torch.cat([ridge, ridge.new_full((problems, 1), _INTERCEPT_RIDGE)], dim=1),
    )
    squares = (design[:, :, None] * design[:, None]).flatten(1)  # (rows, (dim + 1)^2)
    solved = features.new_zeros(problems, dim + 1)
    left = torch.arange(problems)  # problems not solved yet
    beta = solved.clone()
    logits = beta @ design.T  # (problems, rows)
    loss = stack.objective(beta, logits)
    for _ in range(ITERATIONS):
        chance = torch.sigmoid(logits)
        gradient = (stack.weights * (chance - stack.targets)) @ design + stack.penalty * beta
        going = gradient.abs().amax(dim=1) >= enough
        if not bool(going.all()):
            solved[left] = beta
            if not bool(going.any()):
                break
            left, stack = left[going], stack.take(going)
            beta, logits, loss = beta[going], logits[going], loss[going]
            chance, gradient = chance[going], gradient[going]
        # The Hessians of all problems are one product.
        curvature = stack.weights * chance * (1 - chance)
        hessian = (curvature @ squares).unflatten(1, (dim + 1, dim + 1))
        hessian.diagonal(dim1=1, dim2=2).add_(stack.penalty)
        beta, logits, loss = _descend(stack, beta, logits, loss, _solve(hessian, gradient))
    solved[left] = beta
    return solved


@dataclass(frozen=True, eq=False)
class _RidgeProblems:
    """The data of the problems: (rows, dim) design, (rows,) targets, (problems, rows) weights, penalties."""

    design: torch.Tensor
    targets: torch.Tensor
    weights: torch.Tensor
    penalty: torch.Tensor

    def take(self, which: torch.Tensor) -> _RidgeProblems:
        """Return some of the problems."""
        return replace(self, weights=self.weights[which], penalty=self.penalty[which])

    def objective(self, beta: torch.Tensor, logits: torch.Tensor) -> torch.Tensor:
        """Return (problems,) penalised losses of coefficients and their logits."""
        fit = weighted_log_loss(logits, self.targets, self.weights)
        return fit + (self.penalty * beta.square()).sum(dim=1) / 2


def _solve(matrices: torch.Tensor, right: torch.Tensor) -> torch.Tensor:
    """Solve a stack of symmetric positive definite systems."""
    factor, failed = torch.linalg.cholesky_ex(matrices)
    if bool(failed.any()):  # not positive definite after rounding; elimination only needs full rank
        eliminated: torch.Tensor = torch.linalg.solve(matrices, right)
        return eliminated
    solved: torch.Tensor = torch.cholesky_solve(right[:, :, None], factor)[:, :, 0]
    return solved


def _descend(
    stack: _RidgeProblems, beta: torch.Tensor, logits: torch.Tensor, loss: torch.Tensor, step: torch.Tensor
) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    """Take the Newton step, halved while it leads uphill; a problem without improvement is unchanged."""
    scale = torch.ones_like(loss)[:, None]
    slope = step @ stack.design.T  # (problems, rows)
    for _ in range(20):
        moved, there = beta - scale * step, logits - scale * slope
        now = stack.objective(moved, there)
        worse = ~(now <= loss + _ROUNDING * (1 + loss))
        if not bool(worse.any()):
            return moved, there, now
        scale = torch.where(worse[:, None], scale / 2, scale)
    stay = worse[:, None]
    return torch.where(stay, beta, moved), torch.where(stay, logits, there), torch.where(worse, loss, now)


def weighted_log_loss(logits: torch.Tensor, targets: torch.Tensor, weights: torch.Tensor) -> torch.Tensor:
    """Return (...) weighted sums of the cross-entropies of (..., rows) logits."""
    return (weights * (torch.nn.functional.softplus(logits) - targets * logits)).sum(dim=-1)
