"""The embedded bags of a cohort in memory."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import load_file
from scipy.special import expit

from cfdna_interp.artifacts.exclusions import kept_samples
from cfdna_interp.artifacts.features import BAG_GROUPS
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.sheet import Sample
from cfdna_interp.attribution.coalitions import versions_of
from cfdna_interp.attribution.embed import load_embedded
from cfdna_interp.attribution.samples import RoleSamples
from cfdna_interp.config import Config
from cfdna_interp.errors import InputError
from cfdna_interp.models.adapters.scored_model import read_scores
from cfdna_interp.models.crossfit import CrossFit


@dataclass(frozen=True, eq=False, kw_only=True)
class EmbeddedBags(RoleSamples):
    """The embedded bags of all samples of a role that were not excluded.

    Attributes
    ----------
    versions
        (samples, 4, donors, fragments, dim) embeddings.
    touches
        (samples, donors, fragments) bool: the fragment touches an atlas block.
    """

    versions: torch.Tensor
    touches: torch.Tensor

    @property
    def targets(self) -> np.ndarray:
        """(samples,) what heads are to predict: labels, or probabilities of a model known by its scores."""
        return self.labels if self.scores is None else expit(self.scores)

    def coalition(self, present: Collection[str]) -> torch.Tensor:
        """Return (samples, donors, fragments, dim): bags in which only these groups have their own values."""
        outside, inside = versions_of(tuple(group in present for group in BAG_GROUPS))
        if outside == inside:
            return self.versions[:, outside]
        return torch.where(self.touches[..., None], self.versions[:, inside], self.versions[:, outside])


def load_cohort(config: Config, role: str) -> EmbeddedBags:
    """Read the embedded bags of a role, and the scores of a model that is known by its scores alone.

    Raises
    ------
    InputError
        No sample is left, a file or a score is missing, or files differ in shape.
    """
    layout = Layout.of(config.outdir)
    members = kept_samples(layout, role)
    if not members:
        raise InputError(f"no {role} sample is left after exclusions; see exclusions.tsv")
    versions, touches = _stacked([layout.embeddings(role, sample.sample) for sample in members], role)
    names = tuple(sample.sample for sample in members)
    known_by_scores = config.model.encoder == "table"
    codes = {subject: code for code, subject in enumerate(sorted({sample.subject for sample in members}))}
    return EmbeddedBags(
        samples=names,
        subjects=tuple(sample.subject for sample in members),
        codes=np.array([codes[sample.subject] for sample in members]),
        labels=np.array([-1 if sample.label is None else sample.label for sample in members]),
        versions=versions,
        touches=touches,
        scores=read_scores(str(config.model.checkpoint), names) if known_by_scores else None,
    )


def _stacked(paths: list[Path], role: str) -> tuple[torch.Tensor, torch.Tensor]:
    """Read embedded samples one by one into one array, so that memory holds them once."""
    first = load_embedded(paths[0])
    versions = first.versions.new_empty((len(paths), *first.versions.shape))
    touches = first.touches.new_empty((len(paths), *first.touches.shape))
    for place, path in enumerate(paths):
        embedded = load_embedded(path)
        if embedded.versions.shape != first.versions.shape:
            raise InputError(
                f"the embeddings of role {role} differ in shape; delete the embeddings folder and run again"
            )
        versions[place], touches[place] = embedded.versions, embedded.touches
    return versions, touches


def load_heads(layout: Layout, samples: Iterable[Sample]) -> CrossFit:
    """Read the cross-fitted heads of these samples; raise ``InputError`` if they belong to others."""
    return CrossFit.load(layout.file("heads.safetensors"), [sample.sample for sample in samples])


def load_reference(layout: Layout) -> torch.Tensor:
    """Return (donors, fragments, dim): the embedded reference bags."""
    path: Path = layout.root / "embeddings" / "reference.safetensors"
    if not path.is_file():
        raise InputError(f"{path} is missing; run the embed stage first")
    bags: torch.Tensor = load_file(path)["bags"]
    return bags
