"""Effect of the score on the label, adjusted for age, sex, other covariates and technical columns."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from cfdna_interp.artifacts.matrix import covariates_among, technical_among
from cfdna_interp.audit.handling_terms import standardised, terms
from cfdna_interp.audit.held_columns import SUBJECTS_PER_TERM, by_priority, plain_name
from cfdna_interp.records.audit import AdjustedEffect, AdjustedEffects
from cfdna_interp.records.missing import Cause, Missing
from cfdna_interp.stats.separation import separated

# With fewer clusters the clustered errors are too small ("few" is from under 20 to under 50: Cameron and
# Miller 2015).
CLUSTERS = 20


def adjusted_effects(
    subjects: pd.DataFrame, score: str, mediators: Sequence[str] = (), priority: Sequence[str] = ()
) -> AdjustedEffects:
    """Fit label ~ score + age + sex + further covariates + technical columns by maximum likelihood.

    The size of the rarer class limits the number of terms. The user's columns enter first, then those with
    the strongest association with the label. Missing numbers take the median. Constant and collinear columns
    are left out. So are columns that would separate the classes completely, since no maximum likelihood
    exists with them.

    There are two kinds of standard errors: those of the likelihood, and sandwich errors. The latter are
    clustered by site or by batch if there are at least 20, because subjects of one place resemble each other.

    Parameters
    ----------
    subjects
        ``validation.scores.parquet``: one row per held-out subject.
    score
        Column of the score to adjust.
    mediators, priority
        Plain names of columns that are not held at all, and of those that are held first.
    """
    import statsmodels.api as sm

    y = subjects["label"].to_numpy(dtype=np.float64)
    limit = max(1, int(min(y.sum(), (1 - y).sum()) // SUBJECTS_PER_TERM))
    main = standardised(subjects[score].to_numpy(dtype=np.float64))
    if main is None:
        return _nothing(Cause.CONSTANT_SCORE)
    names = [score]
    X = np.column_stack([np.ones(len(y)), main])
    if separated(X, y):
        return _nothing(Cause.SCORE_SEPARATES)
    divides, beyond = [], []
    for name, values in _candidates(subjects, mediators, priority):
        wider = np.column_stack([X, values])
        if np.linalg.matrix_rank(wider) < wider.shape[1]:
            continue
        if len(names) == limit:
            beyond.append(name)
            continue
        if separated(wider, y):
            divides.append(name)
            continue
        names.append(name)
        X = wider
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        result = sm.Logit(y, X).fit(disp=0, maxiter=200)
    if not result.mle_retvals["converged"] or not np.isfinite(result.bse).all():
        return _nothing(Cause.NO_MAXIMUM)
    clusters, errors = _clusters(subjects)
    kind: dict[str, Any] = {"cov_type": "HC1"}
    if clusters is not None:
        kind = {"cov_type": "cluster", "cov_kwds": {"groups": clusters}}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        sandwich = sm.Logit(y, X).fit(disp=0, maxiter=200, start_params=result.params, **kind)
    left_out = (
        Missing(why=Cause.FEW_FOR_A_TERM, needed=SUBJECTS_PER_TERM, names=tuple(beyond)),
        Missing(why=Cause.TERM_SEPARATES, names=tuple(divides)),
    )
    return AdjustedEffects(
        effects=_effects(names, result),
        robust=_effects(names, sandwich),
        errors=errors,
        left_out=tuple(terms for terms in left_out if terms.names),
    )


def _nothing(why: Cause) -> AdjustedEffects:
    return AdjustedEffects(effects=(), robust=(), errors="", missing=Missing(why=why))


def _effects(names: Sequence[str], result: Any) -> tuple[AdjustedEffect, ...]:
    bounds = result.conf_int()
    return tuple(
        AdjustedEffect(
            term=name,
            coefficient=float(result.params[i]),
            low=float(bounds[i][0]),
            high=float(bounds[i][1]),
            p=float(result.pvalues[i]),
        )
        for i, name in enumerate(names, start=1)
    )


def _clusters(subjects: pd.DataFrame) -> tuple[np.ndarray | None, str]:
    """Return each subject's cluster, of the coarser kind that has enough of them, and what to say of it."""
    few = []
    for place in ("site", "batch"):
        if place not in subjects:
            continue
        names = subjects[place].fillna("").astype(str)
        known = sorted(set(names) - {""})
        if len(known) >= CLUSTERS:
            # A subject of unknown place is its own cluster.
            codes = np.where(names == "", [f"\x00{i}" for i in range(len(names))], names)
            return np.unique(codes, return_inverse=True)[1], f"clustered by {place}, {len(known)} clusters"
        few.append(f"{place} {len(known)}")
    found = f" ({', '.join(few)})" if few else ""
    return None, f"robust to unequal variance, not clustered: fewer than {CLUSTERS} clusters{found}"


def _candidates(
    subjects: pd.DataFrame, mediators: Sequence[str], priority: Sequence[str]
) -> list[tuple[str, np.ndarray]]:
    names = [*covariates_among(subjects), *technical_among(subjects)]
    asked = [name for name in names if plain_name(name) not in mediators]
    ordered = by_priority(subjects["label"].to_numpy(), subjects, asked, priority)
    return [item for name in ordered for item in terms(subjects[name])]
