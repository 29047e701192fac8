"""Gathering what the stages before wrote into one record that the page is made of."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import pandas as pd

from cfdna_interp.artifacts.exclusions import kept_samples, load_exclusions
from cfdna_interp.artifacts.files import digest_file
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.rows import read_rows
from cfdna_interp.artifacts.sheet import ROLES, Sample
from cfdna_interp.config import Config
from cfdna_interp.errors import InputError
from cfdna_interp.records.audit import Audit
from cfdna_interp.records.base import load_record
from cfdna_interp.records.dominance import Dominance
from cfdna_interp.records.encoder import FragmentEncoder
from cfdna_interp.records.model import TableModel
from cfdna_interp.records.openings import Opening, check_opening
from cfdna_interp.records.protocol import FrozenProtocol
from cfdna_interp.records.proxy import Proxy, Regression
from cfdna_interp.records.qc import ReadCounts, SampleQuality
from cfdna_interp.records.subjects import load_subjects
from cfdna_interp.records.validation import ValidationResult
from cfdna_interp.records.verdict import Verdict
from cfdna_interp.report.calls import CallTable, load_calls
from cfdna_interp.report.feature_table import FeatureTableResults, load_feature_table
from cfdna_interp.report.lengths import LengthTable, load_lengths
from cfdna_interp.report.losses import SampleLosses, load_losses
from cfdna_interp.report.maps import Maps, load_maps
from cfdna_interp.report.representation import NOTHING, RepresentationResults, load_representation
from cfdna_interp.report.tissue import SampleTissue, load_tissues
from cfdna_interp.verdict.ladder import Judgements, judgements
from cfdna_interp.verdict.remedies import why_no_proxy

Opened = TypeVar("Opened", Audit, Verdict)


@dataclass(frozen=True)
class Stratum:
    """How many subjects of a role and batch are in the study.

    Attributes
    ----------
    role, batch
        Where they belong; the batch is "" where the sheet has none.
    cases, controls
        Subjects by label.
    """

    role: str
    batch: str
    cases: int
    controls: int


@dataclass(frozen=True, eq=False)
class Run:
    """Everything the report shows.

    Attributes
    ----------
    config
        The run's settings.
    samples
        Samples that were analysed, by role; the held-out ones carry no label.
    labels
        Subject -> label; the held-out ones come from ``validation.scores.parquet``.
    lengths
        Fragment-length histograms by role; empty where the cohort came as a table.
    calls
        Methylation along the reads, conversion, and the samples to look at; None for a table.
    tissues
        Mixtures of cell types; empty for a table, and without an atlas.
    losses
        Where the reads of each sample went; empty for a table.
    filters
        Role -> filter -> reads or fragments, summed over the role's analysed samples; empty for a table.
    table
        The table of features that the cohort came as; None for alignments.
    dominance
        What the model relies on.
    validation, audit, verdict, proxy, protocol
        The JSON files of these names; of ``proxy.json`` the regression, None where there is none.
    judged
        What is to be said of handling and of the person: the ladder may overrule the audit.
    model
        The model under study: the frozen encoder of fragments, or the regression of a table.
    maps
        Where contributions come from; None where the run has no maps.
    representation
        What the embeddings hold.
    no_proxy
        Why there is no proxy, a clause; "" where there is one.
    scores
        One row per held-out subject: subject, label, site, batch, covariates, a column per score.
    hypotheses, exclusions
        Rows of the two tables, as text.
    """

    config: Config
    samples: dict[str, list[Sample]]
    labels: dict[str, int]
    lengths: dict[str, LengthTable]
    calls: CallTable | None
    tissues: tuple[SampleTissue, ...]
    losses: tuple[SampleLosses, ...]
    filters: dict[str, dict[str, int]]
    table: FeatureTableResults | None
    dominance: Dominance
    validation: ValidationResult
    audit: Audit
    judged: Judgements
    verdict: Verdict
    proxy: Regression | None
    protocol: FrozenProtocol
    model: FragmentEncoder | TableModel
    maps: Maps | None
    representation: RepresentationResults
    no_proxy: str
    scores: pd.DataFrame
    hypotheses: list[dict[str, str]]
    exclusions: list[dict[str, str]]

    @property
    def simulated(self) -> bool:
        """Whether any of the alignments, or the table, were made by a program."""
        return self.verdict.simulated

    @property
    def foreign(self) -> bool:
        """Whether of the model under study only scores are known: whom it was fitted on then isn't."""
        return self.model.kind in ("table", "scores")

    @property
    def folds(self) -> int:
        """Number of folds of the model under study."""
        return self.model.folds if isinstance(self.model, TableModel) else self.config.model.folds

    def counts(self) -> dict[str, dict[str, int]]:
        """Count subjects: role -> ``case`` and ``control``."""
        counts = {}
        for role in ROLES:
            labels = [self.labels[subject] for subject in {sample.subject for sample in self.samples[role]}]
            counts[role] = {"case": sum(labels), "control": len(labels) - sum(labels)}
        return counts

    def strata(self) -> list[Stratum]:
        """Count subjects by role and batch, in the order of the names."""
        members: dict[tuple[str, str], set[str]] = {}
        for role in ROLES:
            for sample in self.samples[role]:
                members.setdefault((role, sample.batch), set()).add(sample.subject)
        return [
            Stratum(
                role=role,
                batch=batch,
                cases=sum(self.labels[subject] == 1 for subject in subjects),
                controls=sum(self.labels[subject] == 0 for subject in subjects),
            )
            for (role, batch), subjects in sorted(members.items())
        ]


