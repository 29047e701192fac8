"""Shares of a mixture from binomial counts: maximum likelihood, intervals, goodness of fit.

Block ``b`` has ``marked`` of ``total`` counts in the marker state, each with probability
``sum_t shares_t * expected_bt``; shares are non-negative and sum to 1. The log-likelihood is concave, so its
maximum is found from any start. The same holds with one share fixed, and intervals come from this profile
likelihood. They need neither random numbers nor normal errors and stay within 0..1. A bootstrap of blocks
with non-negative least squares would repeat the estimate's bias at the boundary.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

# Tables give expected shares in thousandths, so 0 means anything below half a thousandth.
FLOOR = 0.0005
# Tolerances of the log-likelihood below its maximum: over all shares, and with one share fixed. A bound
# depends on a difference of about 2, so the second can be coarser.
_GAP, _PROFILE_GAP = 1e-6, 2e-3
_STEPS = 100
_ROOT = 0.02  # in units of the signed root of the deviance
_SUM_WEIGHT = 1e3


class ShareBounds(NamedTuple):
    """The lower and upper bound of a share."""

    low: float
    high: float


class Misfit(NamedTuple):
    """How well a mixture fits.

    Attributes
    ----------
    ratio
        Squared residuals over binomial ones; NaN with too few blocks to say.
    expected
        The same by the model; 1 without over-dispersion.
    p
        p value of a ratio as large; NaN with ``ratio``.
    excess
        Squared residuals, in counts, beyond the expected ones; not below 0.
    beyond
        Counts of a block less 1, the mean over blocks by variance.
    """

    ratio: float
    expected: float
    p: float
    excess: float
    beyond: float


class Mixture:
    """The likelihood of one sample's counts.

    Parameters
    ----------
    expected
        (blocks, types) probability of the marker state in each type; moved into ``FLOOR`` .. 1 - ``FLOOR``.
    marked, total
        (blocks,) counts in the marker state, and all. Blocks without counts have no effect.

    Attributes
    ----------
    shares
        (types,) where the likelihood is highest.
    """

    def __init__(self, expected: np.ndarray, marked: np.ndarray, total: np.ndarray):
        self._used = used = total > 0
        if not used.any():
            raise ValueError("a mixture needs at least one block with counts")
        self._expected = np.ascontiguousarray(np.clip(expected[used], FLOOR, 1 - FLOOR))
        self._marked = marked[used].astype(np.float64)
        self._rest = total[used] - self._marked
        types = expected.shape[1]
        self.shares, self._top, _ = self._climb(np.full(types, 1 / types), None)

    def log_likelihood(self, shares: np.ndarray) -> float:
        """Return the log-likelihood of (types,) shares, without the constant."""
        p = self._expected @ shares
        return float(self._marked @ np.log(p) + self._rest @ np.log1p(-p))

    def interval(self, which: int, z: float = 1.96, dispersion: float = 1.0) -> ShareBounds:
        """Return both bounds of a share (see :meth:`bound`)."""
        low = self.bound(which, z, dispersion, upper=False)
        return ShareBounds(low, self.bound(which, z, dispersion, upper=True))

    def bound(self, which: int, z: float = 1.96, dispersion: float = 1.0, *, upper: bool) -> float:
        """Return the share at which the profile likelihood is ``z`` standard errors below its maximum.

        Parameters
        ----------
        which
            Column of ``expected``.
        z
            Normal quantile: 1.96 for a 95 % interval.
        dispersion
            The deviance is divided by it (see :meth:`residual`).
        upper
            Whether to return the upper bound instead of the lower one.

        Returns
        -------
        A share. The lower bound is 0 if a share of 0 is within ``z`` standard errors.
        """
        if len(self.shares) == 1:
            return 1.0
        best = float(self.shares[which])
        inner, outer = best, 1.0 if upper else 0.0
        if best == outer:
            return outer
        if not upper and self._root(which, 0.0, dispersion)[0] <= z:
            return 0.0
        p = self._expected @ self.shares
        weight = self._marked / p**2 + self._rest / (1 - p) ** 2
        step = z * float(np.sqrt(dispersion / (weight @ self._expected[:, which] ** 2)))
        share = min(best + step, (best + 1) / 2) if upper else max(best - step, best / 2)
        start = self.shares
        for _ in range(_STEPS):
            root, slope, start = self._root(which, share, dispersion, start)
            if abs(root - z) < _ROOT or abs(outer - inner) < 1e-6:
                break
            if root < z:
                inner = share
            else:
                outer = share
            # The root is nearly linear in the share. A Newton step that leaves the bracket is replaced by
            # bisection.
            share = share + (z - root) / slope if slope != 0 else outer
            if not min(inner, outer) < share < max(inner, outer):
                share = (inner + outer) / 2
        return share

    def distance(self, which: int, dispersion: float = 1.0) -> float:
        """Return how many standard errors a share's absence is below the maximum of the likelihood."""
        if len(self.shares) == 1:
            return float("inf")
        return self._root(which, 0.0, dispersion)[0] if self.shares[which] > 0 else 0.0

    def residual(self, spread: float = 0.0, clumps: np.ndarray | None = None) -> Misfit:
        """Return how much larger the squared residuals are than binomial ones, and the p value of that.

        The ratio is sum (marked - mean)^2 / sum variance, corrected for the fitted shares; near 1 where the
        model holds. A ratio of sums bears small counts, unlike Pearson's sum of ratios. Under the
        model its mean and variance are known from the binomial's fourth moment, var (y - np)^2 = 2 V^2 +
        V (1 - 6 p q) with V = n p q; the p value is that of the scaled chi-squared with these two
        (Satterthwaite 1946, https://doi.org/10.2307/3002019).

        Parameters
        ----------
        spread
            Correlation of the counts of one block, as in the beta-binomial law (Williams 1982,
            https://doi.org/10.2307/2347977): squared residuals are expected to be 1 + spread (n - 1) times
            binomial ones.
        clumps
            (blocks,) how many counts of a block come together and may all be alike; None: 1. It stands in
            place of the 1 above.
        """
        from scipy.special import gammaincc

        total = self._marked + self._rest
        p = self._expected @ self.shares
        variance = total * p * (1 - p)
        # Each fitted share removes the squared residuals of about one direction. The sum of these is the
        # trace of the hat matrix with the weights of the sum.
        held = self._expected[:, self.shares > 0]
        weighted = held / (p * (1 - p) / total)[:, None]
        hat = np.einsum("bs,sb->b", held, np.linalg.pinv(held.T @ weighted) @ weighted.T)
        # The sum of shares is fixed, which leaves one direction less.
        taken = float(hat @ variance) * max(1 - 1 / max(held.shape[1], 1), 0.0)
        scale = float(variance.sum()) - taken
        beyond = float(variance @ (total - 1)) / float(variance.sum())
        base = 1.0 if clumps is None else float(variance @ clumps[self._used]) / float(variance.sum())
        expected = base + spread * beyond
        if scale <= 0:
            return Misfit(float("nan"), expected, float("nan"), 0.0, beyond)
        ratio = float(((self._marked - total * p) ** 2).sum()) / scale
        width = float((2 * variance**2 + variance * (1 - 6 * p * (1 - p))).sum()) / variance.sum() ** 2
        freedom = 2 / width
        at_least = float(gammaincc(freedom / 2, ratio / expected * freedom / 2))
        return Misfit(ratio, expected, at_least, max(ratio - expected, 0.0) * scale, beyond)

    def _root(
        self, which: int, share: float, dispersion: float, start: np.ndarray | None = None
    ) -> tuple[float, float, np.ndarray]:
        """Return the root of the deviance with one share held, its slope, and the shares there."""
        moved = (self.shares if start is None else start).copy()
        moved[which] = 0.0
        others = float(moved.sum())
        # The fixed share may have been all of it. The others then start equal.
        moved = moved / others if others > 1e-12 else np.full(len(moved), 1 / (len(moved) - 1))
        moved *= 1 - share
        moved[which] = share
        shares, level, slope = self._climb(moved, which)
        root = float(np.sqrt(max(2 * (self._top - level), 0.0) / dispersion))
        return root, -slope / (dispersion * root) if root > 0 else 0.0, shares

    def _climb(self, shares: np.ndarray, held: int | None) -> tuple[np.ndarray, float, float]:
        """Climb to the highest likelihood, with the share ``held`` fixed.

        Each Newton step is a quadratic problem over the nonzero shares and those with an uphill gradient. It
        is solved by non-negative least squares on the Cholesky factor. Since the likelihood is concave, the
        gap max_j (g_j - mean g) is an upper bound for what can still be gained.

        Returns
        -------
        Shares; log-likelihood; its slope in the held share.
        """
        free = np.ones(len(shares), dtype=bool)
        if held is not None:
            free[held] = False
        room = float(shares[free].sum())
        level = self.log_likelihood(shares)
        for _ in range(_STEPS):
            p = self._expected @ shares
            gradient = (self._marked / p - self._rest / (1 - p)) @ self._expected
            mean = float(gradient[free] @ shares[free]) / room if room > 0 else 0.0
            gain = np.where(free, gradient - mean, -np.inf)
            if room <= 0 or gain.max() * room < (_GAP if held is None else _PROFILE_GAP):
                break
            members = np.flatnonzero(free & ((shares > 0) | (gain > 0)))
            weight = self._marked / p**2 + self._rest / (1 - p) ** 2
            step = self._step(members, weight, gradient, shares, room)
            length = 1.0
            while length > 1e-6:
                moved = shares.copy()
                moved[members] = np.maximum(shares[members] + length * step, 0.0)
                reached = self.log_likelihood(moved)
                if reached > level:
                    break
                length /= 2
            else:
                break  # no better in double precision
            shares, level = moved, reached
        slope = float(gradient[held] - mean) if held is not None else 0.0
        return shares, level, slope

    def _step(
        self, members: np.ndarray, weight: np.ndarray, gradient: np.ndarray, shares: np.ndarray, room: float
    ) -> np.ndarray:
        """Return (members,) the step to the maximum of the local parabola with an unchanged sum of shares."""
        from scipy.optimize import nnls

        columns = self._expected[:, members]
        curvature = columns.T @ (columns * weight[:, None])
        curvature.flat[:: len(members) + 1] *= 1 + 1e-9  # it is singular if there are more types than blocks
        lower = np.linalg.cholesky(curvature)
        target = np.linalg.solve(lower, curvature @ shares[members] + gradient[members])
        # A row of large weight holds the sum approximately. Rescaling makes it exact.
        heavy = _SUM_WEIGHT * np.sqrt(curvature.max())
        rows = np.vstack([lower.T, np.full(len(members), heavy)])
        solved, _ = nnls(rows, np.append(target, heavy * room))
        total = solved.sum()
        return np.asarray(solved * (room / total) - shares[members] if total > 0 else 0 * solved)
