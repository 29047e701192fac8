"""A simulated cohort as fragment tables: the same draws as the BAM files, in seconds instead of minutes."""

from __future__ import annotations

from dataclasses import dataclass

from cfdna_interp.artifacts.atlas import Atlas
from cfdna_interp.artifacts.fragments import FragmentTable
from cfdna_interp.simulation.biology import Biology, Molecules, draw_molecules
from cfdna_interp.simulation.noise import build_summaries
from cfdna_interp.simulation.observation import fragment_table
from cfdna_interp.simulation.people import Subject, draw_subjects
from cfdna_interp.simulation.worlds import World
from cfdna_interp.stats.resampling import stream


@dataclass(frozen=True, eq=False)
class SimulatedFragments:
    """A simulated cohort in memory.

    Attributes
    ----------
    subjects
        Subjects in the order of the sheet. ``subject.row`` is the row, whose BAM file doesn't exist.
    tables
        The fragments of each subject's sample.
    atlas
        The atlas that ``block`` in the tables refers to.
    """

    subjects: list[Subject]
    tables: list[FragmentTable]
    atlas: Atlas


def simulate_tables(world: World, *, seed: int = 1) -> SimulatedFragments:
    """Draw a cohort as fragment tables.

    The molecules are those of :func:`cfdna_interp.simulation.cohort.simulate` with the same world and seed;
    the tables don't have the effects of the library: conversion failures, errors, duplicates, poor mapping.

    Raises
    ------
    InputError
        The world has too few fragments, or effects that the simulation cannot express.
    """
    summaries = build_summaries(world.genome)
    biology = summaries.biology
    subjects = draw_subjects(world, summaries, seed)
    tables = [
        fragment_table(biology.genome, subject_molecules(biology, world, subject, seed))
        for subject in subjects
    ]
    return SimulatedFragments(subjects=subjects, tables=tables, atlas=biology.atlas)


def subject_molecules(biology: Biology, world: World, subject: Subject, seed: int) -> Molecules:
    """Draw the molecules of a subject's sample, which don't depend on the output format."""
    rng = stream(seed, "molecules", subject.row.sample)
    return draw_molecules(biology, subject.latents, subject.dinucleosome, world.fragments, rng)