def collect(config: Config, layout: Layout) -> Run:
    """Read the results of a finished run.

    Raises
    ------
    InputError
        A result is missing, damaged or of another opening; the message names the file and what to run.
    """
    exclusions = load_exclusions(layout.file("exclusions.tsv"))
    validation = load_record(ValidationResult, layout.file(ValidationResult.FILE))
    scores = load_subjects(layout.file("validation.scores.parquet"), validation.opening)
    audit = _load(Audit, layout, validation.opening)
    verdict = _load(Verdict, layout, validation.opening)
    dominance = load_record(Dominance, layout.file(Dominance.FILE))
    if validation.groups.keys() != dominance.groups.keys():
        raise InputError(
            f"{layout.file(ValidationResult.FILE)} has other feature groups than dominance.json beside it; "
            "run the validate stage again"
        )
    labels = {str(subject): int(label) for subject, label in zip(scores.subject, scores.label, strict=True)}
    samples = {}
    for role in ROLES:
        kept = kept_samples(layout, role)
        labels |= {sample.subject: sample.label for sample in kept if sample.label is not None}
        samples[role] = kept
    for sample in samples["heldout"]:
        if sample.subject not in labels:
            raise InputError(
                f"sample {sample.sample}: subject {sample.subject} is not in "
                f"{layout.file('validation.scores.parquet')}; run the validate stage again"
            )
    proxy = load_record(Proxy, layout.file(Proxy.FILE))
    # Files of an earlier run from alignments may lie in the folder of a run from a table.
    bams = config.features.table is None
    fragments = ROLES if bams else ()
    table = None if bams else load_feature_table(layout)
    without_role = sum(not row["role"] for row in exclusions)
    if table is not None and table.record.left_out != without_role:
        raise InputError(
            f"{layout.file('exclusions.tsv')} names {without_role} rows without a role, table.json "
            f"{table.record.left_out}; run the matrix stage again"
        )
    return Run(
        config=config,
        samples=samples,
        labels=labels,
        lengths={role: load_lengths(role, samples[role], labels, layout) for role in fragments},
        calls=load_calls(samples, layout) if bams else None,
        tissues=load_tissues(samples, labels, layout) if bams else (),
        losses=load_losses(samples, exclusions, layout) if bams else (),
        filters={role: _sum_filters(samples[role], layout) for role in fragments},
        table=table,
        dominance=dominance,
        model=load_record(FragmentEncoder, layout.file(FragmentEncoder.FILE))
        if bams
        else load_record(TableModel, layout.file(TableModel.FILE)),
        maps=load_maps(layout.file("maps.parquet"), config) if bams else None,
        representation=load_representation(config, layout) if bams else NOTHING,
        validation=validation,
        audit=audit,
        judged=judgements(dominance, audit, verdict.rungs),
        verdict=verdict,
        proxy=proxy.regression,
        protocol=load_record(FrozenProtocol, layout.file(FrozenProtocol.FILE)),
        no_proxy=why_no_proxy(dominance, proxy.obstacle) if proxy.obstacle else "",
        scores=scores,
        hypotheses=_load_hypotheses(layout.file("hypotheses.tsv"), verdict),
        exclusions=exclusions,
    )


def _load(kind: type[Opened], layout: Layout, opening: Opening) -> Opened:
    """Read a file that has to be of the same opening as ``validation.json``."""
    path = layout.file(kind.FILE)
    record = load_record(kind, path)
    check_opening(opening, record.opening.protocol, record.opening.number, path, kind.STAGE)
    return record


def _sum_filters(samples: list[Sample], layout: Layout) -> dict[str, int]:
    """Return filter -> reads or fragments of all samples, in the order in which extraction asks."""
    records = [load_record(SampleQuality, layout.qc(sample.sample)).counts for sample in samples]
    return {name: sum(getattr(counts, name) for counts in records) for name in ReadCounts.__struct_fields__}


def _load_hypotheses(path: Path, verdict: Verdict) -> list[dict[str, str]]:
    try:
        header, rows = read_rows(path)
    except FileNotFoundError:
        raise InputError(f"{path} does not exist; run the verdict stage first") from None
    except (OSError, ValueError) as error:
        raise InputError(f"{path} is damaged ({error}); run the verdict stage again") from None
    # A table that lost lines looks whole.
    if not rows or verdict.hypotheses_digest != digest_file(path):
        raise InputError(f"{path} is not as it was written with verdict.json; run the verdict stage again")
    return [dict(zip(header, row, strict=True)) for row in rows]
