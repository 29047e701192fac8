"""Leave-one-site-out: a regression fitted without a site and tested in it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from cfdna_interp.proxy.fit import FEWEST
from cfdna_interp.records.missing import Cause, Missing
from cfdna_interp.stats.subjects import Subjects
from cfdna_interp.stats.within_batch import PER_CLASS, Within, within_batch

SITES = 3

Refit = Callable[[np.ndarray, np.ndarray, np.ndarray], Callable[[np.ndarray], np.ndarray]]


@dataclass(frozen=True)
class LeftOut:
    """AUROCs at sites that the fit never saw, and their mean; ``missing`` says why there is none."""

    within: Within | None
    missing: Missing | None


def leave_one_site_out(
    X: np.ndarray,
    labels: np.ndarray,
    subjects: np.ndarray,
    sites: np.ndarray,
    fitted: np.ndarray,
    refit: Refit,
    rng: np.random.Generator,
) -> LeftOut:
    """Refit without each site in turn, and test on all samples of the site.

    A subject of the tested site is never in the fit, even with samples from other sites. Sites with at least
    5 cases and 5 controls are tested. There must be three: with two, a refit uses a single site and can't
    learn differences between sites.

    Parameters
    ----------
    X
        (samples, inputs), NaN where missing.
    labels, subjects, sites
        (samples,) label 1 or 0, name of the subject, site or "".
    fitted
        (samples,) whether the sample may be in the fit (discovery). The others are only tested.
    refit
        Fits X (samples, inputs) to labels (samples,) with weights (samples,), and returns a function of X
        that gives logits.
    rng
        Source of randomness of the bootstrap for small samples.
    """
    tested = [
        str(site) for site in sorted(set(sites.tolist()) - {""}) if _mixed(labels, subjects, sites == site)
    ]
    if len(tested) < SITES:
        return LeftOut(None, Missing(why=Cause.FEW_SITES, seen=len(tested), needed=SITES))
    y, s, places = [], [], []
    for site in tested:
        here = sites == site
        train = fitted & ~np.isin(subjects, subjects[here])
        if min(_classes(labels, subjects, train)) < FEWEST:
            return LeftOut(None, Missing(why=Cause.SITE_NEEDED, names=(site,)))
        logits = refit(X[train], labels[train], Subjects(subjects[train]).weights)(X[here])
        people = Subjects(subjects[here])
        s.append(people.means(logits))
        y.append(labels[here][people.first])
        places += [site] * len(people)
    return LeftOut(within_batch(np.concatenate(y), np.concatenate(s), places, rng), None)


def _classes(labels: np.ndarray, subjects: np.ndarray, rows: np.ndarray) -> tuple[int, int]:
    return (
        len(set(subjects[rows & (labels == 1)].tolist())),
        len(set(subjects[rows & (labels == 0)].tolist())),
    )


def _mixed(labels: np.ndarray, subjects: np.ndarray, rows: np.ndarray) -> bool:
    return min(_classes(labels, subjects, rows)) >= PER_CLASS
