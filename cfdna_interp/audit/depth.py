"""Correlation of features with sequencing depth among the controls, where disease can't explain it."""

from __future__ import annotations

import numpy as np
import pandas as pd
from scipy.stats import spearmanr

from cfdna_interp.artifacts.matrix import Table
from cfdna_interp.records.audit import DepthCorrelation, DepthCorrelations
from cfdna_interp.records.missing import Cause, Missing
from cfdna_interp.stats.multiplicity import benjamini_hochberg

DEPTH = "technical_fragments"
FEWEST = 5


def depth_correlations(table: Table) -> DepthCorrelations:
    """Correlate each feature with depth over the discovery controls, one value per subject.

    Parameters
    ----------
    table
        The discovery table, with labels.
    """
    values, controls = subject_means(table)
    if DEPTH not in table.obs:
        return DepthCorrelations(correlations=(), missing=Missing(why=Cause.NO_DEPTH))
    fragments = np.asarray(table.obs[DEPTH], dtype=np.float64)
    depth = pd.Series(fragments).groupby(np.array(table.subjects)).mean().to_numpy()[controls]
    counted = np.isfinite(depth)
    if counted.sum() < FEWEST:
        few = Missing(why=Cause.FEW_CONTROLS, seen=int(counted.sum()), needed=FEWEST)
        return DepthCorrelations(correlations=(), missing=few)
    if np.ptp(depth[counted]) == 0:
        return DepthCorrelations(correlations=(), missing=Missing(why=Cause.CONSTANT_DEPTH))
    tested, seen, p = [], [], []
    for i in range(len(table.names)):
        column = values[controls, i]
        measured = np.isfinite(column) & counted
        if measured.sum() < FEWEST or np.ptp(column[measured]) == 0 or np.ptp(depth[measured]) == 0:
            continue
        result = spearmanr(column[measured], depth[measured])
        tested.append(i)
        seen.append(float(result.statistic))
        p.append(float(result.pvalue))
    q = benjamini_hochberg(p)
    found = [
        DepthCorrelation(
            feature=table.names[i], group=table.groups[i], spearman=correlation, q=float(adjusted)
        )
        for i, correlation, adjusted in zip(tested, seen, q, strict=True)
    ]
    found.sort(key=lambda item: (-abs(item.spearman), item.feature))
    return DepthCorrelations(correlations=tuple(found), missing=None)


def subject_means(table: Table) -> tuple[np.ndarray, np.ndarray]:
    """Return (subjects, features) means over each subject's samples, and the (subjects,) mask of controls.

    Subjects are in the order of their names.
    """
    assert table.labels is not None
    subjects = np.array(table.subjects)
    values = pd.DataFrame(table.X).groupby(subjects).mean().to_numpy()
    labels = pd.Series(table.labels).groupby(subjects).first().to_numpy()
    return values, labels == 0
