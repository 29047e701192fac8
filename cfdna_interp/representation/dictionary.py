"""Stage ``dictionary``: one seed's dictionaries, plain and in blocks, their quality and controls.

Dictionaries are trained on four fifths of the discovery subjects and tested on the others. There are two
controls: a dictionary of an untrained encoder, and one of embeddings whose dimensions are independent of each
other.
"""

from __future__ import annotations

import logging
from pathlib import Path

import numpy as np
import torch

from cfdna_interp.artifacts.files import scratch_folder
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.attribution.dataset import load_heads
from cfdna_interp.config import Config
from cfdna_interp.config.settings import Representation
from cfdna_interp.errors import InputError
from cfdna_interp.models.crossfit import CrossFit
from cfdna_interp.records.base import save_record
from cfdna_interp.records.dictionary import DictionaryControls, DictionaryQuality, SparseDictionary
from cfdna_interp.representation.material import Material, load_material
from cfdna_interp.representation.sparse_autoencoder import CHUNK, SparseAutoencoder
from cfdna_interp.representation.sparse_quality import logit_recovered, of_embeddings
from cfdna_interp.representation.sparse_source import draw_embeddings, shuffled
from cfdna_interp.representation.sparse_training import fit_sparse
from cfdna_interp.representation.untrained import untrained
from cfdna_interp.stats.resampling import stream

logger = logging.getLogger(__name__)

PASSES = 8  # over the embeddings; with 60,000 of them planted dictionaries are recovered
_HELD_OUT = 5  # one of this many subjects is left out of training
_WHITENED_ON = 20_000  # fragments for the whitening of the untrained encoder


def run_dictionary(config: Config, number: int) -> None:
    """Stage ``dictionary``: fit both dictionaries of one seed, write them and last their quality.

    Raises
    ------
    InputError
        A file is missing or damaged, or the settings don't fit the embeddings.
    """
    torch.set_num_threads(1)
    layout, settings = Layout.of(config.outdir), config.representation
    material = load_material(config)
    heads = load_heads(layout, material.samples)
    path = layout.dictionary(number)
    with scratch_folder(path) as folder:
        embeddings = Embeddings.draw(material, settings.fragments, folder, "trained")
        qualities = {}
        for kind, block in (("plain", 1), ("blocks", settings.block)):
            model = _fit(embeddings, settings, block, _seed(material, number))
            model.save(path.with_name(f"{number}.{kind}.safetensors"))
            qualities[kind] = embeddings.judge(model, material, heads)
            logger.info("dictionary %d, %s: %s", number, kind, qualities[kind])
        record = SparseDictionary(
            number=number,
            features=settings.features,
            active=settings.active,
            block=settings.block,
            fragments=len(embeddings.learnt),
            samples=len(embeddings.places[0]),
            subjects=len(np.unique(material.codes[embeddings.places[0]])),
            plain=qualities["plain"],
            blocks=qualities["blocks"],
            controls=None if number else _controls(material, settings, folder),
        )
    save_record(record, path)


class Embeddings:
    """Embeddings of drawn fragments on disk, for training and for testing, from different subjects.

    Attributes
    ----------
    places
        Indices of samples for training, and of samples of other subjects.
    learnt, held
        (n, dim) float32 arrays on disk, for training and testing.
    centre
        (dim,) mean of the training embeddings.
    """

    def __init__(self, places: tuple[np.ndarray, np.ndarray], learnt: np.ndarray, held: np.ndarray) -> None:
        self.places, self.learnt, self.held = places, learnt, held
        self.centre = torch.from_numpy(learnt.mean(axis=0, dtype=np.float64).astype(np.float32))

    @classmethod
    def draw(
        cls, material: Material, fragments: int, folder: Path, name: str, *, columns_apart: bool = False
    ) -> Embeddings:
        """Draw at most this many fragments, equally many per sample, and write their embeddings."""
        places = held_out(material)
        share = max(1, fragments // len(material.samples))
        learnt, held = (
            draw_embeddings(material, part, share, folder / f"{name}.{which}", columns_apart=columns_apart)
            for part, which in zip(places, ("learnt", "held"), strict=True)
        )
        return cls(places, learnt, held)

    def judge(
        self, model: SparseAutoencoder, material: Material | None = None, heads: CrossFit | None = None
    ) -> DictionaryQuality:
        """Return the quality of a dictionary on left-out subjects, whose bags the heads read."""
        parts = (torch.from_numpy(self.held[row : row + CHUNK]) for row in range(0, len(self.held), CHUNK))
        explained, l0, spoken = of_embeddings(model, parts, self.centre)
        recovered = None
        if material is not None and heads is not None:
            recovered = logit_recovered(model, material, heads, self.places[1], self.centre)
        return DictionaryQuality(
            explained=explained, l0=l0, dead=float((spoken == 0).mean()), logit_recovered=recovered
        )


def held_out(material: Material) -> tuple[np.ndarray, np.ndarray]:
    """Return indices of training samples, and of the samples of a fifth of the subjects, without overlap.

    They are the same for every dictionary of a run.
    """
    subjects = np.unique(material.codes)
    order = stream(material.seed, "dictionary", "held out").permutation(subjects)
    tested = np.isin(material.codes, order[: max(1, len(order) // _HELD_OUT)])
    return np.flatnonzero(~tested), np.flatnonzero(tested)


def _fit(embeddings: Embeddings, settings: Representation, block: int, seed: int) -> SparseAutoencoder:
    """Fit a dictionary. One in blocks has as many active codes as a plain one, rounded to whole blocks."""
    try:
        return fit_sparse(
            shuffled(embeddings.learnt, seed=seed),
            embeddings.learnt.shape[1],
            features=settings.features // block * block,
            active=-(-settings.active // block),
            block=block,
            passes=PASSES,
            seed=seed,
        )
    except ValueError as error:
        raise InputError(
            f"no such dictionary can be fitted ({error}); change representation.features, active or block"
        ) from None


def _controls(material: Material, settings: Representation, folder: Path) -> DictionaryControls:
    """Return the quality of plain dictionaries of an untrained encoder and of shuffled embeddings."""

    def quality(cohort: Material, name: str, *, columns_apart: bool = False) -> DictionaryQuality:
        embeddings = Embeddings.draw(cohort, settings.fragments, folder, name, columns_apart=columns_apart)
        return embeddings.judge(_fit(embeddings, settings, 1, _seed(material, 0)))

    few, _ = material.draw(_WHITENED_ON, "untrained")
    encoder = untrained(material.encoder, stream(material.seed, "dictionary", "untrained"), few.fragments)
    return DictionaryControls(
        shuffled=quality(material, "shuffled", columns_apart=True),
        untrained=None if encoder is None else quality(material.under(encoder), "untrained"),
    )


def _seed(material: Material, number: int) -> int:
    return int(stream(material.seed, "dictionary", number).integers(2**31))
