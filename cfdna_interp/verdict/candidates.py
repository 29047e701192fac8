"""Stable effects with all that is known of each: difference, replication, rank, share of the proxy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cfdna_interp.artifacts.matrix import Table
from cfdna_interp.audit.held_columns import plain_name
from cfdna_interp.proxy.linear import Linear
from cfdna_interp.stats.multiplicity import benjamini_hochberg
from cfdna_interp.stats.resampling import stream
from cfdna_interp.verdict.evidence import (
    Difference,
    Replication,
    adjusted_difference,
    replicate,
    subject_frame,
    subject_values,
)
from cfdna_interp.verdict.priority import Statuses, priority
from cfdna_interp.verdict.stable import Effect, stable_effects


@dataclass(frozen=True, eq=False)
class Cohorts:
    """Both feature matrices, and the held-out labels by subject, which are open at this stage.

    ``mediators`` and ``priority`` are those of the protocol: columns to hold not at all, and first.
    """

    discovery: Table
    heldout: Table
    heldout_labels: pd.Series
    mediators: tuple[str, ...] = ()
    priority: tuple[str, ...] = ()


@dataclass(frozen=True)
class Candidate:
    """A stable effect with everything that is known of it.

    Attributes
    ----------
    effect, difference, replication
        The proxy's coefficient, the feature by itself in discovery and in the held-out cohort.
    sign
        Of the unadjusted difference in discovery, the direction of the held-out test and of one at the bench:
        1 more in cases, -1 less.
    opposed
        Whether the proxy's coefficient points the other way, as a conditional coefficient may.
    score
        What it is ranked by.
    q, heldout_q
        The p values of difference and replication, adjusted over all candidates; NaN where untested.
    share
        Covariance of the feature's part of the proxy's logit with the logit, over the logit's variance.
    """

    effect: Effect
    difference: Difference
    replication: Replication
    sign: int
    opposed: bool
    score: float
    q: float
    heldout_q: float
    share: float


def candidates(linear: Linear, statuses: Statuses, cohorts: Cohorts, seed: int) -> list[Candidate]:
    """Return all stable effects, highest score first.

    Parameters
    ----------
    linear
        The proxy.
    statuses
        What is said of handling, and of the person.
    cohorts
        The features of both roles.
    seed
        The run's seed.
    """
    frame = subject_frame(cohorts.discovery)
    frame = frame.drop(columns=[name for name in frame if plain_name(str(name)) in cohorts.mediators])
    effects = stable_effects(linear)
    differences = [
        adjusted_difference(subject_values(cohorts.discovery, effect.members), frame, cohorts.priority)
        for effect in effects
    ]
    own = [1 if effect.coefficient > 0 else -1 for effect in effects]
    signs = [
        coefficient if np.isnan(difference.crude) else (1 if difference.crude > 0 else -1)
        for coefficient, difference in zip(own, differences, strict=True)
    ]
    replications = [
        replicate(
            subject_values(cohorts.heldout, effect.members),
            cohorts.heldout_labels,
            sign,
            stream(seed, "hypotheses", *effect.members),
        )
        for effect, sign in zip(effects, signs, strict=True)
    ]
    q = benjamini_hochberg([difference.p for difference in differences])
    heldout_q = benjamini_hochberg([replication.p for replication in replications])
    shares = _shares(linear, cohorts.discovery)
    found = [
        Candidate(
            effect=effect,
            difference=differences[i],
            replication=replications[i],
            sign=signs[i],
            opposed=signs[i] != own[i],
            score=priority(differences[i], replications[i], signs[i], statuses, opposed=signs[i] != own[i]),
            q=float(q[i]),
            heldout_q=float(heldout_q[i]),
            share=sum(shares[name] for name in effect.members),
        )
        for i, effect in enumerate(effects)
    ]
    # Effects come strongest first, and sorting keeps that order among equal scores.
    return sorted(found, key=lambda item: -item.score)


def _shares(linear: Linear, table: Table) -> dict[str, float]:
    """Return each input's covariance with the proxy's logit over its variance: they add up to 1."""
    X = _columns(table, linear.names)
    parts = linear.standardise(X) * linear.coefficient  # (samples, inputs)
    parts = parts - parts.mean(axis=0)
    logit = parts.sum(axis=1)
    variance = float(logit @ logit)
    shares = parts.T @ logit / variance if variance > 0 else np.full(len(linear.names), np.nan)
    return dict(zip(linear.names, shares.tolist(), strict=True))


def _columns(table: Table, names: Sequence[str]) -> np.ndarray:
    """Return the features by name, NaN (imputed by the proxy) for one that the table doesn't have."""
    places = {name: i for i, name in enumerate(table.names)}
    missing = np.full(len(table.samples), np.nan)
    return np.column_stack([table.X[:, places[name]] if name in places else missing for name in names])
