"""Tables whose truth is planted, and the whole decision on one of them in memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import pandas as pd
from made_dominance import surrogate_fidelity

from cfdna_interp.artifacts.matrix import Table
from cfdna_interp.attribution.alike import within_class_correlations
from cfdna_interp.attribution.dominance import figures_of
from cfdna_interp.attribution.figures import Figures
from cfdna_interp.attribution.judge import Ruling
from cfdna_interp.attribution.refit import refit_table
from cfdna_interp.attribution.refit_plan import Refit
from cfdna_interp.attribution.route import subsets_of
from cfdna_interp.attribution.tabular.cohort import DiscoveryFeatures, FoldedFeatures, fold_cohort
from cfdna_interp.attribution.tabular.model import Fits, contributions_of
from cfdna_interp.attribution.tabular.refits import fit_model, refit_stacks
from cfdna_interp.config.settings import Attribution, Model, Validation
from cfdna_interp.models.adapters.scored_model import fidelity as measure_fidelity
from cfdna_interp.models.adapters.scored_model import subset_fidelities
from cfdna_interp.records.retraining import Retraining
from cfdna_interp.stats.roc import mean_auroc

GROUPS = ("fragment_length", "methylation", "coverage")
FEATURES = 10  # of a group, around one latent value of the subject
FOLDED_SD = (1 - 2 / np.pi) ** 0.5  # of the absolute value of a standard normal
# World of independent columns -> columns and effect, in SD of each, by group.
SPREAD = {
    "unequal": ((380, 0.22), (20, 0.22)),
    "beside noise": ((200, 0.22), (200, 0.0)),
    "one and spread": ((1, 1.2), (300, 0.12)),
}


def table_of(
    blocks: Mapping[str, np.ndarray],
    labels: np.ndarray,
    *,
    subjects: np.ndarray | None = None,
    scores: np.ndarray | None = None,
) -> Table:
    """Return a discovery table of (samples, features) blocks by group; a sample a subject by default."""
    names = [f"{group}_{i}" for group, block in blocks.items() for i in range(block.shape[1])]
    samples = tuple(f"S{i:05d}" for i in range(len(labels)))
    obs = pd.DataFrame(index=list(samples))
    if scores is not None:
        obs["score"] = scores
    return Table(
        samples=samples,
        subjects=samples if subjects is None else tuple(f"P{person:05d}" for person in subjects),
        labels=labels,
        X=np.concatenate(list(blocks.values()), axis=1),
        names=tuple(names),
        groups=tuple(group for group, block in blocks.items() for _ in range(block.shape[1])),
        definitions=("",) * len(names),
        obs=obs,
        simulated=True,
        study_groups=tuple(blocks),
        model_groups=tuple(blocks),
    )


def planted(world: str, subjects: int, rng: np.random.Generator) -> Table:
    """Return a table of ``subjects``, half of them cases.

    - ``length``: the latent of fragment length is 2 SD higher in cases;
    - ``redundant``: fragment length and methylation show the same such latent;
    - ``suppressor``: methylation shows the latent with noise added that fragment length shows by itself;
    - ``pair``: fragment length and methylation have the same effect, 1.2 SD, on latents of their own;
    - ``unequal``: 380 columns of fragment length and 20 of methylation, each with an effect of .22 SD by
      itself: independent columns, so that 19 of 20 parts of the signal are in fragment length;
    - ``beside noise``: 200 columns of fragment length with such an effect, 200 of methylation with none;
    - ``one and many``: one column of fragment length and 300 columns of methylation around a latent, both
      latents with the effect of ``pair``;
    - ``one and spread``: one column of fragment length with that effect, and 300 independent columns of
      methylation that have .12 SD each;
    - ``bent``: cases lie at both ends of the latent of fragment length, |z| is 1.2 SD larger in them;
    - ``product``: the sign of the product of both latents tells cases, neither latent does;
    - ``one``: the latent of fragment length is 1 SD higher in cases, a weak effect that nothing else has;
    - ``equal``: all three groups have the same effect, 1 SD, on latents of their own;
    - ``misread``: the latent of methylation is 2 SD higher in cases, that of fragment length 1 SD; a foreign
      score reads fragment length alone;
    - ``null``: no latent knows the label.
    """
    labels = np.repeat([0, 1], subjects // 2)
    if world in SPREAD:
        blocks = {}
        for group, (columns, effect) in zip(GROUPS, SPREAD[world], strict=False):
            blocks[group] = rng.normal(size=(subjects, columns)) + effect * labels[:, None]
        return table_of(blocks, labels)
    length, methylation, coverage = rng.normal(size=(3, subjects))
    signal = 2.0 * labels + rng.normal(size=subjects)
    if world == "length":
        length = signal
    elif world == "redundant":
        length = methylation = signal
    elif world == "suppressor":
        methylation = signal + 1.5 * length
    elif world in ("pair", "one and many"):
        length, methylation = length + 1.2 * labels, methylation + 1.2 * labels
        if world == "one and many":
            noise = 0.5 * rng.normal(size=(subjects, 300))
            return table_of({GROUPS[0]: length[:, None], GROUPS[1]: methylation[:, None] + noise}, labels)
    elif world == "bent":
        length = np.sign(length) * (np.abs(length) + 1.2 * FOLDED_SD * labels)
    elif world == "product":
        methylation = np.abs(methylation) * np.sign(length) * np.where(labels == 1, 1, -1)
    elif world == "one":
        length = length + labels
    elif world == "equal":
        length, methylation, coverage = (latent + labels for latent in (length, methylation, coverage))
    elif world == "misread":
        length, methylation = length + labels, signal
    latents = dict(zip(GROUPS, (length, methylation, coverage), strict=True))
    blocks = {
        group: latent[:, None] + 0.5 * rng.normal(size=(subjects, FEATURES))
        for group, latent in latents.items()
    }
    scores = None
    if world == "misread":
        scores = blocks[GROUPS[0]].mean(axis=1) + 0.1 * rng.normal(size=subjects)
    return table_of(blocks, labels, scores=scores)


@dataclass(frozen=True, eq=False)
class Decision:
    """What the rule says of a table, and all it rests on."""

    outcome: Ruling
    folded: FoldedFeatures
    fits: Fits
    figures: Figures
    retraining: Retraining


def cross_fitted_auroc(folded: FoldedFeatures, fits: Fits) -> float:
    """Return the mean over folds of the AUROC among a fold's subjects."""
    value = mean_auroc(contributions_of(folded, fits).logit[0], folded.cohort.subject_labels, folded.fold)
    assert value is not None
    return value


