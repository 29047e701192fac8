"""Shapley values of a game over feature groups: exact up to eight groups, sampled for more."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from math import comb

import numpy as np

from cfdna_interp.attribution.coalitions import coalition_index
from cfdna_interp.errors import InputError

EXACT = 8  # groups: 256 coalitions
# Captum goes through every order, 720 for six groups and 40,320 for eight. Above this number of groups the
# sums over coalitions are computed here.
WALKED = 6

# Maps (groups,) bool, which groups are present, to the (n,) values of that coalition.
Game = Callable[[np.ndarray], np.ndarray]


def shapley_values(
    game: Game, groups: int, *, orders: int = 200, rng: np.random.Generator | None = None
) -> np.ndarray:
    """Divide a game's values over its groups.

    Each coalition is evaluated once. Up to ``WALKED`` groups Captum goes through all orders. Up to ``EXACT``
    groups the contributions in all coalitions are summed by Shapley's weights. With more groups random orders
    are used (Castro, Gómez and Tejada, Computers & Operations Research 36:1726, 2009), each also backwards
    (antithetic pairs).

    Parameters
    ----------
    game
        Values of n samples by coalition.
    groups
        Number of groups.
    orders, rng
        Number of random orders beyond ``EXACT`` groups, and their source.

    Returns
    -------
    (n, groups). Each row sums to the value of all groups minus that of none, up to rounding, since Captum
    adds in single precision.

    Raises
    ------
    InputError
        A coalition has a value that isn't a finite number.
    ValueError
        There are more than ``EXACT`` groups and no source of randomness.
    """
    known: dict[bytes, np.ndarray] = {}

    def value(present: np.ndarray) -> np.ndarray:
        key = present.tobytes()
        if key not in known:
            values = np.asarray(game(present), dtype=np.float64)
            if not np.isfinite(values).all():
                raise InputError(
                    "a coalition has a value that is not a finite number, because the model's logit is not; "
                    "run cfdna-interp models check for the reason"
                )
            known[key] = values
        return known[key]

    if groups > EXACT:
        if rng is None:
            raise ValueError(f"{groups} groups have too many coalitions: sampling them needs rng")
        return _sampled(value, groups, orders, rng)
    return _weighted(value, groups) if groups > WALKED else _walked(value, groups)


def shapley_of_table(values: np.ndarray) -> np.ndarray:
    """Return (n, groups) Shapley values of games whose coalitions have all been evaluated.

    Parameters
    ----------
    values
        (n, 2**groups) value of each coalition, in the order of ``coalitions.coalitions_of``.

    Raises
    ------
    InputError
        A value is not finite.
    ValueError
        The number of columns isn't a power of two.
    """
    groups = values.shape[1].bit_length() - 1
    if values.shape[1] != 2**groups:
        raise ValueError(f"{values.shape[1]} coalitions are not all of a number of groups")
    return shapley_values(lambda present: values[:, coalition_index(present)], groups)


def _walked(value: Game, groups: int) -> np.ndarray:
    """Return (n, groups) Shapley values from all orders."""
    # The import is here because many importers of this file only need ``EXACT``.
    import torch
    from captum.attr import ShapleyValues

    rows = len(value(np.ones(groups, dtype=bool)))

    def look_up(switches: torch.Tensor) -> torch.Tensor:
        # All rows have the same switches, so this is one coalition.
        return torch.from_numpy(value(switches[0].numpy() > 0.5))

    on = torch.ones(rows, groups, dtype=torch.float64)
    exact: np.ndarray = ShapleyValues(look_up).attribute(on, baselines=torch.zeros_like(on)).double().numpy()
    return exact


def _weighted(value: Game, groups: int) -> np.ndarray:
    """Return (n, groups) Shapley values, each step weighted by its share of the orders.

    In |S|! (groups - |S| - 1)! of the groups! orders a group comes after exactly the others in S (Shapley
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


def _sampled(value: Game, groups: int, orders: int, rng: np.random.Generator) -> np.ndarray:
    """Return (n, groups) means over random orders, each taken forwards and backwards."""
    pairs = []
    for _ in range(max(orders // 2, 2)):
        order = rng.permutation(groups)
        pairs.append((_walk(value, order) + _walk(value, order[::-1])) / 2)
    mean: np.ndarray = np.mean(pairs, axis=0)
    return mean


def _walk(value: Game, order: np.ndarray) -> np.ndarray:
    """Return (n, groups): what each group adds when the groups are added in this order."""
    present = np.zeros(len(order), dtype=bool)
    before = value(present)
    added = np.empty((len(before), len(order)))
    for group in order:
        present[group] = True
        now = value(present)
        added[:, group], before = now - before, now
    return added
