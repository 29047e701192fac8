"""Retrained subsets: which there are, and the cross-fitted AUROC that compares them."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cfdna_interp.attribution.bag_route import HeadsOnSubset
from cfdna_interp.attribution.dataset import EmbeddedBags
from cfdna_interp.attribution.route import subsets_of
from cfdna_interp.attribution.train import cross_fitted_auroc
from cfdna_interp.models.crossfit import CrossFit


def cohort_of(codes: list[int], labels: list[int]) -> EmbeddedBags:
    n = len(codes)
    return EmbeddedBags(
        samples=tuple(f"S{row}" for row in range(n)),
        subjects=tuple(f"P{code}" for code in codes),
        codes=np.array(codes),
        labels=np.array(labels),
        versions=torch.zeros(n, 4, 1, 1, 1),
        touches=torch.zeros(n, 1, 1, dtype=torch.bool),
    )


def fold_auroc(fitted: CrossFit, cohort: EmbeddedBags, logits: np.ndarray) -> float:
    """The cross-fitted AUROC of heads that give these (samples,) logits."""
    model = HeadsOnSubset(fitted, cohort, logits[:, None], heldout_logits=np.zeros(0))
    return cross_fitted_auroc(model, cohort)


def test_subsets_of_three_groups_are_all_eight() -> None:
    assert subsets_of(("length", "methylation", "tissue")) == {
        "model": ("length", "methylation", "tissue"),
        "model_without_length": ("methylation", "tissue"),
        "model_without_methylation": ("length", "tissue"),
        "model_without_tissue": ("length", "methylation"),
        "model_only_length": ("length",),
        "model_only_methylation": ("methylation",),
        "model_only_tissue": ("tissue",),
        "model_only_context": (),
    }


def test_auroc_is_of_subjects_within_folds() -> None:
    # Fold 0: subject 0, a case, has samples at 1 and 3, so 2; subject 1, a case, 0; subject 2, a control,
    # 1.5: one of two pairs in order, 1/2 (1/3 over samples).
    # Fold 1: the case at 10 above controls at 9 and 8, below the one at 11: 2/3.
    # Mean 7/12; pooled over the folds it would be 4/12.
    codes, labels = [0, 0, 1, 2, 3, 4, 5, 6], [1, 1, 1, 0, 1, 0, 0, 0]
    logits = np.array([1.0, 3.0, 0.0, 1.5, 10.0, 9.0, 8.0, 11.0])
    fitted = CrossFit(np.array([0, 0, 0, 0, 1, 1, 1, 1]), heads=[[], []])
    assert fold_auroc(fitted, cohort_of(codes, labels), logits) == pytest.approx(7 / 12)


def test_the_order_of_samples_does_not_matter() -> None:
    codes, labels = np.array([4, 1, 3, 0, 1, 2]), np.array([1, 0, 0, 1, 0, 1])
    logits, fold = np.array([0.1, -1.0, 0.3, 2.0, 1.0, -0.2]), np.zeros(6, dtype=int)
    order = np.array([5, 2, 0, 3, 1, 4])
    straight = fold_auroc(CrossFit(fold, [[]]), cohort_of(codes.tolist(), labels.tolist()), logits)
    turned = fold_auroc(
        CrossFit(fold, [[]]), cohort_of(codes[order].tolist(), labels[order].tolist()), logits[order]
    )
    # Cases at .1, 2 and -.2; controls at 0 (the mean of -1 and 1) and .3: 1 + 2 + 0 of 6 pairs.
    assert straight == turned == pytest.approx(3 / 6)


def test_a_fold_with_one_class_says_nothing() -> None:
    fitted = CrossFit(np.array([0, 0, 1, 1]), heads=[[], []])
    cohort = cohort_of([0, 1, 2, 3], [1, 0, 1, 1])
    assert fold_auroc(fitted, cohort, np.array([1.0, 0.0, -5.0, -6.0])) == 1.0
