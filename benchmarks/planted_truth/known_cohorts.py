"""Cohorts for models of known weights: fragments, bags and donors as the software draws them.

Subjects differ in a latent for each group, with a given correlation between latents and, for a third of the
groups each, a difference between cases and controls in either direction or none.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from itertools import islice, product
from pathlib import Path

import numpy as np
import torch
from known_fragments import SummaryEncoder, draw_fragments, expected_summaries, fragment_covariance

from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.sheet import Sample
from cfdna_interp.attribution.embed import embed_bags
from cfdna_interp.attribution.interventions.donors import DonorBank
from cfdna_interp.attribution.interventions.margins import ReferenceMargins
from cfdna_interp.attribution.interventions.reweight import coalition_weights
from cfdna_interp.attribution.references import pools
from cfdna_interp.attribution.study import Bag, Study, bank_of
from cfdna_interp.config import Config
from cfdna_interp.config.settings import Model
from cfdna_interp.models.bags import ContextMix
from cfdna_interp.stats.resampling import stream

CORRELATIONS = (0.0, 0.4, 0.8)
WITHIN = (0.0, 0.3, 0.6)
BAGS = (500, 1_000, 4_000)
REFERENCES = ("discovery", "controls")
HEADS = 4  # of a cohort: additive and pairwise in turn
SUBJECTS = 60
POPULATION = 20_000
EFFECT = 1.0  # standard deviations between cases and controls, in a drawn direction of each group
SPARE = 2  # fragments of a sample in bags: bags of a sample overlap, as they do where samples are small


@dataclass(frozen=True)
class Setting:
    """What a cohort is drawn with; ``replicate`` numbers those alike."""

    correlation: float
    within: float
    bag: int
    reference: str
    replicate: int
    subjects: int = SUBJECTS

    def stream(self, *names: str | int) -> np.random.Generator:
        """Return random numbers for one purpose in this cohort."""
        return stream(1, "known-weights", *(str(value) for value in asdict(self).values()), *names)


@dataclass(frozen=True, eq=False)
class Cohort:
    """A cohort under both interventions.

    Attributes
    ----------
    bags
        Of each subject, one for each donor part.
    versions, touches
        As in ``EmbeddedBags``.
    weights
        (subjects, donors, coalitions, fragments).
    reference
        (donors, fragments, 3) embedded bags of the donor parts.
    members
        Of each donor part, rows of the subjects.
    """

    bags: list[list[Bag]]
    versions: torch.Tensor
    touches: torch.Tensor
    weights: np.ndarray
    reference: torch.Tensor
    members: tuple[tuple[int, ...], ...]


def draw_latents(setting: Setting, subjects: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
    """Return labels and (subjects, 3) latents."""
    labels = np.arange(subjects) % 2
    covariance = np.full((3, 3), setting.correlation) + (1 - setting.correlation) * np.eye(3)
    direction = setting.stream("direction").choice([-1.0, 0.0, 1.0], size=3)
    latents = rng.multivariate_normal(np.zeros(3), covariance, size=subjects)
    return labels, latents + EFFECT * direction * (labels[:, None] - 0.5)


def make_cohort(setting: Setting) -> Cohort:
    """Draw subjects and their fragments; swap and weigh their bags."""
    labels, latents = draw_latents(setting, setting.subjects, setting.stream("latents"))
    fragments = [
        draw_fragments(SPARE * setting.bag, latent, setting.within, setting.stream("fragments", row))
        for row, latent in enumerate(latents)
    ]
    samples = tuple(
        Sample(f"S{row}", f"P{row}", "", int(label), "discovery", site="s", batch="b")
        for row, label in enumerate(labels)
    )
    encoder = SummaryEncoder()
    config = Config(sheet="", outdir="", seed=setting.replicate, model=Model(bag_size=setting.bag))
    study = Study(config, Layout.of(Path()), encoder, samples, fragments, ContextMix(fragments))
    donors = config.attribution.donors
    members = pools(setting.reference, samples, samples[:1], donors=donors, seed=config.seed).members[0]
    banks = [
        bank_of(fragments, np.array(rows), setting.stream("bank", part)) for part, rows in enumerate(members)
    ]
    bags = [study.bags(sample.sample, own) for sample, own in zip(samples, fragments, strict=True)]
    embedded = [embed_bags(encoder, mine, banks) for mine in bags]
    return Cohort(
        bags=bags,
        versions=torch.stack([item.versions for item in embedded]),
        touches=torch.stack([item.touches for item in embedded]),
        weights=_weights(bags, banks, setting.bag),
        reference=torch.stack([encoder.encode(bag) for bag in study.reference_bags(banks)]),
        members=members,
    )


def _weights(bags: list[list[Bag]], banks: list[DonorBank], size: int) -> np.ndarray:
    margins = [ReferenceMargins(bank.fragments, bag_size=size) for bank in banks]
    return np.array(
        [
            [coalition_weights(bag.fragments, of).weights for bag, of in zip(mine, margins, strict=True)]
            for mine in bags
        ],
        dtype=np.float32,
    )


def population_of(setting: Setting) -> tuple[np.ndarray, np.ndarray]:
    """Return labels and (20,000, 3) summaries of bags of other subjects of the same kind.

    A sample's bags together hold nearly each of its fragments equally often, so that the sampling noise is
    that of all its fragments.
    """
    rng = setting.stream("population")
    labels, latents = draw_latents(setting, POPULATION, rng)
    noise = fragment_covariance(setting.within) / (SPARE * setting.bag)
    return labels, expected_summaries(latents) + rng.multivariate_normal(np.zeros(3), noise, POPULATION)


def settings(cohorts: int) -> list[Setting]:
    """Return so many settings, all combinations of the factors in turn."""
    grid = list(product(CORRELATIONS, WITHIN, BAGS, REFERENCES))
    rounds = (Setting(*factors, number) for number in range(cohorts) for factors in grid)
    return list(islice(rounds, cohorts))
