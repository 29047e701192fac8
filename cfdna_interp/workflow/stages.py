"""The workflow's stages: the memory of each, and what makes it run anew."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any, NamedTuple

from cfdna_interp.artifacts.addresses import shown
from cfdna_interp.artifacts.foreign_files import alignment_files, model_files, reference_files
from cfdna_interp.artifacts.sheet import Sample, without_secrets
from cfdna_interp.config import Config


class Stage(NamedTuple):
    """What the jobs of one rule have in common, besides inputs, outputs and command.

    Attributes
    ----------
    memory
        Memory of a job, MB.
    settings
        The settings that the stage depends on, and of the sheet what it reads there. A job runs anew when one
        of them changes. Snakemake compares tuples and plain values, and ignores a record that stands alone.
        None: the stage depends on its input files alone.
    job
        The wildcards that tell the jobs of the stage apart. "" where the stage is one job.
    files
        From the wildcards of a job, the files from outside the run that it reads. A job runs anew when one of
        them has other content; its time stamp doesn't matter.
    row
        From the wildcards of a job, what it reads of its sample's row. It runs anew when that changes.
    """

    memory: int
    settings: tuple[object, ...] | None = None
    job: str = ""
    files: Callable[[Any], Sequence[str]] | None = None
    row: Callable[[Any], tuple[object, ...]] | None = None


def stages(config: Config, sheet: Mapping[str, Sample]) -> dict[str, Stage]:
    """Return the stages by the names of their rules.

    Parameters
    ----------
    config
        Settings of the run.
    sheet
        Sample -> its row; empty for a table of features, whose matrices hold all of it.
    """
    seed, model, attribution, look = config.seed, config.model, config.attribution, config.representation
    table = config.features.table
    # Training and what follows it hold all embedded bags: a float of 4 bytes for each of 4 versions of a bag,
    # each donor, fragment and direction.
    embedded = len(sheet) * 16 * attribution.donors * model.bag_size * model.dim // 10**6
    bags = 2_500 + 2 * embedded
    pretraining = (
        model.encoder,
        model.factory,
        model.digest,
        model.pooling,
        model.device,
        model.precision,
        model.dim,
        model.pretrain_fragments,
        model.pretrain_epochs,
    )
    refits = (attribution.bootstrap, attribution.permutations, attribution.chunks)
    removals = (
        *(attribution.interventions, attribution.references, attribution.gradient_steps),
        *(attribution.donors, attribution.chunks),
    )
    # What stages read of the sheet. Nothing here holds a held-out label: `validate` alone depends on these.
    discovery = [row for row in sheet.values() if row.role == "discovery"]
    roles = (config.on_bad_sample, *((row.sample, row.role) for row in sheet.values()))
    subjects = tuple((row.sample, row.subject) for row in sheet.values())
    labels = tuple((row.sample, row.label) for row in discovery)
    people = tuple((row.sample, row.site, row.batch, row.age, row.sex) for row in discovery)
    # Snakemake keeps what a job was run with in the output folder.
    seen = [without_secrets(row) for row in sheet.values()]
    rows = tuple(str(row if row.role == "discovery" else replace(row, label=None)) for row in seen)
    source, references = [config.source], reference_files(config)
    dictionary = (look.fragments, look.features, look.active, look.block)
    return {
        # A table is read whole.
        "cohort": Stage(
            2_000 if table else 500, (config.extract.technical_columns, table), files=lambda _: source
        ),
        "extract": Stage(
            1_500,
            (seed, config.extract, config.features, config.reference, config.atlas),
            "{sample}",
            files=lambda job: [*alignment_files(sheet[job.sample]), *references],
            row=lambda job: extracted_from(sheet[job.sample]),
        ),
        "matrix": Stage(4_000, (config.on_bad_sample, rows, table), files=lambda _: source if table else []),
        "pretrain": Stage(
            4_000, (seed, config.reference, roles, *pretraining), files=lambda _: model_files(config)
        ),
        "embed": Stage(6_000, (attribution.donors, roles, subjects, model), "{role}.{chunk}"),
        "train": Stage(8_000 if table else bags, (seed, model.folds, model.ensemble, subjects, labels)),
        "refit": Stage(6_000 if table else bags, (seed, model.folds, subjects, labels, *refits), "{chunk}"),
        "attribute": Stage(4_000, (config.reference, subjects, labels, people, *removals), "{chunk}"),
        "dominance": Stage(6_000 if table else bags, (config.validation,)),
        "probe": Stage(6_000, (seed, people, look.fragments, look.resamples)),
        "dictionary": Stage(6_000, (seed, *dictionary), "{number}"),
        "funnel": Stage(8_000, (seed, look.fragments, look.resamples)),
        "geometry": Stage(6_000, (seed, look.fragments)),
        "proxy": Stage(
            3_000,
            (seed, config.proxy, config.validation, config.corrected, config.mediators, config.priority),
        ),
        "validate": Stage(2_000, files=lambda _: source),
        "audit": Stage(2_000),
        "verdict": Stage(1_000),
        "report": Stage(2_000, (config.title, () if table else look.parts)),
    }


def extracted_from(sample: Sample) -> tuple[object, ...]:
    """Return what extraction reads of a sample's row: who the sample is of has no part in it."""
    return (
        shown(sample.bam),
        shown(sample.index),
        sample.methylation,
        sample.reads,
        sample.chemistry,
        sample.library,
    )
