"""Stage ``train``: the model, models without each group and with single groups, and their held-out scores.

Every subset of the groups is fitted in the same way. In bags a group is left out by swapping its values for
donors', in training and in testing. In a table its columns are left out.
"""

from __future__ import annotations

import logging

import numpy as np

from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.predictions import Prediction, Score, frozen_scores, save_predictions, save_scores
from cfdna_interp.attribution.alike import within_class_correlations
from cfdna_interp.attribution.route import ALONE, SubsetModel, load_route, subsets_of
from cfdna_interp.attribution.samples import RoleSamples
from cfdna_interp.config import Config
from cfdna_interp.models.adapters.scored_model import fidelity, subset_fidelities
from cfdna_interp.records.base import save_record
from cfdna_interp.records.retraining import Retraining, SurrogateFidelity
from cfdna_interp.stats.roc import mean_auroc

logger = logging.getLogger(__name__)


def run_train(config: Config) -> None:
    """Stage ``train``: the model, cross-fitted predictions, frozen held-out scores of all subsets."""
    layout, route = Layout.of(config.outdir), load_route(config)
    discovery, heldout = route.discovery, route.heldout
    scores: list[Score] = []
    cross_fitted: dict[str, float] = {}
    fidelities: dict[str, SurrogateFidelity] = {}
    logits: dict[str, np.ndarray] = {}
    alone: dict[str, np.ndarray] = {}
    for name, present in subsets_of(route.groups).items():
        model = route.fit(present)
        logits[name] = model.subject_logits
        cross_fitted[name] = cross_fitted_auroc(model, discovery)
        logger.info("%s: cross-fitted AUROC %.3f", name, cross_fitted[name])
        if discovery.scores is not None:
            fidelities[name] = fidelity(
                discovery.scores,
                model.logits.mean(axis=1),
                discovery.codes,
                seed=config.seed,
                source=route.score_setting,
            )
        if name.startswith(ALONE) and present:
            alone[present[0]] = model.subject_logits
        if name == "model":
            fold = model.fold
            model.save(layout)
            save_predictions(_predictions(model, discovery), layout.file("predictions.discovery.parquet"))
        scores += frozen_scores(name, model.heldout_logits, heldout.scores, heldout.samples, heldout.subjects)
    record = Retraining(
        cross_fitted_auroc=cross_fitted,
        within_class_correlation=within_class_correlations(alone, discovery.subject_labels, fold),
        rivals=route.rivals(logits),
        fidelity=fidelities.get("model"),
        cross_fitted_fidelity=subset_fidelities(fidelities),
    )
    save_record(record, layout.file(Retraining.FILE))
    save_scores(scores, layout.scores("model"))


def cross_fitted_auroc(model: SubsetModel, discovery: RoleSamples) -> float:
    """Return the mean over folds of the AUROC among a fold's subjects."""
    value = mean_auroc(model.subject_logits, discovery.subject_labels, model.fold)
    assert value is not None  # folds are stratified, so each has both classes
    return value


def _predictions(model: SubsetModel, discovery: RoleSamples) -> list[Prediction]:
    """Return cross-fitted logits, or the scores of a model that is known by its scores alone."""
    logits = model.logits
    said = logits.mean(axis=1) if discovery.scores is None else discovery.scores
    # A row of a table is one bag, so it has no standard deviation over bags.
    spread = logits.std(axis=1, ddof=1) if logits.shape[1] > 1 else np.zeros(len(logits))
    return [
        Prediction(
            sample=sample,
            subject=discovery.subjects[row],
            label=int(discovery.labels[row]),
            fold=int(model.fold[discovery.places[row]]),
            logit=float(said[row]),
            sd=float(spread[row]),
        )
        for row, sample in enumerate(discovery.samples)
    ]
