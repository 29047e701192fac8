"""Shapley values of a game over feature groups: exact up to eight groups, sampled with errors beyond."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from math import comb

import numpy as np

from cfdna_interp.errors import InputError

EXACT = 8  # groups: 256 coalitions
# Captum walks every order, 720 of six groups and 40,320 of eight, for the same sums over coalitions.
WALKED = 6

# From (groups,) bool, which groups are present, to (n,) values of that coalition.
Game = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class Contributions:
    """How a game's values divide over the groups.

    Attributes
    ----------
    phi
        (n, groups); each row sums to the value of all groups less that of none, but for rounding: Captum
        adds up in single precision.
    error
        (n, groups) standard errors over sampled orders, 0 where the values are exact.
    coalitions
        Coalitions whose value was asked for, each once.
    """

    phi: np.ndarray
    error: np.ndarray
    coalitions: int


def contributions(
    game: Game, groups: int, *, orders: int = 200, rng: np.random.Generator | None = None
) -> Contributions:
    """Divide a game's values over its groups.

    A coalition is evaluated when it is first met and remembered. Up to ``WALKED`` groups Captum walks all
    orders of the switches; up to ``EXACT`` the steps of all orders are summed by Shapley's weights. With more
    groups random orders are walked, each also backwards (antithetic pairs).

    Parameters
    ----------
    game
        Values of n samples by coalition.
    groups
        Number of groups.
    orders, rng
        Random orders beyond ``EXACT`` groups, and their source.

    Raises
    ------
    InputError
        A coalition has a value that is no finite number.
    ValueError
        There are more than ``EXACT`` groups and no source of randomness.
    """
    known: dict[bytes, np.ndarray] = {}

    def value(present: np.ndarray) -> np.ndarray:
        key = present.tobytes()
        if key not in known:
            found = np.asarray(game(present), dtype=np.float64)
            if not np.isfinite(found).all():
                raise InputError(
                    "a coalition has a value that is no finite number: the model gives a logit that is none; "
                    "run cfdna-interp models check for the reason"
                )
            known[key] = found
        return known[key]

    if groups > EXACT:
        if rng is None:
            raise ValueError(f"{groups} groups have too many coalitions: sampling them needs rng")
        phi, error = _sampled(value, groups, orders, rng)
        return Contributions(phi, error, len(known))
    exact = _weighted(value, groups) if groups > WALKED else _walked(value, groups)
    return Contributions(exact, np.zeros_like(exact), len(known))


def _walked(value: Game, groups: int) -> np.ndarray:
    """Return (n, groups) Shapley values from all orders."""
    # Imported where they are needed: much of what imports this file only asks how many groups are exact.
    import torch
    from captum.attr import ShapleyValues

    rows = len(value(np.ones(groups, dtype=bool)))

    def look_up(switches: torch.Tensor) -> torch.Tensor:
        # All rows have the same switches: one coalition at a time.
        return torch.from_numpy(value(switches[0].numpy() > 0.5))

    on = torch.ones(rows, groups, dtype=torch.float64)
    exact: np.ndarray = ShapleyValues(look_up).attribute(on, baselines=torch.zeros_like(on)).double().numpy()
    return exact


def _weighted(value: Game, groups: int) -> np.ndarray:
    """Return (n, groups) Shapley values, each step counted by the share of orders that take it.

    A group comes after exactly the others of S in |S|! (groups - |S| - 1)! of the groups! orders (Shapley
    1953).
    """
    total = np.zeros((len(value(np.ones(groups, dtype=bool))), groups))
    for switches in product((False, True), repeat=groups):
        present = np.array(switches)
        share = 1 / (groups * comb(groups - 1, int(present.sum()))) if not present.all() else 0.0
        for group in np.flatnonzero(~present):
            joined = present.copy()
            joined[group] = True
            total[:, group] += share * (value(joined) - value(present))
    return total


def _sampled(
    value: Game, groups: int, orders: int, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    pairs = []
    for _ in range(max(orders // 2, 2)):
        order = rng.permutation(groups)
        pairs.append((_walk(value, order) + _walk(value, order[::-1])) / 2)
    stacked = np.stack(pairs)  # (pairs, n, groups)
    return stacked.mean(axis=0), stacked.std(axis=0, ddof=1) / len(pairs) ** 0.5


def _walk(value: Game, order: np.ndarray) -> np.ndarray:
    """Return (n, groups): what each group adds when the groups come in this order."""
    present = np.zeros(len(order), dtype=bool)
    before = value(present)
    added = np.empty((len(before), len(order)))
    for group in order:
        present[group] = True
        now = value(present)
        added[:, group], before = now - before, now
    return added
