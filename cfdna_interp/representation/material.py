"""The embedded fragments of the discovery cohort, with the known properties of each."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
import torch

from cfdna_interp.artifacts.fragments import FragmentTable
from cfdna_interp.artifacts.sheet import Sample
from cfdna_interp.attribution.embed import load_embedded
from cfdna_interp.attribution.study import Study, load_study
from cfdna_interp.config import Config
from cfdna_interp.errors import InputError
from cfdna_interp.models.contract import Encoder, FragmentInputs
from cfdna_interp.stats.resampling import stream
from cfdna_interp.stats.subjects import Subjects

_SAMPLES_KEPT = 8  # in memory, in addition to the present one


@dataclass(frozen=True, eq=False)
class Part:
    """Embedded fragments with their known properties.

    Attributes
    ----------
    embeddings
        (n, dim) float32 embeddings.
    fragments
        Inputs of the encoder.
    gc
        (n,) share of G and C, NaN where unknown.
    motif
        (n,) index into ``MOTIFS`` of the forward strand's first four bases, -1 if unknown.
    """

    embeddings: torch.Tensor
    fragments: FragmentInputs
    gc: np.ndarray
    motif: np.ndarray

    def __len__(self) -> int:
        return len(self.embeddings)

    def take(self, rows: np.ndarray) -> Part:
        """Return the fragments at ``rows``."""
        return Part(
            self.embeddings[torch.from_numpy(rows)],
            self.fragments.take(rows),
            self.gc[rows],
            self.motif[rows],
        )

    @staticmethod
    def concatenate(parts: list[Part]) -> Part:
        """Stack parts along fragments."""
        return Part(
            torch.cat([part.embeddings for part in parts]),
            FragmentInputs.concatenate([part.fragments for part in parts]),
            np.concatenate([part.gc for part in parts]),
            np.concatenate([part.motif for part in parts]),
        )


@dataclass(frozen=True, eq=False)
class Material:
    """The discovery cohort, one sample at a time.

    Attributes
    ----------
    samples
        Discovery samples that were not excluded, in the order of the sheet and of the heads' folds.
    load
        Maps a sample's index in ``samples`` to its fragments: all its bags, one after the other, each in the
        order of its genomic windows.
    bags
        Bags per sample, all with the same number of fragments.
    encoder
        The encoder of the embeddings.
    seed
        The run's seed.
    base
        The source of fragments that ``encoder`` encodes again; None if they are already embedded.
    """

    samples: tuple[Sample, ...]
    load: Callable[[int], Part]
    bags: int
    encoder: Encoder
    seed: int
    base: Material | None = None

    @property
    def codes(self) -> np.ndarray:
        """(samples,) integer code of each sample's subject."""
        return Subjects([sample.subject for sample in self.samples]).index

    @property
    def labels(self) -> np.ndarray:
        """(samples,) 0 or 1."""
        return np.array([sample.label for sample in self.samples], dtype=np.int64)

    def bagged(self, place: int) -> torch.Tensor:
        """Return (bags, fragments, dim): the embedded bags of a sample, the inputs of heads."""
        bags: torch.Tensor = self.load(place).embeddings.unflatten(0, (self.bags, -1))
        return bags

    def draw(self, fragments: int, *names: str | int) -> tuple[Part, np.ndarray]:
        """Draw at most this many fragments, the same number from each sample.

        Parameters
        ----------
        fragments
            Largest number in total.
        names
            The use of the fragments; with the run's seed it decides the draw.

        Returns
        -------
        The fragments, sample by sample, and the (n,) index of each one's sample.
        """
        share = max(1, fragments // len(self.samples))
        parts = []
        for place, sample in enumerate(self.samples):
            rng = stream(self.seed, "represent", *names, sample.sample)
            parts.append(self.chosen(place, share, rng))
        place_of = np.repeat(np.arange(len(parts)), [len(part) for part in parts])
        return Part.concatenate(parts), place_of

    def chosen(self, place: int, fragments: int, rng: np.random.Generator) -> Part:
        """Return at most this many of a sample's fragments, drawn by ``rng``; others aren't encoded again."""
        if self.base is not None:
            part = self.base.chosen(place, fragments, rng)
            return replace(part, embeddings=self.encoder.encode(part.fragments))
        part = self.load(place)
        return part.take(np.sort(rng.permutation(len(part))[:fragments]))

    def under(self, encoder: Encoder) -> Material:
        """Return the same fragments under another encoder, which encodes a sample whenever it is loaded."""

        @lru_cache(maxsize=_SAMPLES_KEPT)
        def load(place: int) -> Part:
            part = self.load(place)
            return replace(part, embeddings=encoder.encode(part.fragments))

        return replace(self, load=load, encoder=encoder, base=self)


def load_material(config: Config) -> Material:
    """Return the discovery cohort of a run whose bags are embedded.

    Raises
    ------
    InputError
        A file is missing or damaged, or embeddings and fragments don't belong together.
    """
    study = load_study(config)

    @lru_cache(maxsize=_SAMPLES_KEPT)
    def load(place: int) -> Part:
        return _part(study, place)

    return Material(study.samples, load, config.attribution.donors, study.encoder, config.seed)


def _part(study: Study, place: int) -> Part:
    sample = study.samples[place].sample
    rows, _ = study.bag_rows(sample, study.inputs[place])
    path = study.layout.embeddings("discovery", sample)
    embeddings = load_embedded(path).versions[0].flatten(0, 1)  # (bags x fragments, dim)
    if len(embeddings) != rows.size or embeddings.shape[1] != study.encoder.dim:
        raise InputError(
            f"sample {sample}: {path} does not hold the bags of this run; run the embed stage again"
        )
    table = FragmentTable.load(study.layout.fragments(sample))
    flat = rows.ravel()
    return Part(
        embeddings,
        study.inputs[place].take(flat),
        table.gc[flat].astype(np.float64),
        table.motif_5p[flat].astype(np.int64),
    )