def decide(
    table: Table,
    seed: int,
    *,
    bootstrap: int = Attribution().bootstrap,
    permutations: int = Attribution().permutations,
    fidelity: float | None = None,
) -> Decision:
    """Fit the model, all subsets and all refits, and put the figures to the rule.

    ``fidelity`` stands in for the lower bound of a surrogate's fidelity, which is measured otherwise.
    """
    folded = fold_cohort(DiscoveryFeatures.of(table), folds=Model().folds, seed=seed)
    names, fits = folded.cohort.names, fit_model(folded)
    cross_fitted, followed, alone = {}, {}, {}
    cohort = folded.cohort
    for name, present in subsets_of(names).items():
        subset = fit_model(folded, present)
        cross_fitted[name] = cross_fitted_auroc(folded, subset)
        logits = contributions_of(folded, subset).logit[0]
        if cohort.scores is not None:
            followed[name] = measure_fidelity(
                cohort.targets, logits, np.arange(len(logits)), seed=seed, source="the test"
            )
        if len(present) == 1 and name.startswith("model_only_"):
            alone[present[0]] = logits
    refits = [Refit("bootstrap", number) for number in range(bootstrap)]
    refits += [Refit("permutation", number) for number in range(permutations)]
    rows = refit_table(refit_stacks(folded, refits, fits, seed=seed), seed=seed)
    contributions = contributions_of(folded, fits).refit(0)
    figures = figures_of(contributions, cohort.chances(cohort.targets), rows, seed=seed)
    surrogate = followed.get("model")
    if fidelity is not None:
        surrogate = surrogate_fidelity(judged_low=fidelity)
    retraining = Retraining(
        cross_fitted_auroc=cross_fitted,
        within_class_correlation=within_class_correlations(alone, cohort.subject_labels, folded.fold),
        rivals=(),
        fidelity=surrogate,
        cross_fitted_fidelity=subset_fidelities(followed),
    )
    outcome = figures.judge(
        subjects=len(folded.cohort.subject_labels),
        context=0.0,
        retraining=retraining,
        margins=Validation(),
    )
    return Decision(outcome, folded, fits, figures, retraining)
