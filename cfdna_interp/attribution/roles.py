"""The role of a group in a model: carrier, redundant, suppressor, partner, unused.

A role is decided by four figures of a group, since each of them alone can mislead:

- its share of the attribution, which isn't zero for a suppressor;
- its contribution to predictions, which is zero for a suppressor;
- the cost of retraining without it, which is zero for a redundant group;
- the performance of the model on it alone, which is that of chance for a partner in an interaction.

Performance is the AUROC of the label for a model that was made here. For a model that is known by its scores
it is the correlation of a surrogate with these scores. The label is no measure there: a group may predict it
better than anything that such a model reads.
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

# Smallest share of the attribution of a group that the model uses. A group that isn't used isn't redundant.
USED = 0.10
# Smallest sure cost of leaving out a group, in d' times √subjects. It is three times the scatter of that cost
# for an unused group (.12 with 100 subjects, 50 simulated cohorts, AUROC from .77 to .99). The scale is d'
# because the same step in AUROC shrinks towards 1. A suppressor that lifts .96 to .99 would be lost in the
# scatter of an unused group at .85.
SURE_COST = 3.6
# Largest contribution of a suppressor, as a part of the largest contribution of any group. A suppressor adds
# noise when it is alone and removes as much together with the group that shares the noise. To second order
# its contribution is zero. Suppressors that lift a model far had up to .27 of the largest contribution (161
# planted suppressors, 100 subjects each). Partners in a product have equal contributions.
TAKEN_OFF = 0.3
# Harm is a negative contribution of more than this part of the largest one. Only a suppressor does such harm
# and is still missed when it is left out. Half of the heads that overfit an unused group contribute less than
# -.05, and the model is better without that group.
HARM = 0.1
# A suppressor adds more d'² or R² to other groups than it has alone (usefulness above squared validity:
# Velicer, Educational and Psychological Measurement 38:953, 1978). The rule asks for twice as much, to allow
# for scatter.
BEYOND = 2.0
# Smallest part of a group's d'² or R² that is lost without the group, if others don't replace it. For
# independent groups all of it is lost, since their d'² add up. For copies nothing is lost. This part
# separates the two cases near an AUROC of 1, where the cost in AUROC is small: leaving out one of two
# independent groups that reach .95 and .97 alone costs .04. In 64 cohorts of 100 subjects with two copies the
# largest part was .52.
ITS_OWN = 2 / 3
# Smallest correlation r, within each class, of the scores of two groups that share a signal. Leaving out one
# of two groups with the same effect loses (1 - r) / (1 + r) of its d'². That is less than ``ITS_OWN`` from a
# correlation of .2 on.
ALIKE = 0.2
# The same correlation has to differ from 0 at a one-sided level of 1 %. Its standard error is 1 / √subjects.
# Without this test, groups that share nothing and cost little AUROC by chance would be called redundant.
SURELY_ALIKE = 2.33
# Losses of R² with a foreign model's scores. A loss counts from ``LOSES`` on. Others replace a group whose
# loss is below ``REPLACED``. The surrogate may leave a fifth of the variance unknown (``judge.FIDELITY``).
# These are a quarter and a half of that.
LOSES, REPLACED = 0.05, 0.10
# Quantile, over refits on permuted labels, of the largest contribution of any group.
CEILING = 0.95
_MOST = 0.999  # An AUROC above it counts as this one, since d' of an AUROC of 1 is infinite.


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
        (groups,) and (refits, groups) contributions to the cross-fitted log-loss, in nats per subject.
    context
        Share of context and joint dependence.
    cross_fitted
        Cross-fitted AUROC by name: ``model``, ``model_without_<group>``, ``model_only_<group>``.
    alike
        Pair of groups -> correlation within classes of the logits of the models on one of them alone.
    margins
        Section ``validation`` of the settings. A drop of AUROC of ``necessity_margin`` or more is a cost.
        Other groups with signal replace a group whose drop is below ``replaceable_margin``. A group alone, or
        a model, has signal from an AUROC of ``signal_ceiling`` on.
    ranks
        Other applicable intervention -> groups in descending order of their share under it.
    interactions
        Pair of groups -> share of their interaction; empty where it was not measured.
    fidelity
        Lower bound of the correlation of a surrogate's scores with its model's. None for a model of our own.
    followed
        The same names as in ``cross_fitted`` -> correlation of the surrogate's cross-fitted scores with its
        model's. None for a model of our own.
    rival
        A simpler model that is surely better, or None.
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
        """The 95 % quantile, over permuted labels, of the largest contribution of any group."""
        return null_ceiling(self.permuted_performance)

    @property
    def order(self) -> list[str]:
        """Groups in descending order of share."""
        return [self.groups[place] for place in np.argsort(-self.share)]

    def share_of(self, group: str) -> float:
        """Return a group's share."""
        return float(self.share[self.groups.index(group)])

    def contributes(self, group: str) -> float:
        """Return a group's contribution to the cross-fitted log-loss."""
        return float(self.performance[self.groups.index(group)])

    def reaches(self, name: str) -> float:
        """Return the performance of a fit: AUROC, or the correlation with a foreign model's scores."""
        return self.cross_fitted[name] if self.followed is None else self.followed[name]

    def strength(self, name: str) -> float:
        """Return a fit's performance on a scale whose squares add up over independent groups.

        That is d' of the AUROC. For a foreign model it is the correlation, and 0 where that is negative.
        """
        reached = self.reaches(name)
        return separation(reached) if self.followed is None else max(reached, 0.0)

    def alone(self, group: str) -> float:
        """Return the performance of the model retrained on the group alone."""
        return self.reaches(f"model_only_{group}")

    def cost(self, group: str) -> float:
        """Return the loss by retraining without the group: AUROC, or R² with a foreign model's scores."""
        if self.followed is None:
            return self.reaches("model") - self.reaches(f"model_without_{group}")
        return self.strength("model") ** 2 - self.strength(f"model_without_{group}") ** 2

    @property
    def costs(self) -> dict[str, float]:
        """Group -> loss by retraining without it."""
        return {group: self.cost(group) for group in self.groups}

    @property
    def replaceable(self) -> float:
        """The cost below which others replace a group."""
        return self.margins.replaceable_margin if self.followed is None else REPLACED

    @property
    def floor(self) -> float:
        """The performance from which there is signal: the ceiling, or for a foreign model a correlation.

        The score of two equally large classes at a distance of d' has a correlation of d' / √(d'² + 4) with
        the label. The floor is this correlation for the ceiling's d'.
        """
        if self.followed is None:
            return self.margins.signal_ceiling
        apart = separation(self.margins.signal_ceiling)
        return apart / sqrt(apart**2 + 4)

    def signals(self, group: str) -> bool:
        """Return whether the group alone has signal."""
        return self.alone(group) >= self.floor

    def uses(self, group: str) -> bool:
        """Return whether the model uses the group: its share is ``USED`` or more."""
        return self.share_of(group) >= USED

    def surely_costs(self, group: str) -> bool:
        """Return whether leaving out the group costs more than leaving out an unused one does by chance."""
        return self._misses(group, 1.0) and (
            self.followed is not None or self.cost(group) >= self.margins.necessity_margin
        )

    def _misses(self, group: str, part: float) -> bool:
        """Return whether leaving out the group costs at least this part of a sure cost."""
        if self.followed is not None:
            return self.cost(group) >= part * LOSES
        model, without, _ = self._strengths(group)
        return model - without >= part * SURE_COST / sqrt(self.subjects)

    def _adds_its_own(self, group: str) -> bool:
        """Return whether most of a group's strength is lost without it, even if that is little AUROC."""
        model, without, alone = self._strengths(group)
        return self.surely_costs(group) and model**2 - without**2 >= ITS_OWN * alone**2

    def _strengths(self, group: str) -> tuple[float, float, float]:
        """Return the strength of the model, of the one without the group, and of the group alone."""
        names = ("model", f"model_without_{group}", f"model_only_{group}")
        model, without, alone = (self.strength(name) for name in names)
        return model, without, alone

    def divisible(self) -> bool:
        """Return whether the model has signal to divide, which is always true of a foreign model."""
        return self.followed is not None or self.cross_fitted["model"] >= self.margins.signal_ceiling

    def roles(self) -> dict[str, Role]:
        """Return group -> role; all are ``unclear`` if the model has no signal to divide."""
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
        """Return whether two groups surely share a signal.

        A low cost alone may be chance. For a surrogate the cost is enough: it follows its model closely.
        """
        if self.followed is not None:
            return True
        pairs = ((first, second), (second, first))
        measured = next(self.alike[pair] for pair in pairs if pair in self.alike)
        return measured >= max(ALIKE, SURELY_ALIKE / sqrt(self.subjects))

    def _suppresses(self, group: str) -> bool:
        """Return whether a group that contributes nothing by itself makes the model better."""
        model, without, alone = self._strengths(group)
        contributes, largest = self.contributes(group), float(self.performance.max())
        if contributes < -max(self.chance, HARM * largest):
            return self._misses(group, 0.5)
        if contributes > max(self.chance, TAKEN_OFF * largest) or not self.surely_costs(group):
            return False
        return model**2 - without**2 >= BEYOND * alone**2


def null_ceiling(permuted: np.ndarray) -> float:
    """Return the 95 % quantile of the largest figure over groups; for 19 permutations this is the maximum."""
    return float(np.quantile(permuted.max(axis=1), CEILING, method="higher"))


def separation(auroc: float) -> float:
    """Return d' of an AUROC: the distance of two normal classes in units of their common SD."""
    return float(np.sqrt(2) * norm.ppf(min(max(auroc, 1 - _MOST), _MOST)))
