"""What a group is to a model: carrier, redundant, suppressor, partner, unused.

Figures of a group are read together, since each of them misleads alone: its share of the attribution (not
zero for a suppressor), what it contributes to predictions (nothing for a suppressor), what retraining
without it costs (nothing for a redundant group) and what it reaches alone (nothing for a partner in an
interaction).

What a fit reaches is how well it tells the label where the model is our own. Of a model that is known by its
scores it is how well a surrogate follows these: a group may tell the label better than anything that such a
model reads.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import sqrt

import numpy as np
from scipy.stats import norm

from cfdna_interp.config.settings import Validation
from cfdna_interp.records.dominance import Role
from cfdna_interp.records.retraining import Rival

# Of the attribution. What has less of it is not used by the model, and no group is redundant to a model that
# does not use it.
USED = 0.10
# In units of d' / √subjects, of a group that has no signal alone: three times what the cost of leaving out
# an unused group scatters by (.12 with 100 subjects, 50 simulated cohorts, AUROC from .77 to .99). In AUROC
# the same step shrinks towards 1: a suppressor that lifts .96 to .99 would be lost in the scatter of an
# unused group at .85.
SURE_COST = 3.6
# Of the largest contribution. What noise in one group adds when it stands alone it takes away beside the
# group that it is shared with: to second order a suppressor contributes nothing, of whatever size. Where it
# lifts a model far, up to .27 of the largest was seen (161 planted suppressors, 100 subjects each); partners
# in a product contribute alike.
TAKEN_OFF = 0.3
# Of the largest contribution, below 0: nothing but a suppressor is missed where it does such harm by itself.
# Of heads that overfit an unused group half contribute less than -.05, and the model is better without it.
HARM = 0.1
# A suppressor adds more beside others than it holds alone (usefulness above squared validity: Velicer,
# Educational and Psychological Measurement 38:953, 1978), in d'² or R²; twice as much, for their scatter.
BEYOND = 2.0
# Of a group's own d'² or R². Of independent groups these add up, and all of it goes with the group; of copies
# none does. Near an AUROC of 1 that is how they differ: leaving out one of two that reach .95 and .97 alone
# costs .04. In 64 cohorts of 100 subjects with two copies the largest part was .52.
ITS_OWN = 2 / 3
# Correlation, within each class, of what two groups say alone. Of two groups with the same effect leaving out
# one loses (1 - r) / (1 + r) of what it has: less than ``ITS_OWN`` from a correlation of .2 on.
ALIKE = 0.2
# In units of 1 / √subjects, the error of a correlation: one-sided 1 %. Groups that share nothing lose little
# AUROC by chance as well, and would be called redundant for it.
SURELY_ALIKE = 2.33
# Of a foreign model, of the variance of its scores. The surrogate may leave a fifth of it unknown
# (``judge.FIDELITY``): a loss counts from a quarter of that on, and others replace a group whose loss is
# below half of it.
LOSES, REPLACED = 0.05, 0.10
# Quantile, over refits on permuted labels, of the largest contribution of any group.
CEILING = 0.95
_MOST = 0.999  # d' of an AUROC of 1 is infinite


@dataclass(frozen=True, eq=False, kw_only=True)
class Evidence:
    """All figures that the rule reads, of the model and of its refits.

    Attributes
    ----------
    groups
        Names.
    subjects
        Number of discovery subjects.
    share, covariance
        (groups,) shares and covariance shares of the model.
    bootstrap, permuted
        (refits, groups) shares over bootstraps of subjects and over permuted labels.
    performance, permuted_performance
        (groups,) and (refits, groups) what groups contribute to the cross-fitted log-loss, in nats a subject.
    context
        Share of context and joint dependence.
    cross_fitted
        Cross-fitted AUROC by name: ``model``, ``model_without_<group>``, ``model_only_<group>``.
    alike
        Pair of groups -> correlation within classes of what the models on one of them alone say.
    margins
        Section ``validation`` of the settings. A drop of AUROC of ``necessity_margin`` is a cost. Below a
        drop of ``replaceable_margin`` others with signal replace a group. From an AUROC of
        ``signal_ceiling`` on a group alone has signal, and a model has any to divide.
    ranks
        Other intervention that applies -> groups in descending order of share under it.
    interactions
        Pair of groups -> share of their interaction; empty where it was not measured.
    fidelity
        Lower bound of the correlation of a surrogate's scores with its model's. None for a model of our own.
    followed
        The same names as in ``cross_fitted`` -> correlation of the surrogate's cross-fitted scores with its
        model's. None for a model of our own.
    rival
        A simpler model that is surely better; None where there is none.
    """

    groups: tuple[str, ...]
    subjects: int
    share: np.ndarray
    covariance: np.ndarray
    bootstrap: np.ndarray
    permuted: np.ndarray
    performance: np.ndarray
    permuted_performance: np.ndarray
    context: float
    cross_fitted: Mapping[str, float]
    alike: Mapping[tuple[str, str], float]
    margins: Validation
    ranks: Mapping[str, Sequence[str]] = field(default_factory=dict)
    interactions: Mapping[tuple[str, str], float] = field(default_factory=dict)
    fidelity: float | None = None
    followed: Mapping[str, float] | None = None
    rival: Rival | None = None

    @property
    def chance(self) -> float:
        """What any group may contribute with permuted labels."""
        return null_ceiling(self.permuted_performance)

    @property
    def order(self) -> list[str]:
        """Groups in descending order of share."""
        return [self.groups[place] for place in np.argsort(-self.share)]

    def share_of(self, group: str) -> float:
        """Return a group's share."""
        return float(self.share[self.groups.index(group)])

    def contributes(self, group: str) -> float:
        """Return what a group contributes to the cross-fitted log-loss."""
        return float(self.performance[self.groups.index(group)])

    def reaches(self, name: str) -> float:
        """Return what a fit reaches: AUROC, or the correlation with a foreign model's scores."""
        return self.cross_fitted[name] if self.followed is None else self.followed[name]

    def strength(self, name: str) -> float:
        """Return what a fit reaches on a scale whose squares add up over independent groups.

        That is d' of an AUROC. Of a foreign model it is the correlation, 0 at least.
        """
        reached = self.reaches(name)
        return separation(reached) if self.followed is None else max(reached, 0.0)

    def alone(self, group: str) -> float:
        """Return what is reached by retraining on nothing but the group."""
        return self.reaches(f"model_only_{group}")

    def cost(self, group: str) -> float:
        """Return what is lost by retraining without the group: AUROC, or R² with a foreign model's scores."""
        if self.followed is None:
            return self.reaches("model") - self.reaches(f"model_without_{group}")
        return self.strength("model") ** 2 - self.strength(f"model_without_{group}") ** 2

    @property
    def costs(self) -> dict[str, float]:
        """What each group's leaving out costs."""
        return {group: self.cost(group) for group in self.groups}

    @property
    def replaceable(self) -> float:
        """The cost below which others replace a group."""
        return self.margins.replaceable_margin if self.followed is None else REPLACED

    @property
    def floor(self) -> float:
        """What has to be reached to count as signal: the ceiling, or the correlation that separates as much.

        Two equal classes that lie d' apart have a correlation of d' / √(d'² + 4) with their label.
        """
        if self.followed is None:
            return self.margins.signal_ceiling
        apart = separation(self.margins.signal_ceiling)
        return apart / sqrt(apart**2 + 4)

    def signals(self, group: str) -> bool:
        """Return whether the group alone has signal."""
        return self.alone(group) >= self.floor

    def uses(self, group: str) -> bool:
        """Return whether the group has as much of the attribution as what a model uses."""
        return self.share_of(group) >= USED

    def surely_costs(self, group: str) -> bool:
        """Return whether retraining without the group costs more than without an unused one by chance."""
        return self._misses(group, 1.0) and (
            self.followed is not None or self.cost(group) >= self.margins.necessity_margin
        )

    def _misses(self, group: str, part: float) -> bool:
        """Return whether leaving the group out costs a part of what would be sure."""
        if self.followed is not None:
            return self.cost(group) >= part * LOSES
        model, without, _ = self._strengths(group)
        return model - without >= part * SURE_COST / sqrt(self.subjects)

    def _adds_its_own(self, group: str) -> bool:
        """Return whether most of what a group has alone goes with it, however little AUROC that is."""
        model, without, alone = self._strengths(group)
        return self.surely_costs(group) and model**2 - without**2 >= ITS_OWN * alone**2

    def _strengths(self, group: str) -> tuple[float, float, float]:
        """Return the strength of the model, of the one without the group, and of the group alone."""
        names = ("model", f"model_without_{group}", f"model_only_{group}")
        model, without, alone = (self.strength(name) for name in names)
        return model, without, alone

    def divisible(self) -> bool:
        """Return whether the model has signal to divide; a foreign model rests on something in any case."""
        return self.followed is not None or self.cross_fitted["model"] >= self.margins.signal_ceiling

    def roles(self) -> dict[str, Role]:
        """Return group -> role; all are ``unclear`` where the model has no signal to divide."""
        if not self.divisible():
            return dict.fromkeys(self.groups, "unclear")
        return {group: self._role(group) for group in self.groups}

    def _role(self, group: str) -> Role:
        others = [other for other in self.groups if other != group and self.signals(other)]
        if others and self._suppresses(group):
            return "suppressor"
        signals, costs = self.signals(group), self.cost(group) >= self.replaceable
        if signals and (costs or self._adds_its_own(group)):
            return "carrier"
        if not signals and self.surely_costs(group):
            return "partner"
        if not self.uses(group):
            return "unused"
        shared = any(self.uses(other) and self._tell_the_same(group, other) for other in others)
        return "redundant" if signals and shared else "unclear"

    def _tell_the_same(self, first: str, second: str) -> bool:
        """Return whether two groups tell the same for certain, not only cost little by chance.

        A surrogate that may stand in for a foreign model follows it so closely that what it loses says so.
        """
        if self.followed is not None:
            return True
        pairs = ((first, second), (second, first))
        measured = next(self.alike[pair] for pair in pairs if pair in self.alike)
        return measured >= max(ALIKE, SURELY_ALIKE / sqrt(self.subjects))

    def _suppresses(self, group: str) -> bool:
        """Return whether the model is better with a group that makes it no better by itself."""
        model, without, alone = self._strengths(group)
        contributes, largest = self.contributes(group), float(self.performance.max())
        if contributes < -max(self.chance, HARM * largest):
            return self._misses(group, 0.5)
        if contributes > max(self.chance, TAKEN_OFF * largest) or not self.surely_costs(group):
            return False
        return model**2 - without**2 >= BEYOND * alone**2


def null_ceiling(permuted: np.ndarray) -> float:
    """Return the 95 % quantile of the largest figure over groups, the largest of all for 19 permutations."""
    return float(np.quantile(permuted.max(axis=1), CEILING, method="higher"))


def separation(auroc: float) -> float:
    """Return d' of an AUROC: the distance of two normal classes in units of their common SD."""
    return float(np.sqrt(2) * norm.ppf(min(max(auroc, 1 - _MOST), _MOST)))
