"""What a group is to a model: carrier, redundant, suppressor, partner, unused.

Four figures of a group are read together, since each of them misleads alone: its share of the attribution
(not zero for a suppressor), what it contributes to predictions (nothing for a suppressor), what retraining
without it costs (nothing for a redundant group) and what it reaches alone (nothing for a partner in an
interaction).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt

import numpy as np
from scipy.stats import norm

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
# Educational and Psychological Measurement 38:953, 1978), both in d'²; twice as much, for their scatter.
BEYOND = 2.0
# Of a group's own d'². Of independent groups d'² add up, and all of it goes with the group; of copies none
# does. Near an AUROC of 1 that is how they differ: leaving out one of two that reach .95 and .97 alone costs
# .04. In 64 cohorts of 100 subjects with two copies the largest part was .52.
ITS_OWN = 2 / 3
_MOST = 0.999  # d' of an AUROC of 1 is infinite


@dataclass(frozen=True, eq=False)
class Evidence:
    """The figures of all groups.

    Attributes
    ----------
    groups
        Names.
    share, covariance
        (groups,) shares and covariance shares of the model.
    performance, chance
        (groups,) what groups contribute to the cross-fitted log-loss, in nats, and what any group may
        contribute with permuted labels.
    subjects
        How many the AUROCs rest on.
    cross_fitted
        Cross-fitted AUROC by name: ``model``, ``model_without_<group>``, ``model_only_<group>``.
    necessity_margin
        A drop of AUROC of at least this much is a cost.
    replaceable_margin
        Where another group has signal too, a drop below it says that the others replace the group.
    signal_ceiling
        A group alone must reach this AUROC to count as having signal, and a model to have any to divide.
    """

    groups: tuple[str, ...]
    share: np.ndarray
    covariance: np.ndarray
    performance: np.ndarray
    chance: float
    subjects: int
    cross_fitted: Mapping[str, float]
    necessity_margin: float
    replaceable_margin: float
    signal_ceiling: float

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

    def alone(self, group: str) -> float:
        """Return the AUROC of the model retrained on nothing but the group."""
        return self.cross_fitted[f"model_only_{group}"]

    def cost(self, group: str) -> float:
        """Return how much AUROC is lost by retraining without the group."""
        return self.cross_fitted["model"] - self.cross_fitted[f"model_without_{group}"]

    def surely_costs(self, group: str) -> bool:
        """Return whether retraining without the group costs more than without an unused one by chance."""
        model, without, _ = self._separations(group)
        sure = model - without >= SURE_COST / sqrt(self.subjects)
        return sure and self.cost(group) >= self.necessity_margin

    def _adds_its_own(self, group: str) -> bool:
        """Return whether most of what a group has alone goes with it, however little AUROC that is."""
        model, without, alone = self._separations(group)
        return self.surely_costs(group) and model**2 - without**2 >= ITS_OWN * alone**2

    def _separations(self, group: str) -> tuple[float, float, float]:
        """Return d' of the model, of the one retrained without the group, and of the group alone."""
        names = ("model", f"model_without_{group}", f"model_only_{group}")
        model, without, alone = (separation(self.cross_fitted[name]) for name in names)
        return model, without, alone

    def signals(self, group: str) -> bool:
        """Return whether the group alone has signal."""
        return self.alone(group) >= self.signal_ceiling

    def roles(self) -> dict[str, str]:
        """Return group -> role; all are ``unclear`` where the model has no signal to divide."""
        if self.cross_fitted["model"] < self.signal_ceiling:
            return dict.fromkeys(self.groups, "unclear")
        return {group: self._role(group) for group in self.groups}

    def _role(self, group: str) -> str:
        others = any(self.signals(other) for other in self.groups if other != group)
        if others and self._suppresses(group):
            return "suppressor"
        if self.signals(group):
            if self.cost(group) >= self.replaceable_margin or self._adds_its_own(group):
                return "carrier"
            return "redundant" if others else "unclear"
        return "partner" if self.surely_costs(group) else "unused"

    def _suppresses(self, group: str) -> bool:
        """Return whether the model is better with a group that makes it no better by itself."""
        model, without, alone = self._separations(group)
        contributes, largest = self.contributes(group), float(self.performance.max())
        if contributes < -max(self.chance, HARM * largest):
            return model - without >= SURE_COST / 2 / sqrt(self.subjects)
        if contributes > max(self.chance, TAKEN_OFF * largest) or not self.surely_costs(group):
            return False
        return model**2 - without**2 >= BEYOND * alone**2


def separation(auroc: float) -> float:
    """Return d' of an AUROC: the distance of two normal classes in units of their common SD."""
    return float(np.sqrt(2) * norm.ppf(min(max(auroc, 1 - _MOST), _MOST)))
