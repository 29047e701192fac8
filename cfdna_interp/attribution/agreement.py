"""Shares under every combination of intervention and reference, from the table of coalition values."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from itertools import product
from pathlib import Path

import numpy as np
import pandas as pd

from cfdna_interp.artifacts.features import BAG_GROUPS
from cfdna_interp.artifacts.tables import read_parquet
from cfdna_interp.attribution.coalition_values import CoalitionValues
from cfdna_interp.attribution.coalitions import COALITION_NAMES
from cfdna_interp.attribution.contributions import Contributions
from cfdna_interp.attribution.record import DRAWS, fixed_shares
from cfdna_interp.errors import InputError
from cfdna_interp.records.dominance import InterventionShares
from cfdna_interp.records.values import Interval, interval_of, known
from cfdna_interp.stats.resampling import bootstrap_counts, percentile_interval, stream
from cfdna_interp.stats.subjects import by_subject

# Share of subjects for which an intervention must have values. With fewer it doesn't represent the cohort.
COVERED = 0.8


def read_coalitions(paths: Sequence[Path], samples: Sequence[str]) -> pd.DataFrame:
    """Read the coalition values of all chunks, in the order of the samples.

    Parameters
    ----------
    paths
        Files that ``attribute`` wrote, one per chunk.
    samples
        Names of the discovery samples, in the order of the sheet.

    Returns
    -------
    A row for each sample, intervention, reference, coalition and donor, with value and reference_value.

    Raises
    ------
    InputError
        A file is missing, or the values are of other samples.
    """
    table = pd.concat([read_parquet(path, "attribute") for path in paths], ignore_index=True)
    if set(table["sample"]) != set(samples):
        raise InputError("the coalition values belong to another cohort; run the attribute stage again")
    place = {sample: number for number, sample in enumerate(samples)}
    order = np.argsort(table["sample"].map(place).to_numpy(), kind="stable")
    return table.iloc[order].reset_index(drop=True)


def values_under(
    table: pd.DataFrame, intervention: str, reference: str, samples: Sequence[str]
) -> CoalitionValues:
    """Return the values of one intervention with one reference, as arrays.

    Parameters
    ----------
    table
        As :func:`read_coalitions` returns it.
    intervention, reference
        How groups were taken out, and which pools donated.
    samples
        Names of the samples, in the order of the result.

    Raises
    ------
    InputError
        A sample, coalition and donor pool have no row or several, or a row has an unknown one.
    """
    rows = table[(table.intervention == intervention) & (table.reference == reference)]
    keys = ["sample", "coalition", "donor"]
    donors = sorted(rows["donor"].unique()) or [0]  # without any row, the first cell is named
    cells = list(product(samples, COALITION_NAMES, donors))
    counts = Counter(rows[keys].itertuples(index=False, name=None))
    faults = [cell for cell in cells if counts[cell] != 1] or list(counts.keys() - set(cells))
    if faults:
        sample, coalition, donor = faults[0]
        raise InputError(
            f"sample {sample}: coalition {coalition} with donor pool {donor} must have one value under "
            f"{intervention} with reference {reference}, and has {counts[faults[0]]}; run the attribute "
            "stage again"
        )
    shape = (len(samples), len(COALITION_NAMES), len(donors))
    ordered = rows.set_index(keys).loc[cells]
    return CoalitionValues(
        values=ordered["value"].to_numpy().reshape(shape),
        reference=ordered["reference_value"].to_numpy().reshape(shape)[:, 0],
    )


def agreement(table: pd.DataFrame, codes: Mapping[str, int], seed: int) -> tuple[InterventionShares, ...]:
    """Summarise every combination of intervention and reference.

    Parameters
    ----------
    table
        Coalition values, as :func:`read_coalitions` returns them.
    codes
        Sample -> code of its subject.
    seed
        The run's seed, for the bootstrap over subjects.

    Returns
    -------
    One entry for each combination. It has shares if four fifths of the subjects have values.
    """
    subject = np.array(list(codes.values()))
    of = len(np.unique(subject))
    entries = []
    pairs = table[["intervention", "reference"]].drop_duplicates()
    for intervention, reference in pairs.itertuples(index=False, name=None):
        coalitions = values_under(table, intervention, reference, tuple(codes))
        donors = coalitions.reference.shape[1]
        # A donor pool without a value for some coalition is left out and replaced by the mean of the others.
        whole = np.isfinite(coalitions.values).all(axis=1)  # (samples, donors)
        covered = whole.sum(axis=1) >= (donors + 1) // 2
        subjects = len(np.unique(subject[covered]))
        shares = None
        if subjects >= COVERED * of:
            people, values, pools = subject[covered], coalitions.values[covered], whole[covered]
            contributions = Contributions.of_values(
                by_subject(people, filled(values, pools)),
                # Only donor pools with values are used: a mean in place of a missing value would hide noise.
                by_subject(people, np.where(pools, coalitions.reference[covered], np.nan)),
            )
            rng = stream(seed, "agreement")
            draws = [bootstrap_counts(np.zeros(subjects, dtype=int), rng) for _ in range(DRAWS)]
            shares = fixed_shares(contributions, np.stack(draws), _donor_error(people, values, pools))
        entries.append(
            InterventionShares(
                intervention=intervention,
                reference=reference,
                subjects=subjects,
                of=of,
                donors=int(whole.sum(axis=1)[covered].min()) if covered.any() else 0,
                shares=shares,
            )
        )
    return tuple(entries)


def filled(values: np.ndarray, whole: np.ndarray) -> np.ndarray:
    """Return (samples, coalitions, donors) values with incomplete donors replaced by the others' mean."""
    there = np.where(whole[:, None], values, np.nan)
    result: np.ndarray = np.where(whole[:, None], values, np.nanmean(there, axis=2, keepdims=True))
    return result


def _donor_error(subject: np.ndarray, values: np.ndarray, whole: np.ndarray) -> dict[str, float | None]:
    """Return the standard error over donor pools of each group's share."""
    shares = []
    for donor in range(values.shape[2]):
        rows = whole[:, donor]
        if rows.any():
            people = by_subject(subject[rows], values[rows][:, :, [donor]])
            shares.append(Contributions.of_values(people, people[:, 0]).shares().share)
    spread = (
        np.std(shares, axis=0, ddof=1) / np.sqrt(len(shares))
        if len(shares) > 1
        else np.full(len(BAG_GROUPS), np.nan)
    )
    return {group: known(spread[place]) for place, group in enumerate(BAG_GROUPS)}


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
    Group -> share; unknown if nothing is attributed to any group.
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
