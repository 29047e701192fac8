"""Multiple tests: adjusted p values. Missing p values stay missing."""

from __future__ import annotations

import gc
from collections.abc import Callable, Sequence

import numpy as np
from scipy.stats import false_discovery_control


def benjamini_hochberg(p: Sequence[float] | np.ndarray) -> np.ndarray:
    """Return q values (false discovery rate; Benjamini and Hochberg, J R Stat Soc B 57:289, 1995).

    Parameters
    ----------
    p
        (tests,) p values; NaN where a test could not be made, and then NaN in the result.
    """
    return _adjust(p, false_discovery_control)


def holm(p: Sequence[float] | np.ndarray) -> np.ndarray:
    """Return p values that control the family-wise error rate (Holm, Scand J Stat 6:65, 1979).

    Parameters
    ----------
    p
        (tests,) p values; NaN where a test could not be made, and then NaN in the result.
    """

    def adjust(values: np.ndarray) -> np.ndarray:
        # statsmodels takes a third of a second to import, and most users of `stats` need no adjustment.
        from statsmodels.stats.multitest import multipletests

        # It collects garbage each time, which takes a fifth of a second in a process with torch. Frozen
        # objects are skipped.
        gc.freeze()
        try:
            adjusted: np.ndarray = multipletests(values, method="holm")[1]
        finally:
            gc.unfreeze()
        return adjusted

    return _adjust(p, adjust)


def _adjust(p: Sequence[float] | np.ndarray, method: Callable[[np.ndarray], np.ndarray]) -> np.ndarray:
    values = np.asarray(p, dtype=np.float64)
    adjusted = np.full(values.shape, np.nan)
    finite = np.isfinite(values)
    if finite.any():
        adjusted[finite] = method(values[finite])
    return adjusted
