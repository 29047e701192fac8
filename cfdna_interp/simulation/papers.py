"""The text files of a simulated cohort: atlas, sheet, config and the truth."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from typing import Any

import numpy as np
import yaml

from cfdna_interp import __version__
from cfdna_interp.artifacts.atlas import LEADING
from cfdna_interp.artifacts.features import BAG_GROUPS
from cfdna_interp.config.settings import Model
from cfdna_interp.records.truth import BestAuroc, SimulatedSubject, Truth
from cfdna_interp.records.values import known
from cfdna_interp.simulation.bayes import BayesAuroc, bayes_auroc
from cfdna_interp.simulation.biology import Biology
from cfdna_interp.simulation.dialects import NEEDS_REFERENCE, SHEET_COLUMNS
from cfdna_interp.simulation.noise import Summaries
from cfdna_interp.simulation.people import Subject
from cfdna_interp.simulation.worlds import World

COLUMNS = ("sample", "subject", "bam", "label", "role", "site", "batch", "age", "sex")
# Technical columns of the sheet.
TECHNICAL = ("tube", "hours_to_spin")


def atlas_text(biology: Biology) -> str:
    """Return the atlas as a UXM table. CpGs are counted from 1 along the genome, and the end is exclusive."""
    genome, atlas = biology.genome, biology.atlas
    first = np.searchsorted(genome.cpgs, genome.block_starts) + 1
    last = np.searchsorted(genome.cpgs, genome.block_ends) + 1
    rows = [
        [
            atlas.contigs[i], atlas.starts[i], atlas.ends[i], first[i], last[i],
            atlas.targets[i], atlas.names[i], atlas.directions[i], *atlas.fractions[i],
        ]
        for i in range(len(atlas))
    ]  # fmt: skip
    return _table([*LEADING, *atlas.cell_types], rows)


def sheet_text(subjects: Sequence[Subject], dialect: str) -> str:
    """Return the sample sheet; BAM paths are relative to it."""
    written = SHEET_COLUMNS[dialect]
    rows = []
    for subject in subjects:
        row = subject.row
        cells = [f"{row.age:g}" if name == "age" else getattr(row, name) for name in COLUMNS]
        rows.append([*cells, *written.values(), *(row.technical[name] for name in TECHNICAL)])
    return _table([*COLUMNS, *written, *TECHNICAL], rows)


def config_text(world: World, seed: int, dialect: str) -> str:
    """Return the settings of a run on the cohort, small enough for a demonstration."""
    reference = {"build": "build.tsv"}
    if dialect in NEEDS_REFERENCE:
        reference["fasta"] = "genome.fa"
    least = min(2_000, world.fragments // 2)
    settings: dict[str, Any] = {
        "title": f"Simulated cohort: {world.name}",
        "seed": seed,
        "sheet": "sheet.tsv",
        "outdir": "results",
        "atlas": "atlas.tsv",
        "reference": reference,
        "extract": {
            "fragments_per_sample": world.fragments,
            "min_fragments": least,
            "technical_columns": list(TECHNICAL),
        },
        "features": {"window": 50_000},
        "attribution": {"bootstrap": 50, "permutations": 19},
    }
    if least < Model().bag_size:
        settings["model"] = {"bag_size": least}  # every sample has to fill a bag
    text: str = yaml.safe_dump(settings, sort_keys=False, allow_unicode=True)
    return "# Written by cfdna-interp simulate; the paths are relative to this file.\n" + text


def truth(
    world: World, summaries: Summaries, subjects: Sequence[Subject], seed: int, dialect: str, settings: str
) -> Truth:
    """Return the truth of the cohort, which no stage of a run may read.

    Parameters
    ----------
    world, summaries, subjects, seed, dialect
        The inputs of the simulation, and its people.
    settings
        Digest of the settings.
    """
    noise = summaries.noise(world.fragments)
    return Truth(
        version=__version__,
        settings=settings,
        seed=seed,
        dialect=dialect,
        world=world.as_dict(),
        d=dict(zip(BAG_GROUPS, world.effect_vector(), strict=True)),
        reference_noise=dict(zip(BAG_GROUPS, noise, strict=True)),
        bayes_auroc=_best(bayes_auroc(world, noise, seed)),
        bayes_auroc_alone={group: _best(bayes_auroc(world, noise, seed, [group])) for group in BAG_GROUPS},
        subjects=tuple(_true_subject(subject) for subject in subjects),
    )


def _best(estimate: BayesAuroc) -> BestAuroc:
    return BestAuroc(
        crude=estimate.crude,
        crude_se=estimate.crude_se,
        within_site=known(estimate.within_site),
        within_site_se=known(estimate.within_site_se),
    )


def _true_subject(subject: Subject) -> SimulatedSubject:
    row = subject.row
    assert row.label is not None  # simulated people have labels
    return SimulatedSubject(
        sample=row.sample,
        subject=row.subject,
        role=row.role,
        label=row.label,
        site=row.site,
        latents=dict(zip(BAG_GROUPS, subject.latents, strict=True)),
        dinucleosome=subject.dinucleosome,
    )


def _table(header: Sequence[str], rows: Sequence[Sequence[Any]]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, delimiter="\t", lineterminator="\n")
    writer.writerow(header)
    writer.writerows(rows)
    return buffer.getvalue()
