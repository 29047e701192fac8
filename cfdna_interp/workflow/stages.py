"""The workflow's stages: the memory of each, and the settings that make it run anew."""

from __future__ import annotations

from typing import NamedTuple

from cfdna_interp.config import Config


class Stage(NamedTuple):
    """What the jobs of one rule have in common, besides inputs, outputs and command.

    Attributes
    ----------
    memory
        Memory of a job, MB.
    settings
        The settings that the stage depends on. A job runs anew when one of them changes. Snakemake compares
        tuples and plain values, and ignores a record that stands alone. None: the stage depends on its input
        files alone.
    job
        The wildcards that tell the jobs of the stage apart. "" where the stage is one job.
    """

    memory: int
    settings: tuple[object, ...] | None = None
    job: str = ""


def stages(config: Config, samples: int) -> dict[str, Stage]:
    """Return the stages by the names of their rules.

    Parameters
    ----------
    config
        Settings of the run.
    samples
        Number of samples in the sheet, 0 for a table of features.
    """
    seed, model, attribution, look = config.seed, config.model, config.attribution, config.representation
    table = config.features.table
    # Training and what follows it hold all embedded bags: a float of 4 bytes for each of 4 versions of a bag,
    # each donor, fragment and direction.
    embedded = samples * 16 * attribution.donors * model.bag_size * model.dim // 10**6
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
    dictionary = (look.fragments, look.features, look.active, look.block)
    return {
        # A table is read whole.
        "cohort": Stage(2_000 if table else 500, (config.extract.technical_columns, table)),
        "extract": Stage(
            1_500, (seed, config.extract, config.features, config.reference, config.atlas), "{sample}"
        ),
        "matrix": Stage(4_000, (config.on_bad_sample, table)),
        "pretrain": Stage(4_000, (seed, config.reference, *pretraining)),
        "embed": Stage(6_000, (attribution.donors, model), "{role}.{chunk}"),
        "train": Stage(8_000 if table else bags, (seed, model.folds, model.ensemble)),
        "refit": Stage(6_000 if table else bags, (seed, model.folds, *refits), "{chunk}"),
        "attribute": Stage(4_000, (attribution, config.reference), "{chunk}"),
        "dominance": Stage(6_000 if table else bags, (config.validation,)),
        "probe": Stage(6_000, (seed, look.fragments, look.resamples)),
        "dictionary": Stage(6_000, (seed, *dictionary), "{number}"),
        "funnel": Stage(8_000, (seed, look.fragments, look.resamples)),
        "geometry": Stage(6_000, (seed, look.fragments)),
        "proxy": Stage(3_000, (seed, config.proxy, config.validation, config.corrected)),
        "validate": Stage(2_000),
        "audit": Stage(2_000),
        "verdict": Stage(1_000),
        "report": Stage(2_000, (config.title, () if table else look.parts)),
    }
