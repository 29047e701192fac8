"""The full model, and models retrained with a group left out or left alone, on equal terms.

Leaving a group out means that its values are swapped for donors' in every bag, in training as in
testing: the network, the number of fragments and the fitting are the same for every subset.
"""

from __future__ import annotations

import logging

import numpy as np
import torch

from cfdna_interp.artifacts.features import BAG_GROUPS
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.predictions import Prediction, Score, frozen_scores, save_predictions, save_scores
from cfdna_interp.attribution.alike import within_class_correlations
from cfdna_interp.attribution.coalitions import by_subject
from cfdna_interp.attribution.dataset import EmbeddedCohort, load_cohort
from cfdna_interp.config import Config
from cfdna_interp.models.adapters.scored_model import fidelity, subset_fidelities
from cfdna_interp.models.crossfit import CrossFit, crossfit
from cfdna_interp.records.base import save_record
from cfdna_interp.records.retraining import Retraining, SurrogateFidelity
from cfdna_interp.stats.resampling import stream
from cfdna_interp.stats.roc import auroc

logger = logging.getLogger(__name__)


def subsets() -> dict[str, tuple[bool, ...]]:
    """Return score name -> groups present, of every subset.

    The full model, each group left out (of three groups: the pairs), each group alone, and none.
    """
    result = {"model": tuple(True for _ in BAG_GROUPS)}
    for group in BAG_GROUPS:
        result[f"model_without_{group}"] = tuple(other != group for other in BAG_GROUPS)
    for group in BAG_GROUPS:
        result[f"model_only_{group}"] = tuple(other == group for other in BAG_GROUPS)
    result["model_only_context"] = tuple(False for _ in BAG_GROUPS)
    return result


def fold_auroc(fitted: CrossFit, cohort: EmbeddedCohort, logits: np.ndarray) -> float:
    """Return the mean over folds of the AUROC within a fold: logits of different heads are never pooled.

    Parameters
    ----------
    fitted, cohort
        The heads and the cohort they were fitted on.
    logits
        (samples,) cross-fitted logits.
    """
    values = []
    for fold in range(len(fitted.heads)):
        rows = fitted.fold == fold
        per_subject = by_subject(cohort.codes[rows], np.stack([logits[rows], cohort.labels[rows]], axis=1))
        if len(np.unique(per_subject[:, 1])) == 2:
            values.append(auroc(per_subject[:, 1].astype(int), per_subject[:, 0]))
    return float(np.mean(values))


def run_train(config: Config) -> None:
    """Stage ``train``: heads, cross-fitted predictions, frozen held-out scores of all subsets."""
    torch.set_num_threads(1)
    layout = Layout.of(config.outdir)
    discovery, heldout = load_cohort(config, "discovery"), load_cohort(config, "heldout")
    scores: list[Score] = []
    cross_fitted = {}
    followed: dict[str, SurrogateFidelity] = {}
    alone: dict[str, np.ndarray] = {}
    for name, present in subsets().items():
        bags = discovery.coalition(present)
        fitted = crossfit(
            bags,
            discovery.labels,
            discovery.codes,
            folds=config.model.folds,
            # The same stream for every subset: folds and starts are alike, only the bags differ.
            rng=stream(config.seed, "train"),
            ensemble=config.model.ensemble,
            targets=discovery.targets,
        )
        logits = fitted.logits(bags)
        mean = logits.mean(axis=1)
        cross_fitted[name] = fold_auroc(fitted, discovery, mean)
        if discovery.scores is not None:
            followed[name] = fidelity(discovery.scores, mean, discovery.codes, seed=config.seed)
        if sum(present) == 1:
            alone[name.removeprefix("model_only_")] = by_subject(discovery.codes, mean[:, None])[:, 0]
        logger.info("%s: cross-fitted AUROC %.3f", name, cross_fitted[name])
        frozen = fitted.ensemble_logits(heldout.coalition(present)).mean(axis=1)
        if name == "model":
            fitted.save(layout.file("heads.safetensors"), discovery.samples)
            fold = by_subject(discovery.codes, fitted.fold[:, None])[:, 0]
            save_predictions(
                _predictions(discovery, fitted, logits), layout.file("predictions.discovery.parquet")
            )
        scores += frozen_scores(name, frozen, heldout.scores, heldout.samples, heldout.subjects)
    labels = by_subject(discovery.codes, discovery.labels[:, None])[:, 0]
    record = Retraining(
        cross_fitted_auroc=cross_fitted,
        within_class_correlation=within_class_correlations(alone, labels, fold),
        rivals=(),
        fidelity=followed.get("model"),
        cross_fitted_fidelity=subset_fidelities(followed),
    )
    save_record(record, layout.file(Retraining.FILE))
    save_scores(scores, layout.scores("model"))


def _predictions(cohort: EmbeddedCohort, fitted: CrossFit, logits: np.ndarray) -> list[Prediction]:
    """Return cross-fitted logits, or the scores of a model that is known by nothing else."""
    mean = logits.mean(axis=1) if cohort.scores is None else cohort.scores
    return [
        Prediction(
            sample=cohort.samples[row],
            subject=cohort.subjects[row],
            label=int(cohort.labels[row]),
            fold=int(fitted.fold[row]),
            logit=float(mean[row]),
            sd=float(logits[row].std(ddof=1)),
        )
        for row in range(len(cohort.samples))
    ]
