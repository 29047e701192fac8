"""Simpler models that are compared with the model under study. If one is better, it is not explained."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from cfdna_interp.attribution.tabular.cohort import FoldedFeatures
from cfdna_interp.attribution.tabular.regression import Regressions
from cfdna_interp.records.retraining import Rival
from cfdna_interp.stats.resampling import stream
from cfdna_interp.stats.roc import bootstrap_draws, concordance

PLAIN = "plain"
DRAWS = 2_000
# Lower bound of a rival's advantage in AUROC from which on the model is not explained. It is no larger than
# the loss that makes a group necessary.
BEATEN = 0.02


def plain_logits(folded: FoldedFeatures) -> np.ndarray:
    """Return (subjects,) cross-fitted logits of a ridge logistic regression on all standardised features.

    Every feature has a variance of 1, none is left out, and groups play no role. The penalty follows the rule
    that also applies to model and rivals: the largest within one standard error.
    """
    cohort = folded.cohort
    logits = np.zeros(len(cohort.subject_labels))
    for fold in folded.folds:
        standard = cohort.averaging @ fold.encoder.standardise(cohort.X)
        spread = standard[fold.train].std(axis=0)
        standard = standard / np.where(spread > 0, spread, np.inf)
        targets = cohort.targets[fold.train, None]
        regressions = Regressions(standard[fold.train], logistic=True)
        solved = regressions.solve(targets, np.ones_like(targets), regressions.left_out(targets).penalty)
        logits[fold.test] = standard[fold.test] @ solved.coefficient[:, 0] + solved.intercept[0]
    return logits


def rivals_of(folded: FoldedFeatures, logits: Mapping[str, np.ndarray], *, seed: int) -> tuple[Rival, ...]:
    """Compare the model with each group alone and with a plain regression, on the same subjects and folds.

    Parameters
    ----------
    folded
        The cohort.
    logits
        Score name -> (subjects,) cross-fitted logits of ``model`` and of the rivals ``model_only_<group>``.
    seed
        The run's seed.

    Returns
    -------
    The rivals, with intervals over bootstraps of subjects within fold and class, without refits. The
    intervals are simultaneous for all rivals (95 %, Bonferroni), since the best of several is picked. Without
    this, one in ten cohorts without any signal had a better rival. Empty for a surrogate, which isn't fitted
    to labels.
    """
    if not folded.cohort.logistic:
        return ()
    model = logits["model"]
    others = {name: rival for name, rival in logits.items() if name != "model"}
    others[PLAIN] = plain_logits(folded)
    labels, fold = folded.cohort.subject_labels, folded.fold
    rivals, tail = [], 0.025 / len(others)
    for name, rival in others.items():
        rng = stream(seed, "rivals", name)
        parts, kernels = [], []
        for number in range(len(folded.folds)):
            rows = fold == number
            kernel = concordance(labels[rows], rival[rows])
            gain = kernel - concordance(labels[rows], model[rows])
            kernels.append((kernel.mean(), gain.mean()))
            parts.append(bootstrap_draws(labels[rows], gain, rng, DRAWS))
        value, difference = np.mean(kernels, axis=0).tolist()
        low, high = np.quantile(np.mean(parts, axis=0), [tail, 1 - tail]).tolist()
        rivals.append(
            Rival(
                name=name,
                auroc=value,
                difference=difference,
                low=min(low, difference),
                high=max(high, difference),
                n=len(labels),
            )
        )
    return tuple(rivals)


def beaten_by(rivals: Sequence[Rival]) -> Rival | None:
    """Return the rival that is surely better than the model; of several, the one with the highest bound."""
    better = [rival for rival in rivals if rival.low > BEATEN]
    return max(better, key=lambda rival: rival.low, default=None)
