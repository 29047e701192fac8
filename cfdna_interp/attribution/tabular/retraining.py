"""Stage ``train`` for a table: the model, the same without and with single groups, frozen held-out scores."""

from __future__ import annotations

import logging

import numpy as np

from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.matrix import load_table
from cfdna_interp.artifacts.predictions import Prediction, Score, frozen_scores, save_predictions, save_scores
from cfdna_interp.attribution.alike import within_class_correlations
from cfdna_interp.attribution.tabular.cohort import Folded, load_folded, scores_of
from cfdna_interp.attribution.tabular.model import Fits, contributions_of, frozen_logits
from cfdna_interp.attribution.tabular.refits import fit_model
from cfdna_interp.attribution.tabular.rivals import rivals_of
from cfdna_interp.config import Config
from cfdna_interp.models.adapters.table import fidelity, subset_fidelities
from cfdna_interp.records.base import save_record
from cfdna_interp.records.model import ModelGroup, TableModel
from cfdna_interp.records.retraining import Retraining, SurrogateFidelity
from cfdna_interp.stats.roc import mean_auroc

logger = logging.getLogger(__name__)

ALONE = "model_only_"


def subsets_of(groups: tuple[str, ...]) -> dict[str, tuple[str, ...]]:
    """Return score name -> groups present: all, each left out, each alone, none."""
    return {
        "model": groups,
        **{f"model_without_{group}": tuple(g for g in groups if g != group) for group in groups},
        **{ALONE + group: (group,) for group in groups},
        "model_only_context": (),
    }


def cross_fitted_auroc(folded: Folded, fits: Fits) -> float:
    """Return the mean over folds of the AUROC among a fold's subjects."""
    value = mean_auroc(contributions_of(folded, fits).logit[0], folded.cohort.labels, folded.fold)
    assert value is not None  # folds are stratified: each holds both classes
    return value


def run_train(config: Config) -> None:
    """Stage ``train`` for a table: the model, its predictions, frozen held-out scores of all subsets."""
    layout = Layout.of(config.outdir)
    folded, heldout = load_folded(config), load_table(layout.matrix("heldout"))
    chosen = [i for i, group in enumerate(heldout.groups) if group in heldout.model_groups]
    X = heldout.X[:, chosen]
    encoded = [fold.encoder.encode(X) for fold in folded.folds]
    foreign = scores_of(heldout)
    cross_fitted: dict[str, float] = {}
    followed: dict[str, SurrogateFidelity] = {}
    alone: dict[str, np.ndarray] = {}
    scores: list[Score] = []
    compared: dict[str, Fits] = {}
    for name, present in subsets_of(folded.cohort.names).items():
        fits = fit_model(folded, present)
        cross_fitted[name] = cross_fitted_auroc(folded, fits)
        logger.info("%s: cross-fitted AUROC %.3f", name, cross_fitted[name])
        logits = contributions_of(folded, fits, samples=True).logit[0]
        if folded.cohort.scores is not None:
            followed[name] = _fidelity(folded, folded.cohort.scores, logits, config.seed)
        if name.startswith(ALONE) and present:
            alone[present[0]] = contributions_of(folded, fits).logit[0]
        if name == "model" or len(present) == 1:
            compared[name] = fits
        frozen = frozen_logits(fits, encoded)
        if name == "model":
            _save_predictions(folded, logits, layout)
            save_record(model_of(folded, fits, X), layout.file(TableModel.FILE))
        scores += frozen_scores(name, frozen, foreign, heldout.samples, heldout.subjects)
    record = Retraining(
        cross_fitted_auroc=cross_fitted,
        within_class_correlation=within_class_correlations(alone, folded.cohort.labels, folded.fold),
        rivals=rivals_of(folded, compared, seed=config.seed),
        fidelity=followed.get("model"),
        cross_fitted_fidelity=subset_fidelities(followed),
    )
    save_record(record, layout.file(Retraining.FILE))
    save_scores(scores, layout.scores("model"))


def _fidelity(folded: Folded, scores: np.ndarray, logits: np.ndarray, seed: int) -> SurrogateFidelity:
    """Return how well a surrogate's logits follow a foreign model's scores, both (samples,)."""
    return fidelity(scores, logits, folded.cohort.place, seed=seed, source="features.table.columns.score")


def _save_predictions(folded: Folded, logits: np.ndarray, layout: Layout) -> None:
    """Write cross-fitted logits, or the scores of a foreign model; a row has no bags to vary over."""
    cohort = folded.cohort
    said = logits if cohort.scores is None else cohort.scores
    rows = [
        Prediction(
            sample=sample,
            subject=cohort.people[person],
            label=int(cohort.labels[person]),
            fold=int(folded.fold[person]),
            logit=float(logit),
            sd=0.0,
        )
        for sample, person, logit in zip(cohort.samples, cohort.place, said, strict=True)
    ]
    save_predictions(rows, layout.file("predictions.discovery.parquet"))


def model_of(folded: Folded, fits: Fits, heldout: np.ndarray) -> TableModel:
    """Return what the model is made of.

    Parameters
    ----------
    folded, fits
        The discovery cohort with its folds, and the model.
    heldout
        (samples, features) held-out features, for what is missing there.
    """
    cohort = folded.cohort
    encoders = [fold.encoder for fold in folded.folds]
    chosen = [fits.weighting(number) for number in range(len(encoders))]
    return TableModel(
        kind="logistic" if cohort.logistic else "scores",
        consumes=tuple(cohort.names),
        dim=max(len(one.columns(encoder)[0]) for one, encoder in zip(chosen, encoders, strict=True)),
        folds=len(encoders),
        penalty=tuple(fits.penalty[:, 0].tolist()),
        weighting=tuple(one.name for one in chosen),
        basis=tuple("splines" if one.bent else "linear" for one in chosen),
        groups={
            group: ModelGroup(
                features=len(places),
                weight=tuple(one.weights[group] for one in chosen),
                components=tuple(encoder.axes[group].shape[1] for encoder in encoders),
                explained=tuple(encoder.explained[group] for encoder in encoders),
                missing={
                    "discovery": _missing(cohort.X[:, places]),
                    "heldout": _missing(heldout[:, places]),
                },
            )
            for group, places in cohort.groups.items()
        },
    )


def _missing(X: np.ndarray) -> float:
    return float(np.isnan(X).mean()) if X.size else 0.0
