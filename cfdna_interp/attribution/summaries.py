"""What coalition values say beyond shares: interactions, performance, deletion and insertion, agreement."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations
from math import factorial

import numpy as np
import pandas as pd

from cfdna_interp.artifacts.features import BAG_GROUPS
from cfdna_interp.attribution.coalitions import (
    Attributions,
    by_subject,
    performance_of,
    shapley,
    shares_of,
)
from cfdna_interp.attribution.dataset import COALITIONS, coalition_index
from cfdna_interp.records.dominance import FixedShares, InterventionShares, Removal, RemovalStep
from cfdna_interp.records.values import Interval, interval_of, known
from cfdna_interp.stats.resampling import bootstrap_counts, percentile_interval, stream
from cfdna_interp.stats.roc import mean_auroc

DRAWS = 500  # bootstrap draws of subjects; heads are not refitted
# Of the subjects an intervention has to give values for; with fewer it says nothing of the cohort.
COVERED = 0.8


def interactions(values: np.ndarray) -> dict[tuple[str, str], np.ndarray]:
    """Return the Shapley interaction index of each pair of groups.

    Grabisch & Roubens, International Journal of Game Theory 28:547 (1999): how much more the two add together
    than one by one, averaged over the coalitions of the others.

    Parameters
    ----------
    values
        (n, coalitions), as in ``dataset.COALITIONS``.

    Returns
    -------
    Pair -> (n,).
    """
    groups = range(len(BAG_GROUPS))
    result = {}
    for i, j in combinations(groups, 2):
        total = np.zeros(len(values))
        others = [group for group in groups if group not in (i, j)]
        for size in range(len(others) + 1):
            weight = factorial(size) * factorial(len(others) - size) / factorial(len(others) + 1)
            for chosen in combinations(others, size):

                def value(*added: int, base: tuple[int, ...] = chosen) -> np.ndarray:
                    column: np.ndarray = values[:, coalition_index(_present({*base, *added}))]
                    return column

                total += weight * (value(i, j) - value(i) - value(j) + value())
        result[(BAG_GROUPS[i], BAG_GROUPS[j])] = total
    return result


def interaction_shares(values: np.ndarray) -> dict[tuple[str, str], float]:
    """Return Σ_i |I_i| of each pair in units of Σ_h Σ_i |φ_ih|, NaN where no group moves any logit."""
    total = float(np.abs(shapley(values)).sum()) or float("nan")
    return {pair: float(np.abs(index).sum()) / total for pair, index in interactions(values).items()}


def mean_shares(attributions: np.ndarray, seed: int) -> dict[str, Interval]:
    """Return each group's part of the sum of |attributions| over subjects, with an interval over subjects.

    Parameters
    ----------
    attributions
        (subjects, groups) signed, as in ``BAG_GROUPS``.
    seed
        The run's seed, for the bootstrap.

    Returns
    -------
    Group -> share; unknown where nothing is attributed to any group.
    """
    sizes, rng = np.abs(attributions), stream(seed, "gradients")
    counts = [bootstrap_counts(np.zeros(len(sizes), dtype=int), rng) for _ in range(DRAWS)]
    sums = np.stack([np.ones(len(sizes)), *counts]) @ sizes  # (1 + draws, groups)
    totals = sums.sum(axis=1, keepdims=True)
    shares = sums / np.where(totals > 0, totals, np.nan)
    return {
        group: interval_of(percentile_interval(shares[0, g], shares[1:, g]))
        for g, group in enumerate(BAG_GROUPS)
    }


def performance(
    values: np.ndarray, targets: np.ndarray, labels: np.ndarray, seed: int
) -> dict[str, Interval]:
    """Divide the drop of the log-loss over the groups, with intervals; see :func:`performance_of`.

    Parameters
    ----------
    values
        (subjects, coalitions) logits.
    targets
        (subjects,) what the heads were to say: labels, or the probabilities of a model known by its scores.
    labels
        (subjects,) 0 or 1; the bootstrap draws within each.
    seed
        The run's seed, for the bootstrap over subjects.

    Returns
    -------
    Group -> its part in nats; their values sum to the loss of no group less that of all.
    """
    rng = stream(seed, "performance")
    draws = np.stack([bootstrap_counts(labels.astype(int), rng) for _ in range(DRAWS)])
    drawn = performance_of(values, targets, draws)  # (draws, groups)
    value = performance_of(values, targets, np.ones((1, len(labels))))[0]
    return {
        group: interval_of(percentile_interval(value[place], drawn[:, place]))
        for place, group in enumerate(BAG_GROUPS)
    }


def removal_curves(values: np.ndarray, labels: np.ndarray, folds: np.ndarray, share: np.ndarray) -> Removal:
    """Return AUROC while groups are taken away, or put back, the one with the largest share first.

    Parameters
    ----------
    values
        (subjects, coalitions) logits.
    labels, folds
        (subjects,) label, and fold of the heads behind the logits: AUROCs are means over folds, since logits
        of different heads are never pooled.
    share
        (groups,) shares that give the order.
    """
    order = [int(place) for place in np.argsort(-share)]

    def step(present: set[int]) -> RemovalStep:
        return RemovalStep(
            groups=tuple(BAG_GROUPS[place] for place in sorted(present)),
            auroc=mean_auroc(values[:, coalition_index(_present(present))], labels, folds),
        )

    counts = range(len(order) + 1)
    return Removal(
        deletion=tuple(step(set(order[count:])) for count in counts),
        insertion=tuple(step(set(order[:count])) for count in counts),
    )


def agreement(table: pd.DataFrame, codes: dict[str, int], seed: int) -> tuple[InterventionShares, ...]:
    """Summarise every combination of intervention and reference.

    Parameters
    ----------
    table
        Coalition values: sample, intervention, reference, coalition, donor, value, reference_value.
    codes
        Sample -> code of its subject.
    seed
        The run's seed, for the bootstrap over subjects.

    Returns
    -------
    One entry a combination; with shares where four fifths of the subjects have values.
    """
    entries = []
    pairs = table[["intervention", "reference"]].drop_duplicates()
    for intervention, reference in pairs.itertuples(index=False, name=None):
        rows = table[(table.intervention == intervention) & (table.reference == reference)]
        samples = rows["sample"].unique()
        values, anchors = arrays(rows, len(samples))
        donors = values.shape[2]
        subject = np.array([codes[str(sample)] for sample in samples])
        # A donor part without weights in any coalition takes nothing away from the mean of the others.
        whole = np.isfinite(values).all(axis=1)  # (samples, donors)
        covered = whole.sum(axis=1) >= (donors + 1) // 2
        subjects, of = len(np.unique(subject[covered])), len(np.unique(subject))
        fixed = None
        if subjects >= COVERED * of:
            people = by_subject(subject[covered], filled(values[covered], whole[covered]))
            # Of donors that were there alone: a mean in place of a missing one would hide the donors' noise.
            there = np.where(whole[covered], values[covered][:, 0] - anchors[covered], np.nan)
            error = _donor_error(subject[covered], values[covered], whole[covered])
            fixed = _with_interval(people, by_subject(subject[covered], there), error, seed)
        entries.append(
            InterventionShares(
                intervention=intervention,
                reference=reference,
                subjects=subjects,
                of=of,
                donors=int(whole.sum(axis=1)[covered].min()) if covered.any() else 0,
                shares=fixed,
            )
        )
    return tuple(entries)


def arrays(rows: pd.DataFrame, samples: int) -> tuple[np.ndarray, np.ndarray]:
    """Return (samples, coalitions, donors) values and (samples, donors) references of one combination."""
    shape = (samples, len(COALITIONS), -1)
    values: np.ndarray = rows["value"].to_numpy().reshape(shape)
    anchors: np.ndarray = rows["reference_value"].to_numpy().reshape(shape)[:, 0]
    return values, anchors


def filled(values: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Return (samples, ..., donors) values, donors that are not whole replaced by the others' mean."""
    kept = np.where(whole[:, None], values, np.nan)
    result: np.ndarray = np.where(whole[:, None], values, np.nanmean(kept, axis=2, keepdims=True))
    return result


