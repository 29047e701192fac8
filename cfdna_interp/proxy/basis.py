"""Fixed linear maps of features that lie along an axis or are parts of a whole.

``splines`` summarises a histogram by cubic B-splines (de Boor 1978), so that the coefficient is smooth over
neighbouring bins. ``ilr`` computes the isometric log-ratios (Egozcue et al. 2003) of parts of a whole. They
are balances of the first half of the parts against the second, then within each half.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.interpolate import BSpline

from cfdna_interp.config.settings import ProxySettings
from cfdna_interp.errors import InputError

BIN = re.compile(r"(.*?)_?(\d+)_(\d+)")
DEGREE = 3
CONSTANT = 1e-6  # relative; a table's figures have about six digits


@dataclass(frozen=True, eq=False)
class Basis:
    """The map from inputs to the inputs of the regression.

    Attributes
    ----------
    matrix
        (outputs, inputs) the matrix of the map; inputs in ``wholes`` enter as logarithms.
    blocks
        (outputs,) outputs with the same number get one common scale.
    wholes
        For each whole the positions of the inputs that are its parts.
    """

    matrix: np.ndarray
    blocks: np.ndarray
    wholes: tuple[tuple[int, ...], ...] = ()


def basis_of(names: Sequence[str], settings: ProxySettings) -> Basis | None:
    """Return the basis of the settings for inputs of these names, or None if they are used unchanged.

    Raises
    ------
    InputError
        The settings ask for splines, but no histogram has more bins than splines.
    """
    if settings.basis == "none":
        return None
    bins = histograms(names)
    if settings.basis == "splines":
        bins = {name: row for name, row in bins.items() if len(row) > settings.spline_functions}
        if not bins:
            raise InputError(
                f"proxy.basis: splines needs a histogram of more than {settings.spline_functions} bins, "
                "features whose names end in two numbers such as length_bin_100_105; among "
                f"{', '.join(names[:3])}, .. there is none; set proxy.basis to none or lower "
                "proxy.spline_functions"
            )
        maps = [(members(row), _splines(row, settings.spline_functions)) for row in bins.values()]
    else:
        wholes = [members(row) for row in bins.values() if len(row) > 1] or [tuple(range(len(names)))]
        maps = [(whole, _balances(len(whole))) for whole in wholes]
    taken = {i for inputs, _ in maps for i in inputs}
    maps += [((i,), np.ones((1, 1))) for i in range(len(names)) if i not in taken]
    matrix = np.zeros((sum(len(part) for _, part in maps), len(names)))
    blocks = np.zeros(len(matrix), dtype=np.int64)
    row = 0
    for number, (inputs, part) in enumerate(maps):
        matrix[row : row + len(part), list(inputs)] = part
        # Balances are coordinates of one space. With a scale for each, the fit would depend on the choice of
        # balances.
        blocks[row : row + len(part)] = number if settings.basis == "ilr" else row + np.arange(len(part))
        row += len(part)
    return Basis(matrix, blocks, tuple(wholes) if settings.basis == "ilr" else ())


def histograms(names: Sequence[str]) -> dict[str, list[tuple[int, int, int]]]:
    """Return prefix -> (low, high, position) of the histogram's bins, in the order of the axis.

    A bin is a name that ends in two numbers, the first below the second: ``length_bin_100_105``,
    ``fsd_5p_100_104``.
    """
    bins: dict[str, list[tuple[int, int, int]]] = {}
    for i, name in enumerate(names):
        match = BIN.fullmatch(name)
        if match and int(match[2]) < int(match[3]):
            bins.setdefault(match[1], []).append((int(match[2]), int(match[3]), i))
    return {prefix: sorted(row) for prefix, row in bins.items()}


def members(row: Sequence[tuple[int, int, int]]) -> tuple[int, ...]:
    """Return the positions of a histogram's bins."""
    return tuple(i for _, _, i in row)


def check_wholes(X: np.ndarray, names: Sequence[str], basis: Basis) -> None:
    """Raise ``InputError`` unless the parts of each whole are at least 0 and sum to a constant.

    Samples with a missing part are not checked.
    """
    for whole in basis.wholes:
        parts = X[:, list(whole)]
        parts = parts[~np.isnan(parts).any(axis=1)]
        label = f"{names[whole[0]]} to {names[whole[-1]]}"
        remedy = "set proxy.basis to none or splines, or give shares"
        if not len(parts):
            raise InputError(f"proxy.basis: ilr: no sample has all of {label}; {remedy}")
        if parts.min() < 0:
            raise InputError(
                f"proxy.basis: ilr needs parts of a whole, but {label} has values below 0; {remedy}"
            )
        sums = parts.sum(axis=1)
        if np.ptp(sums) > CONSTANT * sums.mean() or sums.mean() == 0:
            raise InputError(
                "proxy.basis: ilr needs parts that add up to the same in every sample, but "
                f"{label} add up to {sums.min():.6g} in one sample and {sums.max():.6g} in another; {remedy}"
            )


def _splines(row: Sequence[tuple[int, int, int]], functions: int) -> np.ndarray:
    """Return (functions, bins) values of clamped, evenly spaced B-splines at the bins' middles."""
    low, high = row[0][0], row[-1][1]
    inner = np.linspace(low, high, functions - DEGREE + 1)
    knots = np.concatenate([np.full(DEGREE, low), inner, np.full(DEGREE, high)])
    middles = np.array([(a + b) / 2 for a, b, _ in row])
    return np.asarray(BSpline.design_matrix(middles, knots, DEGREE).toarray().T)


def _balances(parts: int) -> np.ndarray:
    """Return (parts - 1, parts) orthonormal rows that sum to 0."""
    rows = []
    pending = [(0, parts)]
    while pending:
        start, end = pending.pop(0)
        if end - start < 2:
            continue
        middle = (start + end) // 2
        left, right = middle - start, end - middle
        row = np.zeros(parts)
        row[start:middle] = np.sqrt(right / (left * (left + right)))
        row[middle:end] = -np.sqrt(left / (right * (left + right)))
        rows.append(row)
        pending += [(start, middle), (middle, end)]
    return np.array(rows).reshape(len(rows), parts)
