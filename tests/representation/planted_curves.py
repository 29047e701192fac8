"""Embedded fragments whose mean by length runs along a curve drawn by hand."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from toy_material import LOCI
from toys import toy_fragments

from cfdna_interp.artifacts.sheet import Sample
from cfdna_interp.models.reference_encoder import ReferenceEncoder
from cfdna_interp.representation.material import Material, Part

LENGTHS = np.arange(60, 601)  # bp


def length_law(mode: float = 167) -> np.ndarray:
    """Return (lengths,) probabilities of plasma lengths: four fifths around ``mode``, few in the tails."""

    def peak(centre: float, width: float) -> np.ndarray:
        return np.asarray(np.exp(-0.5 * ((LENGTHS - centre) / width) ** 2) / width)

    law = 0.80 * peak(mode, 20) + 0.11 * peak(2 * mode, 30) + 0.20 * np.exp(-LENGTHS / 150) / 100
    return np.asarray(law / law.sum())


def bent(at: float, width: float, speed: float, angle: float = np.pi) -> np.ndarray:
    """Return (lengths, 2) two straight arms joined by an arc of ``angle`` over ``width`` bp around ``at``.

    ``speed`` is the arc a bp.
    """
    turned = np.clip((LENGTHS - (at - width / 2)) / width, 0, 1) * angle
    return np.cumsum(np.stack([np.cos(turned), np.sin(turned)], axis=1) * speed, axis=0)


def straight(speed: float) -> np.ndarray:
    """Return (lengths, 1) a straight line run through at constant speed."""
    return speed * (LENGTHS - LENGTHS[0])[:, None].astype(np.float64)


def circle(turn: float, radius: float, pace: np.ndarray | None = None) -> np.ndarray:
    """Return (lengths, 2) an arc of ``turn`` radians, run through with a pace by length, default constant."""
    pace = np.ones(len(LENGTHS)) if pace is None else pace
    angle = turn * np.cumsum(pace) / pace.sum()
    return np.asarray(radius * np.stack([np.cos(angle), np.sin(angle)], axis=1))


def helix(period: float, radius: float, speed: float) -> np.ndarray:
    """Return (lengths, 3) a helix that turns once in ``period`` bp and climbs ``speed`` a bp."""
    angle = 2 * np.pi * LENGTHS / period
    return np.stack([speed * LENGTHS, radius * np.cos(angle), radius * np.sin(angle)], axis=1)


def embed(
    curve: np.ndarray, lengths: np.ndarray, subjects: np.ndarray, dim: int, rng: np.random.Generator
) -> np.ndarray:
    """Return (n, dim) fragments on a curve in a random subspace.

    Each fragment has noise of variance 1 in every direction, each subject a shift of standard deviation .2.
    """
    axes = np.linalg.qr(rng.standard_normal((dim, dim)))[0]
    points = rng.standard_normal((len(lengths), dim))
    points[:, : curve.shape[1]] += curve[lengths - LENGTHS[0]]
    points += 0.2 * rng.standard_normal((subjects.max() + 1, dim))[subjects]
    return np.asarray((points @ axes).astype(np.float32))


def curve_material(
    curve: np.ndarray, *, subjects: int, fragments: int, seed: int, dim: int = 16, mode: float = 167
) -> Material:
    """Return a cohort, one sample a subject, whose embeddings lie on a curve; calls mean nothing."""
    rng = np.random.default_rng(seed)
    people = np.repeat(np.arange(subjects), fragments)
    lengths = rng.choice(LENGTHS, len(people), p=length_law(mode))
    embeddings = embed(curve, lengths, people, dim, rng)
    inputs = replace(toy_fragments(len(people), rng), length=lengths.astype(np.int32))
    parts = []
    for subject in range(subjects):
        rows = np.flatnonzero(people == subject)
        unknown = np.full(len(rows), np.nan), np.full(len(rows), -1)
        parts.append(Part(torch.from_numpy(embeddings[rows]), inputs.take(rows), *unknown))
    samples = tuple(
        Sample(f"S{i}", f"P{i:03}", "", i % 2, "discovery", site="s", batch="b") for i in range(subjects)
    )
    return Material(samples, parts.__getitem__, 1, ReferenceEncoder(LOCI, 2), seed)
