"""The best AUROC that any classifier can reach in a world."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.special import logsumexp
from scipy.stats import rankdata

from cfdna_interp.artifacts.features import BAG_GROUPS
from cfdna_interp.simulation.worlds import World
from cfdna_interp.stats.resampling import stream

_REPEATS, _DRAWS = 20, 5_000  # independent Monte Carlo estimates, and draws per class in each


@dataclass(frozen=True)
class BayesAuroc:
    """AUROC of the log-likelihood ratio of the groups' summaries, with Monte Carlo standard errors.

    ``crude`` compares any case with any control, by a classifier that doesn't know the site. ``within_site``
    compares people of one site, with equal weights for case-control pairs of all sites. Neither knows the
    age.
    """

    crude: float
    crude_se: float
    within_site: float
    within_site_se: float


def bayes_auroc(world: World, noise: np.ndarray, seed: int, groups: Sequence[str] = BAG_GROUPS) -> BayesAuroc:
    """Estimate the Bayes AUROC of a world by Monte Carlo, of all groups or of some of them.

    Parameters
    ----------
    world
        Means, correlations, sites.
    noise
        (3,) SD of the summaries' fragment sampling noise; the summaries of a class have variance 1.
    seed
        Seed of the Monte Carlo.
    groups
        The groups whose summaries the classifier knows.
    """
    known = [BAG_GROUPS.index(group) for group in groups]
    scale = np.sqrt(1 - noise**2)
    covariance = world.correlation_matrix() * np.outer(scale, scale) + np.diag(noise**2)
    covariance = covariance[np.ix_(known, known)]
    root = np.linalg.cholesky(covariance)
    precision = np.linalg.inv(covariance)
    means = {label: world.label_means(label)[:, known] for label in (0, 1)}
    shares = {label: world.site_shares(label) for label in (0, 1)}
    shifts = world.site_matrix()[:, known]

    def log_density(x: np.ndarray, centres: np.ndarray, weights: np.ndarray) -> np.ndarray:
        """Return (n,) log density up to a constant of a mixture of normals with the world's covariance."""
        away = x[:, None, :] - centres[None]  # (n, components, groups)
        exponent = -0.5 * np.einsum("nci,ij,ncj->nc", away, precision, away)
        density: np.ndarray = logsumexp(exponent, b=weights[None], axis=1)
        return density

    def draw(label: int, site: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        component = rng.integers(len(means[label]), size=len(site))
        centre = means[label][component] + shifts[site]
        return np.asarray(centre + rng.standard_normal(centre.shape) @ root.T)

    # The mixture over sites of a label, for the classifier that doesn't know the site.
    anywhere = {
        label: (
            (means[label][:, None, :] + shifts[None]).reshape(-1, shifts.shape[1]),
            np.tile(shares[label], len(means[label])) / len(means[label]),
        )
        for label in (0, 1)
    }
    pairs = shares[0] * shares[1]
    crude, within = [], []
    for repeat in range(_REPEATS):
        rng = stream(seed, "bayes", repeat)
        x = [draw(label, rng.choice(world.sites, size=_DRAWS, p=shares[label]), rng) for label in (0, 1)]
        ratios = [log_density(v, *anywhere[1]) - log_density(v, *anywhere[0]) for v in x]
        crude.append(_auroc(ratios[0], ratios[1]))
        if pairs.sum() > 0:
            # Within a site the shift is known and cancels in the ratio.
            x = [draw(label, np.zeros(_DRAWS, dtype=int), rng) - shifts[0] for label in (0, 1)]
            same = {
                label: (means[label], np.full(len(means[label]), 1 / len(means[label]))) for label in (0, 1)
            }
            ratios = [log_density(v, *same[1]) - log_density(v, *same[0]) for v in x]
            within.append(_auroc(ratios[0], ratios[1]))
    return BayesAuroc(*_summary(crude), *_summary(within))


def _auroc(controls: np.ndarray, cases: np.ndarray) -> float:
    # Ratios that differ only by rounding are ties. Without a label effect every ratio is 0.
    ranks = rankdata(np.round(np.concatenate([controls, cases]), 9))
    above = ranks[len(controls) :].sum() - len(cases) * (len(cases) + 1) / 2
    return float(above / (len(controls) * len(cases)))


def _summary(values: list[float]) -> tuple[float, float]:
    if not values:
        return float("nan"), float("nan")
    return float(np.mean(values)), float(np.std(values, ddof=1) / np.sqrt(len(values)))
