"""The figures that the rule for ``dominant`` is put to, of a model and its refits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from cfdna_interp.attribution.judge import Ruling, judge
from cfdna_interp.config.settings import Validation
from cfdna_interp.records.retraining import Retraining


@dataclass(frozen=True, eq=False)
class Figures:
    """What the rule is put to.

    Attributes
    ----------
    groups
        Names of the groups.
    share, covariance
        (groups,) of the model.
    bootstrap, permuted
        (refits, groups) shares.
    bootstrap_covariance, permuted_performance
        (refits, groups).
    performance
        (groups,) in nats.
    """

    groups: tuple[str, ...]
    share: np.ndarray
    covariance: np.ndarray
    bootstrap: np.ndarray
    permuted: np.ndarray
    bootstrap_covariance: np.ndarray
    permuted_performance: np.ndarray
    performance: np.ndarray

    @classmethod
    def gather(
        cls,
        groups: Sequence[str],
        refits: pd.DataFrame,
        *,
        share: np.ndarray,
        covariance: np.ndarray,
        performance: np.ndarray,
    ) -> Figures:
        """Put the model's figures beside those of its refits.

        Parameters
        ----------
        groups
            Names of the groups.
        refits
            A row per refit and group: ``kind``, ``number``, ``group``, ``share``, ``covariance_share``,
            ``performance``.
        share, covariance, performance
            (groups,) of the model.
        """

        def wide(kind: str, column: str) -> np.ndarray:
            rows = refits[refits.kind == kind]
            return rows.pivot(index="number", columns="group", values=column)[list(groups)].to_numpy()

        return cls(
            groups=tuple(groups),
            share=share,
            covariance=covariance,
            bootstrap=wide("bootstrap", "share"),
            permuted=wide("permutation", "share"),
            bootstrap_covariance=wide("bootstrap", "covariance_share"),
            permuted_performance=wide("permutation", "performance"),
            performance=performance,
        )

    def judge(
        self,
        *,
        subjects: int,
        context: float,
        retraining: Retraining,
        margins: Validation,
        ranks: Mapping[str, Sequence[str]] | None = None,
        interactions: Mapping[tuple[str, str], float] | None = None,
        obstacle: str | None = None,
    ) -> Ruling:
        """Apply the rule; see :func:`cfdna_interp.attribution.judge.judge`.

        ``obstacle`` says why the model is none to explain, where its stage found it so.
        """
        surrogate, subsets = retraining.fidelity, retraining.cross_fitted_fidelity
        return judge(
            share=self.share,
            covariance=self.covariance,
            bootstrap=self.bootstrap,
            permuted=self.permuted,
            performance=self.performance,
            permuted_performance=self.permuted_performance,
            context=context,
            subjects=subjects,
            cross_fitted=retraining.cross_fitted_auroc,
            necessity_margin=margins.necessity_margin,
            replaceable_margin=margins.replaceable_margin,
            signal_ceiling=margins.signal_ceiling,
            alike=_by_pair(retraining.within_class_correlation),
            ranks=ranks,
            interactions=interactions,
            fidelity=None if surrogate is None else surrogate.judged_low,
            followed=None if subsets is None else {name: one.judged for name, one in subsets.items()},
            groups=self.groups,
            obstacle=obstacle,
        )


def _by_pair(record: Mapping[str, float]) -> dict[tuple[str, str], float]:
    """Return the pairs of a record that calls them ``first:second``; no group has a colon in its name."""
    pairs = (name.split(":") for name in record)
    return {(first, second): value for (first, second), value in zip(pairs, record.values(), strict=True)}
