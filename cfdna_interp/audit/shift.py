"""Comparison of held-out and discovery controls: a classifier two-sample test, and a test of each feature."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

import numpy as np
from scipy.stats import rankdata, ttest_ind
from sklearn.impute import SimpleImputer
from sklearn.linear_model import Ridge
from sklearn.model_selection import KFold
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from cfdna_interp.artifacts.matrix import usable
from cfdna_interp.records.audit import FeatureShift, RoleShift
from cfdna_interp.records.missing import Cause, Missing
from cfdna_interp.stats.multiplicity import benjamini_hochberg

FOLDS = 5
PERMUTATIONS = 199
PER_ROLE = 10


def role_shift(
    discovery: np.ndarray,
    heldout: np.ndarray,
    names: Sequence[str],
    groups: Sequence[str],
    rng: np.random.Generator,
) -> RoleShift:
    """Predict the role from all features together, and compare each feature between the roles.

    This is the classifier two-sample test of Lopez-Paz and Oquab (2017). A ridge regression is fitted to the
    role on four fifths and ranks the other fifth. Its AUROC is one half if both samples come from one
    distribution.

    Parameters
    ----------
    discovery, heldout
        (subjects, features) the controls of each role, one row per subject; NaN where not measured.
    names, groups
        (features,) name and feature group.
    rng
        Source of folds and permutations.
    """
    X = np.concatenate([discovery, heldout])
    kept = usable(X) if len(X) else np.zeros(len(names), dtype=bool)
    n = (len(discovery), len(heldout))
    missing = None
    if min(n) < PER_ROLE:
        missing = Missing(why=Cause.FEW_CONTROLS_OF_A_ROLE, seen=min(n), needed=PER_ROLE)
    elif not kept.any():
        missing = Missing(why=Cause.CONSTANT_FEATURES)
    if missing is not None:
        return RoleShift(
            auroc=None, chance=None, p=None, discovery=n[0], heldout=n[1], features=(), missing=missing
        )
    roles = np.repeat([0, 1], n)
    seen, null = _classify(X[:, kept], roles, rng)
    p = (1 + int((null >= seen).sum())) / (1 + PERMUTATIONS)
    features = _each(discovery[:, kept], heldout[:, kept])
    found = [
        FeatureShift(feature=names[i], group=groups[i], difference=difference, q=q)
        for i, difference, q in zip(np.flatnonzero(kept).tolist(), *features, strict=True)
        if np.isfinite(q)
    ]
    found.sort(key=lambda item: (-abs(item.difference), item.feature))
    return RoleShift(
        auroc=seen,
        chance=float(null.mean()),
        p=p,
        discovery=n[0],
        heldout=n[1],
        features=tuple(found),
        missing=None,
    )


def _classify(X: np.ndarray, roles: np.ndarray, rng: np.random.Generator) -> tuple[float, np.ndarray]:
    targets = np.stack([roles, *(rng.permutation(roles) for _ in range(PERMUTATIONS))], axis=1).astype(float)
    outputs = np.empty(targets.shape)  # (subjects, 1 + permutations)
    folds = KFold(FOLDS, shuffle=True, random_state=int(rng.integers(2**31)))
    for train, test in folds.split(X):
        prepare = make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler())
        # A penalty of the order of the number of standardised features limits the fit of wide tables. All
        # permutations are one solve.
        ridge = Ridge(alpha=float(X.shape[1])).fit(prepare.fit_transform(X[train]), targets[train])
        # Intercepts are left out, because they are lower if the tested fold has more of the role.
        outputs[test] = prepare.transform(X[test]) @ ridge.coef_.T
    ranks = rankdata(outputs, axis=0)
    n1 = int(roles.sum())
    wins = (ranks * targets).sum(axis=0) - n1 * (n1 + 1) / 2
    aurocs = wins / (n1 * (len(roles) - n1))
    return float(aurocs[0]), aurocs[1:]


def _each(discovery: np.ndarray, heldout: np.ndarray) -> tuple[list[float], list[float]]:
    with warnings.catch_warnings(), np.errstate(all="ignore"):
        # Features without values in one role have no mean. They become NaN and are left out.
        warnings.simplefilter("ignore", category=RuntimeWarning)
        gap = np.nanmean(heldout, axis=0) - np.nanmean(discovery, axis=0)
        spread = np.sqrt((np.nanvar(heldout, axis=0) + np.nanvar(discovery, axis=0)) / 2)
        difference = np.where(spread > 0, gap / spread, np.nan)
        test = ttest_ind(heldout, discovery, equal_var=False, nan_policy="omit")
    p = np.where(np.isfinite(difference), np.asarray(test.pvalue, dtype=np.float64), np.nan)
    return difference.tolist(), benjamini_hochberg(p).tolist()
