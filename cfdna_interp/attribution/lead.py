"""How firmly one group's share leads the next, over bootstrap refits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

# A lead is a group's share minus the next one's. A group leads if the low quantile of its lead over the
# bootstrap is above this. No group leads if the high quantile of the largest lead of any group is below this.
LEAD = 0.10
# The low quantile is stricter than 5 %: the same subjects choose the leader, and a bootstrap of 30 subjects a
# class is narrower than the truth. In tables with two equal groups (d .8 or 1.2, 30 to 100 subjects a class)
# the 5 % quantile named a group in 23 of 1,000. The 2.5 % quantile named one in 10 of 600, 5 of them among
# the last 100. The high quantile is a one-sided bound, and no choice comes before it.
LOW, HIGH = 0.01, 0.95


@dataclass(frozen=True)
class Lead:
    """The lead of the largest share over the next one.

    Attributes
    ----------
    group, value
        The group with the largest share, and its share minus the next one's.
    low
        Group -> its share minus the largest of the others, at the 1 % quantile of the bootstrap.
    high
        95 % quantile, over the bootstrap, of the largest share minus the next one. The groups may differ
        between refits.
    """

    group: str
    value: float
    low: dict[str, float]
    high: float

    @property
    def excluded(self) -> bool:
        """Whether the data exclude that any group leads by ``LEAD``."""
        return self.high < LEAD


def lead_of(groups: Sequence[str], share: np.ndarray, bootstrap: np.ndarray) -> Lead:
    """Measure the lead of (groups,) shares of a model and (refits, groups) of its refits."""
    leads, drawn = margins(share[None])[0], margins(bootstrap)
    leader = int(np.argmax(share))
    return Lead(
        group=groups[leader],
        value=float(leads[leader]),
        low=dict(zip(groups, np.quantile(drawn, LOW, axis=0).tolist(), strict=True)),
        high=float(np.quantile(drawn.max(axis=1), HIGH)),
    )


def margins(shares: np.ndarray) -> np.ndarray:
    """Return (..., groups): each group's share minus the largest share of the others."""
    result = np.empty_like(shares)
    for group in range(shares.shape[-1]):
        result[..., group] = shares[..., group] - np.delete(shares, group, axis=-1).max(axis=-1)
    return result
