"""The cost to the heads of erasing each concept, compared with as many random directions."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from cfdna_interp.models.crossfit import CrossFit
from cfdna_interp.representation.erasure import Eraser, Moments, fit_eraser, gather, noise_edge, random_eraser
from cfdna_interp.representation.head_cost import Erasers, FoldedAuroc, erased_logits
from cfdna_interp.representation.linear_probes import Task
from cfdna_interp.representation.material import Material
from cfdna_interp.representation.sightings import Codings, Sums
from cfdna_interp.representation.use import Erased
from cfdna_interp.stats.estimates import IntervalEstimate
from cfdna_interp.stats.resampling import stream

NULL_DRAWS = 20  # exceeding all of them has a chance of 1 in 21

_Key = tuple[str, str]  # concept and "whole" or "partial"; "null", rank and draw


@dataclass(frozen=True, eq=False)
class Costs:
    """The costs of erasing concepts.

    Attributes
    ----------
    auroc
        AUROC of the heads with nothing erased.
    erasers
        Eraser of each concept, by name.
    erased
        Losses of the heads, by name.
    """

    auroc: IntervalEstimate
    erasers: dict[str, Erasers]
    erased: dict[str, Erased]


def erase_concepts(
    material: Material, fitted: CrossFit, tasks: list[Task], codings: Codings, sums: Sums, resamples: int
) -> Costs:
    """Erase each concept separately, and measure the loss of the frozen heads.

    Concepts of fragments are erased with moments over all fragments. Their columns include curves. As far as
    these fit, the expected embedding then doesn't depend on the concept. Concepts of samples are erased from
    mean embeddings. The eraser of a fold is fitted on the samples of the other folds, since the label is one
    of these concepts.

    Parameters
    ----------
    material, fitted
        The cohort and the heads fitted on it.
    tasks
        The concepts. Those of fragments have a coding.
    codings, sums
        The concepts' columns, and the cohort's moments.
    resamples
        Number of bootstraps over subjects for each interval.
    """
    variants: dict[_Key, Erasers] = {}
    folds = len(fitted.heads)
    for task in tasks:
        name = task.concept.name
        if task.fragments:
            columns = codings.places[name]
            whole = sums.moments.of(columns)
            variants[name, "whole"] = [fit_eraser(whole, noise_edge(whole))] * folds
            others = np.setdiff1d(np.arange(sums.moments.zz.shape[0]), columns)
            partial = sums.moments.partial(columns, others)
            eraser = fit_eraser(partial, noise_edge(partial))
            if len(others) and eraser.rank:
                variants[name, "partial"] = [eraser] * folds
        else:
            variants[name, "whole"] = [_sample_eraser(task, sums, fold) for fold in range(folds)]
    names = [task.concept.name for task in tasks]
    ranks = {name: max(eraser.rank for eraser in variants[name, "whole"]) for name in names}
    for rank in sorted(set(ranks.values())):
        for draw in range(NULL_DRAWS):
            rng = stream(material.seed, "probes", "null", draw)
            variants[f"null {rank}", str(draw)] = [random_eraser(sums.moments, rank, rng)] * folds
    logits = erased_logits(material, fitted, list(variants.values()))
    folded = FoldedAuroc.of(material, fitted, stream(material.seed, "probes", "auroc"), resamples)
    cost = {key: folded.cost(logits[0], row) for key, row in zip(variants, logits[1:], strict=True)}
    erased = {
        name: Erased(
            rank=rank,
            cost=cost[name, "whole"],
            partial_cost=cost.get((name, "partial")),
            null_high=max(cost[f"null {rank}", str(draw)].value for draw in range(NULL_DRAWS)),
            shared=name in codings.concepts and len(codings.concepts) > 1,
        )
        for name, rank in ranks.items()
    }
    return Costs(folded.score(logits[0]), {name: variants[name, "whole"] for name in ranks}, erased)


def _sample_eraser(task: Task, sums: Sums, fold: int) -> Eraser:
    """Return the eraser of a concept of samples, fitted on the samples outside a fold.

    The directions are those in which mean embeddings differ with the concept. Distances use the covariance of
    fragments, as for other concepts, because that of means over hardly more samples than dimensions is mostly
    noise.
    """
    concept = task.concept
    rows = np.flatnonzero(concept.known & (task.fold != fold))
    if len(rows) == 0:  # the concept is unknown for all samples outside the fold
        dim = len(sums.moments.mean)
        return Eraser(sums.moments.mean, np.zeros((dim, dim)), 0)
    values = concept.values[rows]
    if concept.kind == "number":
        columns = values[:, None]
    else:
        columns = (values[:, None] == np.unique(concept.values[concept.known])).astype(np.float64)
    means = gather([(sums.means[rows], columns)])
    moments = Moments(means.n, sums.moments.mean, sums.moments.xx, means.xz, means.zz)
    return fit_eraser(moments)
