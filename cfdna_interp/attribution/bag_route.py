"""The model of a cohort of alignments: heads on embedded bags of fragments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import torch

from cfdna_interp.artifacts.exclusions import kept_samples
from cfdna_interp.artifacts.features import BAG_GROUPS
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.attribution.bag_explanation import explain_bags
from cfdna_interp.attribution.dataset import EmbeddedBags, load_cohort, load_heads, load_reference
from cfdna_interp.attribution.head_refits import refit_heads, save_permuted_heads
from cfdna_interp.attribution.refit_plan import refits_of_chunk
from cfdna_interp.attribution.route import ModelExplanation, RefitStack
from cfdna_interp.config import Config
from cfdna_interp.models.crossfit import CrossFit, crossfit
from cfdna_interp.records.retraining import Rival
from cfdna_interp.stats.resampling import stream


@dataclass(frozen=True, eq=False)
class HeadsOnSubset:
    """Heads fitted to bags in which only some groups have their own values; see ``route.SubsetModel``."""

    heads: CrossFit
    discovery: EmbeddedBags
    logits: np.ndarray
    heldout_logits: np.ndarray

    @property
    def fold(self) -> np.ndarray:
        """(subjects,) the fold in which each subject is tested."""
        return self.discovery.average(self.heads.fold).astype(int)

    @property
    def subject_logits(self) -> np.ndarray:
        """(subjects,) mean logits over bags and samples."""
        return self.discovery.average(self.logits.mean(axis=1))

    def save(self, layout: Layout) -> None:
        """Write the heads."""
        self.heads.save(layout.file("heads.safetensors"), self.discovery.samples)


class BagRoute:
    """Heads on embedded bags; see ``route.Route``."""

    score_setting = "model.checkpoint"

    def __init__(self, config: Config) -> None:
        torch.set_num_threads(1)
        self.config, self.layout, self.groups = config, Layout.of(config.outdir), BAG_GROUPS

    @cached_property
    def discovery(self) -> EmbeddedBags:
        """The bags of discovery samples."""
        return load_cohort(self.config, "discovery")

    @cached_property
    def heldout(self) -> EmbeddedBags:
        """The bags of held-out samples."""
        return load_cohort(self.config, "heldout")

    def fit(self, present: tuple[str, ...]) -> HeadsOnSubset:
        """Fit heads to bags in which all other groups have donors' values."""
        bags = self.discovery.coalition(present)
        heads = crossfit(
            bags,
            self.discovery.labels,
            self.discovery.codes,
            folds=self.config.model.folds,
            # All subsets use the same stream, so folds and starts are equal and only the bags differ.
            rng=stream(self.config.seed, "train"),
            ensemble=self.config.model.ensemble,
            targets=self.discovery.targets,
        )
        return HeadsOnSubset(
            heads=heads,
            discovery=self.discovery,
            logits=heads.logits(bags),
            heldout_logits=heads.ensemble_logits(self.heldout.coalition(present)).mean(axis=1),
        )

    def rivals(self, logits: Mapping[str, np.ndarray]) -> tuple[Rival, ...]:
        """Return none, since simpler models are fitted to tables only."""
        return ()

    def refits(self, chunk: int) -> list[RefitStack]:
        """Fit the heads of a chunk's refits, and write those of its permutations."""
        reference = load_reference(self.layout)
        stacks, permuted = [], {}
        for refit in refits_of_chunk(self.config, chunk):
            heads = refit_heads(self.discovery, refit, folds=self.config.model.folds, seed=self.config.seed)
            if refit.kind == "permutation":
                permuted[refit.number] = heads
            contributions = heads.contributions(self.discovery, reference)
            stacks.append(
                RefitStack(refit.kind, (refit.number,), contributions, heads.multiplicity, heads.targets)
            )
        save_permuted_heads(permuted, self.layout.permuted_heads(chunk))
        return stacks

    def explanation(self) -> ModelExplanation:
        """Attribute the predictions of the saved heads."""
        heads = load_heads(self.layout, kept_samples(self.layout, "discovery"))
        return explain_bags(self.config, self.discovery, heads, load_reference(self.layout))
