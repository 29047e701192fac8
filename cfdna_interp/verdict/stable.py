"""Which coefficients of the proxy a bootstrap finds stable, neighbouring length bins as one range."""

from __future__ import annotations

import re
from dataclasses import dataclass

import numpy as np

from cfdna_interp.proxy.linear import Linear

BIN = re.compile(r"length_bin_(\d+)_(\d+)")


@dataclass(frozen=True)
class Effect:
    """A stable effect of one feature, or of neighbouring length bins that point the same way.

    Attributes
    ----------
    name
        The feature, or the range in words.
    coefficient
        Log odds per standard deviation of the feature, for merged bins their mean.
    low, high
        Its 95 % bootstrap interval.
    members
        Names of the features behind it; more than one for a range, whose value is their sum.
    """

    name: str
    coefficient: float
    low: float
    high: float
    members: tuple[str, ...]


def stable_effects(linear: Linear) -> list[Effect]:
    """Return the effects whose bootstrap interval excludes zero, strongest first.

    Neighbouring 5-bp length bins (one ends where the next starts) of one direction become one range.
    """
    low, high = linear.bounds()
    stable = [i for i in range(len(linear.names)) if low[i] > 0 or high[i] < 0]
    bins = {i: match for i in stable if (match := BIN.fullmatch(linear.names[i]))}
    effects = [
        Effect(
            linear.names[i], float(linear.coefficient[i]), float(low[i]), float(high[i]), (linear.names[i],)
        )
        for i in stable
        if i not in bins
    ]
    runs: list[list[int]] = []
    for i in sorted(bins, key=lambda i: int(bins[i][1])):
        last = runs[-1][-1] if runs else None
        joins = last is not None and bins[last][2] == bins[i][1]
        if last is not None and joins and linear.coefficient[last] * linear.coefficient[i] > 0:
            runs[-1].append(i)
        else:
            runs.append([i])
    for run in runs:
        draws = linear.draws[:, 1:][:, run].mean(axis=1)
        bottom, top = np.quantile(draws, [0.025, 0.975])
        effects.append(
            Effect(
                f"share of fragments of {bins[run[0]][1]} to {int(bins[run[-1]][2]) - 1} bp",
                float(linear.coefficient[run].mean()),
                float(bottom),
                float(top),
                tuple(linear.names[i] for i in run),
            )
        )
    return sorted(effects, key=lambda effect: (-abs(effect.coefficient), effect.name))
