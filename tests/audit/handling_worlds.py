"""Cohorts of tables whose truth is known, many at a time, with the score that a fitted proxy gives them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd

from cfdna_interp.audit.claims import Claim, judge_handling
from cfdna_interp.config.settings import Validation

FEATURES = 8
# A quarter of the log-likelihood's curvature of 200 subjects is 50 per standardised feature: mild shrinkage.
PENALTY = 10.0
STEPS = 12


@dataclass(frozen=True)
class World:
    """What moves the judged features, in standard deviations along one direction each.

    Attributes
    ----------
    site
        Shift of the features between the two sites.
    label
        Shift between controls and cases: biology.
    overlap
        Range from which each draw takes Σ_site min(P(site | case), P(site | control)): 0 where label and site
        are one thing, 1 where they are independent. Half of it is the share of subjects at the site that
        disagrees with their label.
    """

    site: float
    label: float
    overlap: tuple[float, float] = (0.15, 0.5)
    subjects: int = 200


@dataclass(frozen=True, eq=False)
class Draws:
    """(draws, subjects) labels, sites and held-out scores, and (draws, subjects, 2) technical columns."""

    labels: np.ndarray
    sites: np.ndarray
    scores: np.ndarray
    technical: np.ndarray


def simulate(world: World, draws: int, rng: np.random.Generator) -> Draws:
    """Draw discovery and held-out cohorts of one overlap, fit the proxy on the first, score the second."""
    overlap = rng.uniform(*world.overlap, size=draws)
    X, y, _ = _cohort(world, overlap, rng)
    mean, scale = X.mean(axis=1, keepdims=True), X.std(axis=1, keepdims=True)
    weights = ridge_logistic((X - mean) / scale, y)
    X, y, sites = _cohort(world, overlap, rng)
    scores = np.einsum("dsf,df->ds", (X - mean) / scale, weights[:, 1:]) + weights[:, :1]
    technical = rng.normal(size=(*y.shape, 2))
    technical[..., 0] += 2 * sites  # the first follows the site, e.g. a tube; the second nothing
    return Draws(y, sites, scores, technical)


def ridge_logistic(Z: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Return (draws, 1 + features) intercepts and coefficients of ridge logistic regressions.

    They minimise the log-loss plus half the penalty times the squared coefficients; Newton's steps, all draws
    at once.
    """
    design = np.concatenate([np.ones((*Z.shape[:2], 1)), Z], axis=-1)
    penalty = PENALTY * np.diag([0.0, *np.ones(Z.shape[-1])])
    w = np.zeros((len(Z), design.shape[-1]))
    for _ in range(STEPS):
        p = 1 / (1 + np.exp(-np.einsum("dsf,df->ds", design, w)))
        gradient = np.einsum("dsf,ds->df", design, p - labels) + w @ penalty
        curvature = np.swapaxes(design, 1, 2) @ (design * (p * (1 - p))[..., None]) + penalty
        w -= np.linalg.solve(curvature, gradient[..., None])[..., 0]
    return w


def verdict(draws: Draws, i: int, rng: np.random.Generator) -> Claim:
    """Judge one draw as `audit` does, from the table of its held-out subjects."""
    sites = np.where(draws.sites[i] == 1, "B", "A")
    frame = pd.DataFrame({"site": sites, "batch": sites})
    for j in range(draws.technical.shape[2]):
        frame[f"technical_{j}"] = draws.technical[i, :, j]
    return judge_handling(draws.labels[i], draws.scores[i], frame, margin=Validation().fall_margin, rng=rng)


def _cohort(
    world: World, overlap: np.ndarray, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    n = world.subjects
    y = np.tile(np.arange(n) % 2, (len(overlap), 1))
    sites = np.where(rng.random(y.shape) < overlap[:, None] / 2, 1 - y, y)
    X = rng.normal(size=(*y.shape, FEATURES))
    # Half of the features that a site moves are moved by disease, too: what one knows of length.
    X[..., :4] += world.site * 0.5 * sites[..., None]
    X[..., 2:6] += world.label * 0.5 * y[..., None]
    return X, y, sites
