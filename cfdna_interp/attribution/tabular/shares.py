"""How contributions divide over the groups: shares, and what groups do for the prediction."""

from __future__ import annotations

import numpy as np

from cfdna_interp.attribution.shapley import EXACT, contributions
from cfdna_interp.attribution.tabular.model import Contributed
from cfdna_interp.stats.resampling import stream


def shares(given: Contributed, weights: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Return shares Σ_i |φ_ig| / Σ_h Σ_i |φ_ih| and covariance shares Cov(φ_g, f) / Var(f).

    Parameters
    ----------
    given
        Contributions of a stack of refits, or of one model.
    weights
        (n, subjects) how much subjects count; of one model in n ways, else n is the number of refits.

    Returns
    -------
    Twice (n, groups), NaN where a model says the same of everybody.
    """
    n, subjects = weights.shape
    phi = np.broadcast_to(given.phi, (n, subjects, given.phi.shape[2]))
    logit = np.broadcast_to(given.logit, (n, subjects))
    sizes = np.einsum("rn,rng->rg", weights, np.abs(phi))
    total = sizes.sum(axis=1, keepdims=True)
    mean = (weights * logit).sum(axis=1, keepdims=True) / weights.sum(axis=1, keepdims=True)
    centred = weights * (logit - mean)
    variance = (centred * (logit - mean)).sum(axis=1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        share = sizes / np.where(total > 0, total, np.nan)
        covariance = np.einsum("rn,rng->rg", centred, phi) / np.where(variance > 0, variance, np.nan)
    return share, covariance


def performance(given: Contributed, targets: np.ndarray, weights: np.ndarray, *, seed: int) -> np.ndarray:
    """Divide the drop of the cross-fitted log-loss from no group to all groups over the groups.

    Covert, Lundberg & Lee, NeurIPS 2020 (SAGE), with the values of this package's intervention. Losses don't
    add up over groups as logits do, so all coalitions are walked, or random orders of more than eight groups.

    Parameters
    ----------
    given
        Contributions of a stack of refits, or of one model.
    targets
        (refits or 1, subjects) labels, or probabilities.
    weights
        (n, subjects) as for :func:`shares`.
    seed
        The run's seed, for random orders.

    Returns
    -------
    (n, groups) in nats a subject.
    """
    total = weights.sum(axis=1)

    def game(present: np.ndarray) -> np.ndarray:
        logit = given.base + given.phi[:, :, present].sum(axis=2)
        gain = targets * logit - np.logaddexp(0, logit)  # (refits or 1, subjects)
        gained = weights @ gain[0] if len(gain) == 1 else (weights * gain).sum(axis=1)
        mean: np.ndarray = gained / total
        return mean

    groups = given.phi.shape[2]
    rng = stream(seed, "performance", "orders") if groups > EXACT else None
    return contributions(game, groups, rng=rng).phi
