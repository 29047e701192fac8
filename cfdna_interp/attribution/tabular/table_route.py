"""The model of a table of features: additive regressions on the features of each group."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.matrix import Table, load_table
from cfdna_interp.attribution.contributions import Contributions
from cfdna_interp.attribution.record import DRAWS, fixed_shares
from cfdna_interp.attribution.refit_plan import MAIN, refits_of_chunk
from cfdna_interp.attribution.route import ModelExplanation, RefitStack, subsets_of
from cfdna_interp.attribution.samples import RoleSamples
from cfdna_interp.attribution.tabular.coalition_table import coalition_table
from cfdna_interp.attribution.tabular.cohort import (
    DiscoveryFeatures,
    FoldedFeatures,
    load_folded,
    model_columns,
    samples_of,
)
from cfdna_interp.attribution.tabular.features import feature_shares
from cfdna_interp.attribution.tabular.model import Fits, contributions_of, frozen_logits
from cfdna_interp.attribution.tabular.model_record import model_of
from cfdna_interp.attribution.tabular.refits import fit_model, refit_stacks
from cfdna_interp.attribution.tabular.rivals import rivals_of
from cfdna_interp.config import Config
from cfdna_interp.records.attribution_notes import InterventionName, ReferenceName
from cfdna_interp.records.base import save_record
from cfdna_interp.records.dominance import InterventionShares, ShareStability
from cfdna_interp.records.model import TableModel
from cfdna_interp.records.retraining import Rival
from cfdna_interp.records.values import known
from cfdna_interp.stats.resampling import bootstrap_counts, stream

NOT_APPLICABLE: dict[InterventionName | ReferenceName, str] = {
    "reweight": "a table of features has no fragments to weigh",
    "edit": "a table of features has no fragments to cut",
}


@dataclass(frozen=True, eq=False)
class RegressionsOnSubset:
    """Regressions on the features of some groups; see ``route.SubsetModel``.

    Attributes
    ----------
    folded, fits
        The discovery cohort, and the regressions of its folds.
    heldout, encoded
        (held-out samples, features) of the model's groups, and their columns encoded by each fold's encoder.
    """

    folded: FoldedFeatures
    fits: Fits
    heldout: np.ndarray
    encoded: list[np.ndarray]

    @property
    def fold(self) -> np.ndarray:
        """(subjects,) the fold in which a subject is tested."""
        return self.folded.fold

    @cached_property
    def logits(self) -> np.ndarray:
        """(samples, 1) logits of discovery samples."""
        return contributions_of(self.folded, self.fits, samples=True).logit.T

    @cached_property
    def subject_logits(self) -> np.ndarray:
        """(subjects,) logits of their average columns."""
        logits: np.ndarray = contributions_of(self.folded, self.fits).logit[0]
        return logits

    @property
    def heldout_logits(self) -> np.ndarray:
        """(held-out samples,) mean logits over the folds' regressions."""
        return frozen_logits(self.fits, self.encoded)

    def save(self, layout: Layout) -> None:
        """Write the description of the model."""
        save_record(model_of(self.folded, self.fits, self.heldout), layout.file(TableModel.FILE))


class TableRoute:
    """Regressions on a table of features; see ``route.Route``."""

    score_setting = "features.table.columns.score"

    def __init__(self, config: Config) -> None:
        self.config, self.layout = config, Layout.of(config.outdir)

    @cached_property
    def folded(self) -> FoldedFeatures:
        """The discovery cohort with its folds."""
        return load_folded(self.config)

    @property
    def groups(self) -> tuple[str, ...]:
        """Names of the feature groups."""
        return self.folded.cohort.names

    @property
    def discovery(self) -> DiscoveryFeatures:
        """The discovery samples."""
        return self.folded.cohort

    @property
    def heldout(self) -> RoleSamples:
        """The held-out samples."""
        return samples_of(self._heldout_table)

    @cached_property
    def _heldout_table(self) -> Table:
        return load_table(self.layout.matrix("heldout"))

    @cached_property
    def _heldout_features(self) -> np.ndarray:
        table = self._heldout_table
        features: np.ndarray = table.X[:, model_columns(table)]
        return features

    @cached_property
    def _heldout_columns(self) -> list[np.ndarray]:
        return [fold.encoder.encode(self._heldout_features) for fold in self.folded.folds]

    def fit(self, present: tuple[str, ...]) -> RegressionsOnSubset:
        """Fit regressions on the features of these groups."""
        fits = fit_model(self.folded, present)
        return RegressionsOnSubset(self.folded, fits, self._heldout_features, self._heldout_columns)

    def rivals(self, logits: Mapping[str, np.ndarray]) -> tuple[Rival, ...]:
        """Compare the model with models of one group and with a plain regression on all features."""
        subsets = subsets_of(self.groups)
        compared = [name for name in logits if name == "model" or len(subsets[name]) == 1]
        return rivals_of(self.folded, {name: logits[name] for name in compared}, seed=self.config.seed)

    def refits(self, chunk: int) -> list[RefitStack]:
        """Fit the refits of a chunk."""
        refits = refits_of_chunk(self.config, chunk)
        return refit_stacks(self.folded, refits, fit_model(self.folded), seed=self.config.seed)

    def explanation(self) -> ModelExplanation:
        """Attribute the predictions of the model, which is fitted again, since the fit is deterministic."""
        folded, cohort, fits = self.folded, self.folded.cohort, fit_model(self.folded)
        contributions = contributions_of(folded, fits).refit(0)
        rng = stream(self.config.seed, "table", "subjects")
        draws = np.stack([bootstrap_counts(cohort.subject_labels, rng) for _ in range(DRAWS)])
        subjects = len(cohort.subject_labels)
        # An additive model has no context and no second intervention.
        shares = InterventionShares(
            intervention=MAIN[0],
            reference=MAIN[1],
            subjects=subjects,
            of=subjects,
            donors=subjects,
            shares=fixed_shares(contributions, draws, dict.fromkeys(cohort.names, 0.0)),
        )
        of_samples = contributions_of(folded, fits, samples=True).refit(0)
        return ModelExplanation(
            contributions=contributions,
            targets=cohort.chances(cohort.targets),
            fold=folded.fold,
            draws=draws,
            donors=subjects,
            coalitions=coalition_table(folded, of_samples),
            tables={"feature_shares.parquet": feature_shares(folded, fits, draws.astype(float))},
            interventions=(shares,),
            stability=ShareStability(folds=_shares_by_fold(folded, contributions), members=()),
            not_applicable=NOT_APPLICABLE,
        )


def _shares_by_fold(
    folded: FoldedFeatures, contributions: Contributions
) -> tuple[dict[str, float | None], ...]:
    """Return shares among the subjects of each fold."""
    rows = np.stack([folded.fold == number for number in range(len(folded.folds))]).astype(float)
    shares = contributions.shares(rows).share
    return tuple(dict(zip(contributions.groups, map(known, share), strict=True)) for share in shares)
