"""Heads that are refitted on bootstraps of subjects or on permuted labels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from cfdna_interp.artifacts.files import atomic_path
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.attribution.coalition_values import coalition_values
from cfdna_interp.attribution.contributions import Contributions
from cfdna_interp.attribution.dataset import EmbeddedBags
from cfdna_interp.attribution.refit_plan import Refit
from cfdna_interp.errors import InputError
from cfdna_interp.models.crossfit import CrossFit, crossfit, subject_weights
from cfdna_interp.stats.resampling import bootstrap_counts, stream


@dataclass(frozen=True, eq=False)
class HeadRefit:
    """Heads of one refit.

    Attributes
    ----------
    fitted
        The heads.
    labels
        (samples,) the labels they were fitted to, permuted among subjects in a permutation.
    targets
        (subjects,) what they had to predict: the labels, or probabilities that were permuted with them.
    multiplicity
        (subjects,) how often each subject, by ascending code, was drawn.
    """

    fitted: CrossFit
    labels: np.ndarray
    targets: np.ndarray
    multiplicity: np.ndarray

    def contributions(self, cohort: EmbeddedBags, reference: torch.Tensor) -> Contributions:
        """Return the contributions in the cohort that the heads were fitted on, one row per subject.

        ``reference`` is (donors, fragments, dim), the embedded reference bags.
        """
        values = coalition_values(cohort, self.fitted, reference)
        return Contributions.of_values(cohort.average(values.values), cohort.average(values.reference))


def refit_heads(cohort: EmbeddedBags, refit: Refit, *, folds: int, seed: int) -> HeadRefit:
    """Fit the heads once more.

    Parameters
    ----------
    cohort
        The discovery cohort.
    refit
        Kind and number of the refit. A bootstrap resamples subjects within each class. A permutation permutes
        the labels among subjects.
    folds
        Number of folds.
    seed
        The run's seed.
    """
    rng = stream(seed, refit.kind, refit.number)
    labels, targets = cohort.subject_labels, cohort.average(cohort.targets)
    multiplicity = np.ones(len(labels))
    if refit.kind == "bootstrap":
        multiplicity = bootstrap_counts(labels, rng).astype(float)
    else:
        order = rng.permutation(len(labels))
        labels, targets = labels[order], targets[order]
    place = cohort.places
    fitted = crossfit(
        cohort.versions[:, 0],
        labels[place],
        cohort.codes,
        folds=folds,
        rng=rng,
        weights=subject_weights(cohort.codes) * multiplicity[place],
        targets=targets[place],
    )
    return HeadRefit(fitted, labels[place], targets, multiplicity)


def save_permuted_heads(refits: Mapping[int, HeadRefit], path: Path) -> None:
    """Write the heads of permutations, by number, with the labels that they were fitted to."""
    tensors = {
        f"{number}/{name}": tensor
        for number, refit in refits.items()
        for name, tensor in {"labels": torch.from_numpy(refit.labels), **refit.fitted.tensors()}.items()
    }
    with atomic_path(path) as temporary:
        save_file(tensors, temporary)


@dataclass(frozen=True, eq=False)
class PermutedHeads:
    """Heads fitted to permuted labels.

    Attributes
    ----------
    number
        Number of the permutation.
    labels
        (samples,) the permuted labels.
    fitted
        The heads.
    """

    number: int
    labels: np.ndarray
    fitted: CrossFit


def permuted_heads(layout: Layout, chunks: int) -> list[PermutedHeads]:
    """Read the heads of all permutations from all ``chunks`` chunks of refits, sorted by number.

    Raises
    ------
    InputError
        A file is missing or damaged.
    """
    every = [heads for chunk in range(chunks) for heads in _permuted_heads(layout.permuted_heads(chunk))]
    return sorted(every, key=lambda heads: heads.number)


def _permuted_heads(path: Path) -> list[PermutedHeads]:
    """Read one chunk's permutations, as :func:`save_permuted_heads` wrote them."""
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
