"""Runs of the whole workflow behind ``extract`` on simulated fragment tables, without BAM files."""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from msgspec.structs import asdict

from cfdna_interp.artifacts.features import save_features
from cfdna_interp.artifacts.fragments import FragmentTable
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.attribution.attribute import run_attribute
from cfdna_interp.attribution.dominance import run_dominance
from cfdna_interp.attribution.embed import run_embed
from cfdna_interp.attribution.refit import run_refit
from cfdna_interp.attribution.train import run_train
from cfdna_interp.audit.audit import run_audit
from cfdna_interp.cohort.split import split
from cfdna_interp.config.settings import Attribution, Config, Extract, Features, Model
from cfdna_interp.features.extract import compute_features
from cfdna_interp.features.matrix import write_matrices
from cfdna_interp.fragments.extraction import VERY_LONG
from cfdna_interp.fragments.profile import Counter
from cfdna_interp.models.pretrain import run_pretrain
from cfdna_interp.proxy.proxy import run_proxy
from cfdna_interp.proxy.validate import run_validate
from cfdna_interp.records.audit import Audit
from cfdna_interp.records.base import load_record, save_record
from cfdna_interp.records.dominance import Dominance
from cfdna_interp.records.held import HeldClaim
from cfdna_interp.records.qc import MethylationBias, ReadCounts, SampleQuality, SuggestedEnds, Technical
from cfdna_interp.records.validation import ValidationResult
from cfdna_interp.records.verdict import Verdict
from cfdna_interp.simulation.fragment_tables import SimulatedFragments
from cfdna_interp.verdict.verdict import run_verdict


@dataclass(frozen=True)
class Outcome:
    """What a run ended with.

    Attributes
    ----------
    dominant
        Outcome of the rule, and the group it names.
    statuses
        Rung -> status; ``words`` rung -> word.
    headline
        Highest unbroken rung, "" none.
    auroc
        Score -> held-out AUROC.
    within
        AUROC, within batches, of the score that L4 and L5 are judged on, NaN without.
    held
        Rung L4 and L5 -> what was held and what was found.
    """

    dominant: str
    statuses: dict[str, str]
    words: dict[str, str]
    headline: str
    auroc: dict[str, float]
    within: float
    held: dict[str, dict[str, Any]]


# What only L1 to L3 rest on, cut short: one intervention, one reference, few donors, steps and refits.
QUICK = Attribution(
    interventions=("swap",),
    references=("discovery",),
    gradient_steps=4,
    donors=2,
    bootstrap=8,
    permutations=9,
    chunks=1,
)


def settings(folder: Path, atlas: Path, seed: int, fragments: int, *, quick: bool = False) -> Config:
    """Return the demo's settings for a cohort of fragment tables, with 20 bootstraps and one head a fold."""
    return Config(
        sheet=str(folder / "sheet.tsv"),
        outdir=str(folder / "results"),
        seed=seed,
        atlas=str(atlas),
        extract=Extract(fragments_per_sample=fragments, min_fragments=1_024),
        features=Features(window=50_000),
        model=Model(pretrain_fragments=100_000, pretrain_epochs=4, ensemble=1),
        attribution=QUICK if quick else Attribution(bootstrap=20, permutations=19, chunks=1),
    )


def write_extracted(cohort: SimulatedFragments, config: Config, contig_lengths: Sequence[int]) -> None:
    """Write what ``cohort`` and ``extract`` would have written, for contigs of these lengths (bp)."""
    atlas = cohort.atlas
    layout = Layout.of(config.outdir)
    rows = [subject.row for subject in cohort.subjects]
    names = ["sample", "subject", "bam", "label", "role", "site", "batch", "age", "sex"]
    technical = sorted({name for row in rows for name in row.technical})
    sheet = Path(config.sheet)
    sheet.parent.mkdir(parents=True, exist_ok=True)
    with open(sheet, "w", newline="") as handle:
        writer = csv.writer(handle, delimiter="\t")
        writer.writerow([*names, *technical])
        for row in rows:
            cells = [f"{row.sample}.bam" if name == "bam" else getattr(row, name) for name in names]
            writer.writerow([*cells, *(row.technical[name] for name in technical)])
    split(config)
    for row, table in zip(rows, cohort.tables, strict=True):
        used = range(len(contig_lengths))
        counter = Counter(table.contig_names, contig_lengths, used, atlas, config.features)
        counter.add(table)
        profile = counter.profile()
        table.save(layout.fragments(row.sample))
        profile.save(layout.profile(row.sample))
        save_features(compute_features(profile, atlas, config), layout.features(row.sample))
        save_record(_quality(row.sample, table), layout.qc(row.sample))


def run_stages(config: Config) -> Outcome:
    """Run every stage from ``matrix`` to ``verdict`` in this process."""
    torch.set_num_threads(1)
    write_matrices(config)
    run_pretrain(config)
    for role in ("discovery", "heldout"):
        run_embed(config, role)
    run_train(config)
    for chunk in range(config.attribution.chunks):
        run_refit(config, chunk)
        run_attribute(config, chunk)
    for stage in (run_dominance, run_proxy, run_validate, run_audit, run_verdict):
        stage(config)
    return read_outcome(Path(config.outdir))


def read_outcome(results: Path) -> Outcome:
    """Read the outcome off a finished run's files."""
    layout = Layout.of(results)
    verdict = load_record(Verdict, layout.file(Verdict.FILE))
    dominance = load_record(Dominance, layout.file(Dominance.FILE))
    validation = load_record(ValidationResult, layout.file(ValidationResult.FILE))
    audit = load_record(Audit, layout.file(Audit.FILE))
    within = audit.within_strata
    return Outcome(
        dominant=dominance.group or dominance.outcome,
        statuses={rung.rung: rung.status for rung in verdict.rungs},
        words={rung.rung: rung.word for rung in verdict.rungs},
        headline=verdict.headline or "",
        auroc={name: score.auroc.value for name, score in validation.scores.items()},
        within=float("nan") if within is None else within.auroc.value,
        held={"L4": held_figures(audit.handling), "L5": held_figures(audit.person)},
    )


def held_figures(claim: HeldClaim) -> dict[str, Any]:
    """Return the columns, with why they aren't held, and the figures of a rung."""
    measure = claim.measure
    return {
        "columns": {column.name: str(column.obstacle or "held") for column in claim.columns},
        "obstacles": list(map(str, claim.obstacles)),
        "crude": claim.crude,
        "auroc": None if measure is None else asdict(measure.auroc),
        "fall": None if measure is None else asdict(measure.fall),
    }


def _quality(sample: str, table: FragmentTable) -> SampleQuality:
    counts = dict.fromkeys(ReadCounts.__struct_fields__, 0)
    return SampleQuality(
        sample=sample,
        bam="",
        build="simulated",
        simulated=True,
        dialect="xm",
        decision="keep",
        obstacle=None,
        counts=ReadCounts(**counts | {"fragments": len(table)}),
        technical=Technical(
            fragments=len(table),
            duplicate_rate=None,
            mapq_loss=None,
            gc=float(table.gc.mean()),
            read_length=None,
            conversion=None,
            over_600bp=float(np.mean(table.length > VERY_LONG)),
            m_bias_5p=None,
            m_bias_3p=None,
        ),
        m_bias=MethylationBias(read1=(), read2=()),
        suggested=SuggestedEnds(read1=None, read2=None),
        warnings=(),
    )
