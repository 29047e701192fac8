"""Embedded toy cohorts in memory, under the reference encoder or under one whose directions are known."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import replace
from functools import lru_cache

import numpy as np
import torch
from scipy.special import ndtri
from toys import BLOCK_SHARE, toy_cohort, toy_fragments

from cfdna_interp.artifacts.sheet import Sample
from cfdna_interp.models.contract import Encoder, FragmentInputs
from cfdna_interp.models.masked_pretraining import pretrain
from cfdna_interp.models.reference_encoder import ReferenceEncoder
from cfdna_interp.representation.material import Material, Part

LOCI = 4  # locus classes of toy fragments
MOTIFS_DRAWN = 64  # of 256, so that some end motifs never occur


def _outside(fragments: FragmentInputs) -> np.ndarray:
    return (fragments.locus == 0) & (fragments.counts > 0)


def _inside(fragments: FragmentInputs) -> np.ndarray:
    return (fragments.locus > 0) & (fragments.counts > 0)


# Concept -> its value with mean about 0 and variance about 1 over toy fragments.
PLANTED: dict[str, Callable[[FragmentInputs], np.ndarray]] = {
    "length": lambda x: (x.length - 167) / 20,
    "methylation_level": lambda x: np.where(_outside(x), (x.level - 0.7) * 2.6, 0.0),
    "cpg_count": lambda x: (x.counts - 2.45) / 1.8,
    "locus": lambda x: ((x.locus > 0) - BLOCK_SHARE) / np.sqrt(BLOCK_SHARE * (1 - BLOCK_SHARE)),
    "level_in_blocks": lambda x: np.where(_inside(x), (x.level - 0.5) * 5.4, 0.0),
}


class PlantedEncoder:
    """Embeds standardised concepts along orthogonal directions, and noise that depends on the fragment alone.

    Attributes
    ----------
    concepts
        Names in ``PLANTED``.
    directions
        (dim, dim) orthogonal; row i is the direction of concept i, the rows behind those of concepts hold
        standard normal noise.
    noise
        Standard deviation of the noise on the directions of concepts.
    """

    consumes = frozenset({"fragment_length", "methylation", "tissue_of_origin", "locus"})

    def __init__(self, concepts: tuple[str, ...], dim: int, noise: float, seed: int) -> None:
        rng = np.random.default_rng(seed)
        self.concepts, self.noise, self.dim = concepts, noise, dim
        self.directions = np.linalg.qr(rng.standard_normal((dim, dim)))[0]
        content = repr((concepts, dim, noise, seed))
        self.digest = hashlib.sha256(content.encode()).hexdigest()

    def direction(self, concept: str) -> np.ndarray:
        """Return (dim,) the direction in which a concept is written."""
        return np.asarray(self.directions[self.concepts.index(concept)])

    def encode(self, fragments: FragmentInputs) -> torch.Tensor:
        """Return (n, dim) float32 embeddings."""
        values = hash_normals(fragments, self.dim)  # (n, dim)
        for column, name in enumerate(self.concepts):
            values[:, column] = PLANTED[name](fragments) + self.noise * values[:, column]
        return torch.from_numpy((values @ self.directions).astype(np.float32))


def planted_encoder(concepts: tuple[str, ...], dim: int, noise: float, seed: int) -> PlantedEncoder:
    """Return the encoder that writes ``concepts``, names in ``PLANTED``, and nothing else."""
    return PlantedEncoder(concepts, dim, noise, seed)


def hash_normals(fragments: FragmentInputs, columns: int) -> np.ndarray:
    """Return (n, columns) standard normal numbers that are a function of each fragment alone."""
    key = np.zeros(len(fragments), dtype=np.uint64)
    parts = (fragments.place, fragments.length, fragments.locus, fragments.region)
    for column in (*parts, *fragments.offsets.T, *fragments.states.T):
        key = _mix(key ^ column.astype(np.int64).astype(np.uint64))
    bits = _mix(key[:, None] ^ _mix(np.arange(1, columns + 1, dtype=np.uint64)))  # (n, columns)
    return np.asarray(ndtri((np.right_shift(bits, np.uint64(11)) + 0.5) / 2**53))


def _mix(x: np.ndarray) -> np.ndarray:
    """Scramble 64-bit numbers (the finaliser of splitmix64, Steele et al. 2014)."""
    x = x + np.uint64(0x9E3779B97F4A7C15)
    x = (x ^ (x >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return x ^ (x >> np.uint64(31))


@lru_cache(maxsize=4)
def trained_encoder(dim: int, seed: int) -> ReferenceEncoder:
    """Return a reference encoder pre-trained on 20,000 toy fragments in about two seconds."""
    fragments = toy_fragments(20_000, np.random.default_rng(seed))
    return pretrain(fragments, loci=LOCI, dim=dim, epochs=1, seed=seed)[0]


def toy_material(
    subjects: int,
    fragments: int,
    seed: int,
    *,
    effect: dict[str, float],
    dim: int = 8,
    bags: int = 1,
    encoder: Encoder | None = None,
    tilt: float = 0.3,
) -> Material:
    """Return a balanced cohort, one sample a subject, embedded.

    Parameters
    ----------
    subjects, fragments
        Subjects, and fragments of each, a multiple of ``bags``.
    seed
        Of the cohort and of the run.
    effect, tilt
        As in ``toys.toy_cohort``: Cohen's d of each group's latent between labels, and how many standard
        deviations of a fragment one of the latent is.
    dim
        Output of the reference encoder, which is trained once a ``dim``; an embedding has LOCI - 1 more.
    bags
        Bags a sample.
    encoder
        In place of the reference encoder.

    Site, batch, age and sex are unrelated to the label; G and C and end motif to everything.
    """
    cohort, labels, _ = toy_cohort(subjects, fragments, seed, effect=effect, tilt=tilt)
    encoder = trained_encoder(dim, 1) if encoder is None else encoder
    rng = np.random.default_rng([seed, 1])
    parts, samples = [], []
    for i, (drawn, label) in enumerate(zip(cohort, labels, strict=True)):
        # Every fragment has a place of its own, so that no two have the same noise.
        inputs = replace(drawn, place=np.arange(fragments, dtype=np.int64) + i * fragments)
        gc = np.clip(rng.normal(0.41, 0.08, fragments), 0, 1)
        motif = rng.integers(0, 256, fragments) // (256 // MOTIFS_DRAWN) * (256 // MOTIFS_DRAWN)
        parts.append(Part(encoder.encode(inputs), inputs, gc, motif))
        samples.append(
            Sample(
                f"S{i}", f"P{i}", "", int(label), "discovery", site="AB"[i // 2 % 2], batch=f"B{i // 3 % 3}",
                age=50.0 + i * 7 % 30, sex="FM"[i // 5 % 2],
            )
        )  # fmt: skip
    return Material(tuple(samples), parts.__getitem__, bags, encoder, seed)
