"""Refits behind the shares: over bootstraps of subjects, and over permuted labels.

Both refit the heads alone; the encoder never saw a label, so its embeddings hold for every refit.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from cfdna_interp.artifacts.features import BAG_GROUPS
from cfdna_interp.artifacts.files import atomic_path
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.attribution.coalition_values import coalition_values
from cfdna_interp.attribution.coalitions import by_subject
from cfdna_interp.attribution.contributions import Contributions
from cfdna_interp.attribution.dataset import EmbeddedCohort, load_cohort, load_reference
from cfdna_interp.attribution.refit_plan import Refit, refits_of_chunk, save_table
from cfdna_interp.config import Config
from cfdna_interp.errors import InputError
from cfdna_interp.models.crossfit import CrossFit, crossfit, subject_weights
from cfdna_interp.stats.resampling import bootstrap_counts, stream


@dataclass(frozen=True, eq=False)
class Refitted:
    """Heads of one refit.

    Attributes
    ----------
    fitted
        The heads.
    labels
        (samples,) the labels they were fitted to, in a permutation as dealt out.
    targets
        (samples,) what they were to say: the labels, or probabilities dealt out with them.
    multiplicity
        (subjects,) how often each subject, by ascending code, was drawn.
    """

    fitted: CrossFit
    labels: np.ndarray
    targets: np.ndarray
    multiplicity: np.ndarray

    def contributions(self, cohort: EmbeddedCohort, reference: torch.Tensor) -> Contributions:
        """Return what the heads say of the cohort they were fitted on, a row a subject.

        ``reference`` is (donors, fragments, dim), the embedded reference bags.
        """
        values = coalition_values(cohort, self.fitted, reference)
        return Contributions.of_values(
            by_subject(cohort.codes, values.values), by_subject(cohort.codes, values.reference)
        )


def refit_heads(cohort: EmbeddedCohort, refit: Refit, *, folds: int, seed: int) -> Refitted:
    """Fit the heads once more.

    Parameters
    ----------
    cohort
        The discovery cohort.
    refit
        Which one. A bootstrap draws subjects within each class; a permutation deals the labels out
        anew among subjects.
    folds
        Number of folds.
    seed
        The run's seed.
    """
    rng = stream(seed, refit.kind, refit.number)
    people = by_subject(cohort.codes, cohort.labels[:, None])[:, 0].astype(int)  # (subjects,)
    multiplicity = np.ones(len(people))
    targets = by_subject(cohort.codes, cohort.targets[:, None])[:, 0]
    if refit.kind == "bootstrap":
        multiplicity = bootstrap_counts(people, rng).astype(float)
    else:
        dealt = rng.permutation(len(people))
        people, targets = people[dealt], targets[dealt]
    _, place = np.unique(cohort.codes, return_inverse=True)
    fitted = crossfit(
        cohort.versions[:, 0],
        people[place],
        cohort.codes,
        folds=folds,
        rng=rng,
        weights=subject_weights(cohort.codes) * multiplicity[place],
        targets=targets[place],
    )
    return Refitted(fitted, people[place], targets[place], multiplicity)


def run_refit(config: Config, chunk: int) -> None:
    """Stage ``refit``: write the shares of one chunk of refits, and the heads of its permutations."""
    torch.set_num_threads(1)
    layout = Layout.of(config.outdir)
    cohort, reference = load_cohort(config, "discovery"), load_reference(layout)
    rows, tensors = [], {}
    for refit in refits_of_chunk(config, chunk):
        refitted = refit_heads(cohort, refit, folds=config.model.folds, seed=config.seed)
        if refit.kind == "permutation":
            kept = {"labels": torch.from_numpy(refitted.labels), **refitted.fitted.tensors()}
            tensors.update({f"{refit.number}/{name}": tensor for name, tensor in kept.items()})
        contributions = refitted.contributions(cohort, reference)
        shares = contributions.shares(refitted.multiplicity)
        targets = by_subject(cohort.codes, refitted.targets)
        performance = contributions.performance(targets, refitted.multiplicity, seed=config.seed)
        for place, group in enumerate(BAG_GROUPS):
            rows.append(
                {
                    "kind": refit.kind,
                    "number": refit.number,
                    "group": group,
                    "share": shares.share[place],
                    "covariance_share": shares.covariance[place],
                    "context_and_joint": shares.context,
                    "completeness": contributions.completeness,
                    "performance": performance[place],
                }
            )
    with atomic_path(layout.permuted_heads(chunk)) as temporary:
        save_file(tensors, temporary)
    save_table(pd.DataFrame(rows), layout.refits(chunk))


@dataclass(frozen=True, eq=False)
class PermutedHeads:
    """Heads fitted to permuted labels.

    Attributes
    ----------
    number
        Number of the permutation.
    labels
        (samples,) labels as dealt out.
    fitted
        The heads.
    """

    number: int
    labels: np.ndarray
    fitted: CrossFit


def permuted_heads(layout: Layout, chunks: int) -> list[PermutedHeads]:
    """Read the heads of all permutations, from every one of ``chunks`` chunks of refits; sorted by number.

    Raises
    ------
    InputError
        A file is missing or damaged.
    """
    found = [heads for chunk in range(chunks) for heads in _permuted_heads(layout.permuted_heads(chunk))]
    return sorted(found, key=lambda heads: heads.number)


def _permuted_heads(path: Path) -> list[PermutedHeads]:
    """Read one chunk's permutations, as :func:`run_refit` wrote them."""
    try:
        refits: dict[int, dict[str, torch.Tensor]] = {}
        for key, tensor in load_file(path).items():
            number, name = key.split("/", 1)
            refits.setdefault(int(number), {})[name] = tensor
        return [
            PermutedHeads(number, tensors.pop("labels").numpy(), CrossFit.of_tensors(tensors))
            for number, tensors in refits.items()
        ]
    except (OSError, SafetensorError, KeyError, ValueError, RuntimeError) as error:
        raise InputError(
            f"permuted heads {path} cannot be loaded ({error}); run the refit stage again"
        ) from None