def _with_interval(
    people: np.ndarray, gaps: np.ndarray, donor_error: dict[str, float | None], seed: int
) -> FixedShares:
    attributions = replace(Attributions.of(people, np.zeros_like(people[:, 0])), gaps=gaps)
    shares = attributions.shares()
    rng = stream(seed, "agreement")
    counts = [bootstrap_counts(np.zeros(len(people), dtype=int), rng) for _ in range(DRAWS)]
    drawn = [attributions.shares(count.astype(float)) for count in counts]
    share = np.array([draw.share for draw in drawn])  # (draws, groups)
    context = np.array([draw.context for draw in drawn])
    return FixedShares(
        share={
            group: interval_of(percentile_interval(shares.share[g], share[:, g]))
            for g, group in enumerate(BAG_GROUPS)
        },
        order=tuple(BAG_GROUPS[place] for place in np.argsort(-shares.share, kind="stable")),
        context_and_joint=interval_of(percentile_interval(shares.context, context)),
        completeness=shares.completeness,
        donor_error=donor_error,
    )


def _donor_error(subject: np.ndarray, values: np.ndarray, whole: np.ndarray) -> dict[str, float | None]:
    """Return the standard error over donor parts of each group's share."""
    shares = []
    for donor in range(values.shape[2]):
        rows = whole[:, donor]
        if rows.any():
            people = by_subject(subject[rows], values[rows][:, :, [donor]])
            shares.append(shares_of(people, people[:, 0]).share)
    spread = (
        np.std(shares, axis=0, ddof=1) / np.sqrt(len(shares))
        if len(shares) > 1
        else np.full(len(BAG_GROUPS), np.nan)
    )
    return {group: known(spread[place]) for place, group in enumerate(BAG_GROUPS)}


def _present(groups: set[int]) -> tuple[bool, ...]:
    return tuple(place in groups for place in range(len(BAG_GROUPS)))
