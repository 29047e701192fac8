"""Contributions of groups to logits, and statistics of them under any weighting of subjects."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from math import factorial

import numpy as np

from cfdna_interp.artifacts.features import BAG_GROUPS
from cfdna_interp.attribution.coalitions import coalition_index
from cfdna_interp.attribution.shapley import EXACT, shapley_of_table, shapley_values
from cfdna_interp.records.dominance import Removal, RemovalStep
from cfdna_interp.stats.resampling import stream
from cfdna_interp.stats.roc import mean_auroc


@dataclass(frozen=True, eq=False)
class Shares:
    """The division of contributions over the groups.

    Attributes
    ----------
    share
        (..., groups) Σ_i |φ_ig| / Σ_h Σ_i |φ_ih|; NaN if no group moves any logit.
    covariance
        (..., groups) Cov(φ_g, f) / Var(f), where f is the logit. Its expectation is 0 for an unused group. It
        is negative for a suppressor. NaN if all logits are the same.
    context
        (...) Σ_i |v_i(∅) − reference| / Σ_h Σ_i |φ_ih|: the part of context and joint dependence, without the
        noise of the draw of donors. It is 0 if contributions add up by construction.
    """

    share: np.ndarray
    covariance: np.ndarray
    context: np.ndarray


@dataclass(frozen=True, eq=False)
class Contributions:
    """Contributions of each group to logits from models that never saw the subject.

    Rows are subjects or samples. All arrays may have a leading axis of refits, written as ``...``.

    Attributes
    ----------
    groups
        Names of the groups.
    phi
        (..., rows, groups) Shapley values.
    base
        (..., rows) logit with no group.
    logit
        (..., rows) logit with all groups.
    gaps
        (..., rows, donors) value of no group minus the logit of the donors' reference, NaN where a donor has
        no value. None if the base is the reference itself.
    values
        (..., rows, 2**groups) logit of each coalition, in the order of ``coalitions.coalitions_of``. None if
        a coalition is the base plus the contributions of its groups.
    """

    groups: tuple[str, ...]
    phi: np.ndarray
    base: np.ndarray
    logit: np.ndarray
    gaps: np.ndarray | None = None
    values: np.ndarray | None = None

    @classmethod
    def of_values(
        cls, values: np.ndarray, reference: np.ndarray, groups: Sequence[str] = BAG_GROUPS
    ) -> Contributions:
        """Compute the Shapley values of one model.

        Parameters
        ----------
        values
            (rows, coalitions, donors) logits.
        reference
            (rows, donors) logit of each donor pool's reference under the same heads; NaN where a donor has
            no value.
        groups
            Names of the groups.
        """
        mean = values.mean(axis=2)
        return cls(
            groups=tuple(groups),
            phi=shapley_of_table(mean),
            base=mean[:, 0],
            logit=mean[:, -1],
            gaps=values[:, 0] - reference,
            values=mean,
        )

    def refit(self, number: int) -> Contributions:
        """Return one of several refits, without their axis."""
        return Contributions(
            groups=self.groups,
            phi=self.phi[number],
            base=self.base[number],
            logit=self.logit[number],
            gaps=None if self.gaps is None else self.gaps[number],
            values=None if self.values is None else self.values[number],
        )

    def value(self, present: np.ndarray) -> np.ndarray:
        """Return (..., rows) the logit of a coalition; ``present`` is (groups,) bool."""
        logit: np.ndarray
        if self.values is None:
            logit = self.base + self.phi[..., present].sum(axis=-1)
        else:
            logit = self.values[..., coalition_index(present.tolist())]
        return logit

    @property
    def completeness(self) -> np.ndarray:
        """(...) the largest gap between a row's logit and the sum of its parts."""
        gaps: np.ndarray = np.abs(self.base + self.phi.sum(axis=-1) - self.logit).max(axis=-1)
        return gaps

    def shares(self, weights: np.ndarray | None = None) -> Shares:
        """Summarise over rows.

        Parameters
        ----------
        weights
            (..., rows) multiplicity of each row, for instance in a bootstrap; 1 by default. One model takes
            any number of weightings. A stack of refits takes one for each or one for all.
        """
        weights = np.ones(self.phi.shape[-2]) if weights is None else weights
        sizes = np.einsum("...n,...ng->...g", weights, np.abs(self.phi))
        total = sizes.sum(axis=-1)
        mean = _sum(weights, self.logit) / weights.sum(axis=-1)
        centred = self.logit - mean[..., None]
        variance = _sum(weights, centred**2)
        covariance = np.einsum("...n,...ng->...g", weights * centred, self.phi)
        context = np.zeros_like(total)
        if self.gaps is not None:
            context = _remainder(self.gaps, weights) / np.where(total > 0, total, np.nan)
        return Shares(
            share=sizes / np.where(total > 0, total, np.nan)[..., None],
            covariance=covariance / np.where(variance > 0, variance, np.nan)[..., None],
            context=context,
        )

    def performance(self, targets: np.ndarray, weights: np.ndarray | None = None, *, seed: int) -> np.ndarray:
        """Divide the drop of the log-loss from no group to all groups over the groups.

        This is SAGE (Covert, Lundberg & Lee, NeurIPS 2020) with the values of this package's interventions.
        Losses aren't additive in the groups even if logits are. All coalitions are therefore evaluated, or
        random orders if there are more than eight groups.

        Parameters
        ----------
        targets
            (..., rows) labels 0 or 1, or probabilities.
        weights
            (..., rows) as for :meth:`shares`.
        seed
            The run's seed, for random orders.

        Returns
        -------
        (..., groups) in nats per row. They sum to the loss with no group minus that with all.
        """
        weights = np.ones(self.phi.shape[-2]) if weights is None else weights
        total = weights.sum(axis=-1)

        def gain(present: np.ndarray) -> np.ndarray:
            logit = self.value(present)
            mean: np.ndarray = _sum(weights, targets * logit - np.logaddexp(0, logit)) / total
            return mean

        rng = stream(seed, "performance", "orders") if len(self.groups) > EXACT else None
        stack = np.broadcast_shapes(total.shape, self.logit.shape[:-1], targets.shape[:-1])
        phi = shapley_values(lambda present: gain(present).reshape(-1), len(self.groups), rng=rng)
        performance: np.ndarray = phi.reshape(*stack, len(self.groups))
        return performance

    def interactions(self) -> dict[tuple[str, str], np.ndarray]:
        """Return the Shapley interaction index of each pair of groups.

        It says how much more the two groups add together than separately, averaged over the coalitions of the
        others (Grabisch & Roubens, International Journal of Game Theory 28:547, 1999).

        Returns
        -------
        Pair -> (..., rows); 0 if contributions add up by construction.
        """
        places = range(len(self.groups))
        return {
            (self.groups[first], self.groups[second]): self._interaction(first, second)
            for first, second in combinations(places, 2)
        }

    def _interaction(self, first: int, second: int) -> np.ndarray:
        index = np.zeros(self.logit.shape)
        if self.values is None:
            return index
        others = [group for group in range(len(self.groups)) if group not in (first, second)]
        for size in range(len(others) + 1):
            weight = factorial(size) * factorial(len(others) - size) / factorial(len(others) + 1)
            for chosen in combinations(others, size):
                both, one, other, neither = (
                    self.value(self._switches({*chosen, *added}))
                    for added in ((first, second), (first,), (second,), ())
                )
                index += weight * (both - one - other + neither)
        return index

    def interaction_shares(self) -> dict[tuple[str, str], float]:
        """Return Σ_i |I_i| of each pair in units of Σ_h Σ_i |φ_ih|, for one model.

        It is 0 if contributions add up by construction, and NaN if no group moves any logit.
        """
        indices = self.interactions()
        if self.values is None:
            return dict.fromkeys(indices, 0.0)
        total = float(np.abs(self.phi).sum()) or float("nan")
        return {pair: float(np.abs(index).sum()) / total for pair, index in indices.items()}

    def removal(self, labels: np.ndarray, folds: np.ndarray) -> Removal:
        """Return the AUROC while groups are removed or added one by one, in descending order of share.

        Parameters
        ----------
        labels, folds
            (rows,) label, and fold of the models behind the logits. AUROCs are means over folds, since logits
            of different models are never pooled.
        """
        order = [int(place) for place in np.argsort(-self.shares().share)]

        def step(present: Sequence[int]) -> RemovalStep:
            return RemovalStep(
                groups=tuple(self.groups[place] for place in sorted(present)),
                auroc=mean_auroc(self.value(self._switches(set(present))), labels, folds),
            )

        counts = range(len(order) + 1)
        return Removal(
            deletion=tuple(step(order[count:]) for count in counts),
            insertion=tuple(step(order[:count]) for count in counts),
        )

    def _switches(self, present: set[int]) -> np.ndarray:
        return np.array([place in present for place in range(len(self.groups))])


