"""Cohorts of a planted world as embedded bags in memory: discovery subjects, one encoder for all seeds."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np
import torch

from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.attribution.dataset import EmbeddedBags
from cfdna_interp.attribution.embed import embed_bags
from cfdna_interp.attribution.study import Study
from cfdna_interp.config.settings import Attribution, Config, Model
from cfdna_interp.models.bags import ContextMix, inputs_of, locus_classes
from cfdna_interp.models.contract import FragmentInputs
from cfdna_interp.models.masked_pretraining import pretrain
from cfdna_interp.models.reference_encoder import ReferenceEncoder
from cfdna_interp.simulation.fragment_tables import SimulatedFragments, simulate_tables
from cfdna_interp.simulation.worlds import load_world

SUBJECTS, FRAGMENTS = 100, 3_000  # discovery; each sample has this many fragments to draw bags from
DONORS, BAG = 5, 320
DIM = 16
_ENCODER_SEED = 999_983  # of a cohort that no run uses


@dataclass(frozen=True, eq=False)
class PlantedCohort:
    """A cohort as the heads see it, and one bag of each subject before the encoder.

    Attributes
    ----------
    cohort, reference
        Embedded bags, and those of the donor pools.
    bags
        Half a bag of each subject, for the peer methods.
    """

    cohort: EmbeddedBags
    reference: torch.Tensor
    bags: list[FragmentInputs]


def label_free_encoder() -> ReferenceEncoder:
    """Pre-train the encoder of all runs, on a cohort of its own; always the same one."""
    world = replace(load_world("null"), discovery=40, heldout=2, fragments=4_000)
    fragments, loci = _inputs(simulate_tables(world, seed=_ENCODER_SEED))
    pool = FragmentInputs.concatenate(fragments)
    return pretrain(pool, loci=loci, dim=DIM, epochs=6, seed=_ENCODER_SEED)[0]


def planted_cohort(name: str, seed: int, encoder: ReferenceEncoder) -> PlantedCohort:
    """Simulate the discovery subjects of a world and embed their bags, in all swapped versions."""
    world = replace(load_world(name), discovery=SUBJECTS, heldout=2, fragments=FRAGMENTS)
    simulated = simulate_tables(world, seed=seed)
    used = [row for row, subject in enumerate(simulated.subjects) if subject.row.role == "discovery"]
    every, _ = _inputs(simulated)
    inputs = [every[row] for row in used]
    people = tuple(simulated.subjects[row].row for row in used)
    config = Config(
        sheet="",
        outdir="",
        seed=seed,
        model=Model(dim=DIM, bag_size=BAG),
        attribution=Attribution(donors=DONORS),
    )
    study = Study(config, Layout.of(""), encoder, people, inputs, ContextMix(inputs))
    banks = study.banks()
    bags = [study.bags(row.sample, fragments) for row, fragments in zip(people, inputs, strict=True)]
    embedded = [embed_bags(encoder, drawn, banks) for drawn in bags]
    return PlantedCohort(
        cohort=EmbeddedBags(
            samples=tuple(row.sample for row in people),
            subjects=tuple(row.subject for row in people),
            codes=np.arange(len(people)),
            labels=np.array([row.label for row in people]),
            versions=torch.stack([item.versions for item in embedded]),
            touches=torch.stack([item.touches for item in embedded]),
        ),
        reference=torch.stack([encoder.encode(bag) for bag in study.reference_bags(banks)]),
        bags=[drawn[0].fragments.take(np.arange(0, BAG, 2)) for drawn in bags],
    )


def _inputs(simulated: SimulatedFragments) -> tuple[list[FragmentInputs], int]:
    classes, loci = locus_classes(simulated.atlas)
    return [inputs_of(table, classes) for table in simulated.tables], loci
