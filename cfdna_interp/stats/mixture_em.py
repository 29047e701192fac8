"""Cell types that are in no table, estimated from many samples: expectation maximisation on binomial counts.

The model of CelFiE (Caggiano et al. 2021, https://doi.org/10.1038/s41467-021-22901-x): each count of block
``b`` in sample ``i`` comes from type ``t`` with probability ``shares_it`` and is marked with probability
``expected_tb``, known for the types of a table and estimated for the unknown ones. With a single sample an
unknown type can fit anything. Only differences between samples identify it.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cfdna_interp.stats.mixture import FLOOR, Mixture

# Share of all unknown types at the start of a run. A mixture of types is itself a type. An unknown type could
# therefore absorb what all samples share of the known ones, at the same likelihood. A small start avoids
# that.
_BEGIN = 0.002
# A correlation stays below 1.
_MOST_SPREAD = 0.99


@dataclass(frozen=True, eq=False)
class UnknownTypes:
    """The run with the highest likelihood, of several.

    Attributes
    ----------
    shares
        (samples, known + unknown) shares, each row sums to 1.
    expected
        (blocks, unknown) probability of the marker state; NaN for blocks without counts.
    trace
        Log-likelihood after each step of the best run. It never falls.
    levels
        Final log-likelihood of each run.
    converged
        Whether the last step of the best run gained less than the tolerance.
    """

    shares: np.ndarray
    expected: np.ndarray
    trace: tuple[float, ...]
    levels: tuple[float, ...]
    converged: bool


def fit_unknown(
    expected: np.ndarray,
    marked: np.ndarray,
    total: np.ndarray,
    unknown: int,
    rng: np.random.Generator,
    *,
    restarts: int = 5,
    tolerance: float = 0.01,
    max_steps: int = 5_000,
) -> UnknownTypes:
    """Estimate ``unknown`` further types together with the shares of all.

    Parameters
    ----------
    expected
        (blocks, known) probability of the marker state in the known types.
    marked, total
        (samples, blocks) counts in the marker state, and all.
    unknown
        Number of types to add.
    rng
        Source of the random starts.
    restarts
        Number of runs from different starts. The run with the highest likelihood is returned.
    tolerance
        A run ends with the first step that gains less, in units of the log-likelihood.
    max_steps
        Largest number of steps of a run.
    """
    known = np.clip(expected, FLOOR, 1 - FLOOR)
    runs = []
    for _ in range(restarts):
        shares = np.hstack(
            [
                (1 - _BEGIN) * rng.dirichlet(np.ones(known.shape[1]), size=len(marked)),
                np.full((len(marked), unknown), _BEGIN / max(unknown, 1)),
            ]
        )
        shares /= shares.sum(axis=1, keepdims=True)
        guess = rng.uniform(FLOOR, 1 - FLOOR, size=(len(known), unknown))
        runs.append(_run(np.hstack([known, guess]), shares, marked, total, unknown, tolerance, max_steps))
    shares, table, trace, converged = max(runs, key=lambda run: run[2][-1])
    levels_of_unknown = np.where((total.sum(axis=0) > 0)[:, None], table[:, known.shape[1] :], np.nan)
    # Unknown types are sorted by their mean share over samples.
    order = np.argsort(-shares[:, known.shape[1] :].mean(axis=0), kind="stable")
    shares = np.hstack([shares[:, : known.shape[1]], shares[:, known.shape[1] :][:, order]])
    return UnknownTypes(
        shares, levels_of_unknown[:, order], tuple(trace), tuple(run[2][-1] for run in runs), converged
    )


def remaining_spread(
    expected: np.ndarray, marked: np.ndarray, total: np.ndarray, clumps: np.ndarray, unknown: int
) -> float:
    """Return the over-dispersion that a table with fitted types leaves in the samples they were fitted to.

    It is the correlation of the counts of one block, as :meth:`Mixture.residual` has it, by the sum over
    samples. A fitted type takes one sample's worth of residuals from each block, which is put back.

    Parameters
    ----------
    expected
        (blocks, known + unknown) probability of the marker state; NaN leaves a block out.
    marked, total
        (samples, blocks) counts in the marker state, and all.
    clumps
        (samples, blocks) counts that come together.
    unknown
        Fitted types.

    Returns
    -------
    0 where samples scatter no more than binomial ones.
    """
    samples = len(marked)
    full = np.isfinite(expected).all(axis=1)
    over = beyond = 0.0
    for some, counts, together in zip(marked, total, clumps, strict=True):
        used = full & (counts > 0)
        fit = Mixture(expected[used], some[used], counts[used]).residual(clumps=together[used])
        if np.isfinite(fit.ratio):
            over += fit.ratio * samples / max(samples - unknown, 1) - fit.expected
            beyond += fit.beyond
    return float(np.clip(over / beyond, 0, _MOST_SPREAD)) if beyond > 0 else 0.0


def _run(
    table: np.ndarray,
    shares: np.ndarray,
    marked: np.ndarray,
    total: np.ndarray,
    unknown: int,
    tolerance: float,
    max_steps: int,
) -> tuple[np.ndarray, np.ndarray, list[float], bool]:
    """Run from one start; return shares, table, log-likelihood by step, and whether it converged."""
    rest = total - marked
    free = slice(table.shape[1] - unknown, None)
    p = shares @ table.T  # (samples, blocks)
    trace = [_level(p, marked, rest)]
    for _ in range(max_steps):
        of_marked, of_rest = marked / p, rest / (1 - p)
        # Expected counts by type: for each sample over blocks, and for each block over samples.
        by_sample = shares * (of_marked @ table + of_rest @ (1 - table))
        up = table[:, free] * (of_marked.T @ shares[:, free])
        down = (1 - table[:, free]) * (of_rest.T @ shares[:, free])
        shares = by_sample / np.maximum(by_sample.sum(axis=1, keepdims=True), np.finfo(float).tiny)
        table = table.copy()
        counts = up + down
        level = np.divide(up, counts, out=table[:, free].copy(), where=counts > 0)
        table[:, free] = np.clip(level, FLOOR, 1 - FLOOR)
        p = shares @ table.T
        trace.append(_level(p, marked, rest))
        if trace[-1] - trace[-2] < tolerance:
            return shares, table, trace, True
    return shares, table, trace, False


def _level(p: np.ndarray, marked: np.ndarray, rest: np.ndarray) -> float:
    return float((marked * np.log(p)).sum() + (rest * np.log1p(-p)).sum())
