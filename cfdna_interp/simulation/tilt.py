"""Exponential tilting: how a latent of a sample moves a distribution over categories."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.optimize import brentq


@dataclass(frozen=True, eq=False)
class Tilt:
    """A one-parameter family of distributions whose mean statistic is linear in the latent.

    The family is p(k) ∝ base(k)·exp(θ·t(k)), with θ chosen so that E[t] = strength·z. The mean of ``t`` over
    n draws, divided by the strength, is therefore an unbiased estimate of the latent z. Its variance is
    Var(t) / (strength²·n), which is 1 / (strength²·n) near z = 0, where ``t`` has variance 1.

    Attributes
    ----------
    base
        (categories,) probabilities at z = 0.
    statistic
        (categories,) t, mean 0 and variance 1 under ``base``.
    strength
        Units of t per unit of the latent.
    """

    base: np.ndarray
    statistic: np.ndarray
    strength: float

    @classmethod
    def of(cls, weights: np.ndarray, score: np.ndarray, strength: float) -> Tilt:
        """Normalise the weights and standardise the score under them."""
        base = weights / weights.sum()
        centred = score - base @ score
        return cls(base=base, statistic=centred / np.sqrt(base @ centred**2), strength=strength)

    @property
    def reach(self) -> tuple[float, float]:
        """The range of latents for which the family exists, without a tenth at either end."""
        low, high = float(self.statistic.min()), float(self.statistic.max())
        return 0.9 * low / self.strength, 0.9 * high / self.strength

    def probabilities(self, latent: float, base: np.ndarray | None = None) -> np.ndarray:
        """Return (categories,) probabilities at a latent within ``reach``.

        ``base`` replaces the family's own base, e.g. by one with another difference between people. The mean
        of t doesn't change.
        """
        origin = self.base if base is None else base
        target = self.strength * latent
        log_base = np.log(origin)

        def tilted(theta: float) -> np.ndarray:
            exponent = log_base + theta * self.statistic
            weights = np.exp(exponent - exponent.max())
            normalised: np.ndarray = weights / weights.sum()
            return normalised

        theta = brentq(lambda x: float(tilted(x) @ self.statistic) - target, -60.0, 60.0, xtol=1e-10)
        return tilted(float(theta))