def _sum(weights: np.ndarray, figures: np.ndarray) -> np.ndarray:
    """Return (...) Σ_i w_i x_i of (..., rows)."""
    total: np.ndarray = np.einsum("...n,...n->...", weights, figures)
    return total


def _remainder(gaps: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Return (...) Σ_i w_i |v_i(∅) − reference| of (..., rows, donors) gaps, without the donors' noise.

    The mean over donors has a standard error, which the spread over donors estimates. In small bags it is as
    large as the quantity itself. The mean square of the gaps is therefore reduced by the mean squared
    standard error, and all gaps are shrunk by the same factor.
    """
    count = np.isfinite(gaps).sum(axis=-1)
    mean = np.nansum(gaps, axis=-1) / np.maximum(count, 1)
    plain = _sum(weights, np.abs(mean))
    size = _sum(weights, mean**2)
    squares = np.nansum((gaps - mean[..., None]) ** 2, axis=-1)
    error = squares / np.maximum((count - 1) * count, 1)  # squared standard error of a row's mean
    several = weights * (count > 1)
    known = several.sum(axis=-1)
    noise = _sum(several, error) / np.where(known > 0, known, 1) * weights.sum(axis=-1)
    shrunk = np.sqrt(np.maximum(0.0, 1 - noise / np.where(size > 0, size, 1)))
    remainder: np.ndarray = np.where((size == 0) | (known == 0), 1.0, shrunk) * plain
    return remainder
