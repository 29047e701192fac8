"""Contributions of single features of a table: ``feature_shares.parquet``."""

from __future__ import annotations

import numpy as np
import pandas as pd

from cfdna_interp.attribution.tabular.cohort import FoldedFeatures
from cfdna_interp.attribution.tabular.model import Fits


def feature_contributions(folded: FoldedFeatures, fits: Fits) -> np.ndarray:
    """Return (subjects, features) contributions of single features, under models that never saw the subject.

    A contribution is what a feature's line and bend add to the logit, minus its mean over reference subjects.
    Those of a group's features add up to the group's contribution.
    """
    cohort = folded.cohort
    phi = np.zeros((len(cohort.subject_labels), len(cohort.features)))
    for number, fold in enumerate(folded.folds):
        added = cohort.averaging @ fold.encoder.by_feature(cohort.X, fits.coefficient[number][:, 0])
        phi[fold.test] = added[fold.test] - added.mean(axis=0)
    return phi


def feature_shares(folded: FoldedFeatures, fits: Fits, draws: np.ndarray) -> pd.DataFrame:
    """Return one row per feature: size, share, and the difference of cases and controls.

    Parameters
    ----------
    folded, fits
        The cohort and its model.
    draws
        (draws, subjects) how often bootstraps draw each subject, within each class.

    Returns
    -------
    feature, group, mean_abs_phi, share (of Σ|φ| over features), difference (mean φ of cases minus that of
    controls) with its 95 % interval low, high over subjects, without refits.
    """
    cohort = folded.cohort
    phi = feature_contributions(folded, fits)
    size = np.abs(phi).mean(axis=0)
    case = cohort.subject_labels == 1
    drawn = draws * np.where(case, 1 / case.sum(), -1 / (~case).sum())
    difference = phi[case].mean(axis=0) - phi[~case].mean(axis=0)
    low, high = np.quantile(drawn @ phi, [0.025, 0.975], axis=0)
    owner = np.empty(len(cohort.features), dtype=object)
    for group, places in cohort.groups.items():
        owner[places] = group
    total = size.sum()
    return pd.DataFrame(
        {
            "feature": cohort.features,
            "group": owner,
            "mean_abs_phi": size,
            "share": size / total if total > 0 else np.nan,
            "difference": difference,
            "low": np.minimum(low, difference),
            "high": np.maximum(high, difference),
        }
    )
