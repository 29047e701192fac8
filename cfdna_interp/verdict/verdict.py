"""Write the verdict and the hypotheses of a run."""

from __future__ import annotations

from dataclasses import replace

from cfdna_interp.artifacts.files import digest_file, write_text
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.matrix import load_table
from cfdna_interp.config import Config
from cfdna_interp.errors import InputError
from cfdna_interp.records.audit import Audit
from cfdna_interp.records.base import load_record, save_record
from cfdna_interp.records.dominance import Dominance
from cfdna_interp.records.openings import check_opening
from cfdna_interp.records.protocol import FrozenProtocol
from cfdna_interp.records.proxy import Proxy
from cfdna_interp.records.subjects import load_subjects
from cfdna_interp.records.validation import ValidationResult
from cfdna_interp.records.verdict import Verdict
from cfdna_interp.verdict.candidates import Cohorts
from cfdna_interp.verdict.cautions import against, cautions
from cfdna_interp.verdict.hypotheses import as_table, hypotheses
from cfdna_interp.verdict.ladder import climb, judgements


def run_verdict(config: Config) -> None:
    """Write ``verdict.json`` and ``hypotheses.tsv``, with the margins that the protocol fixed.

    Raises
    ------
    InputError
        A file of an earlier stage is missing, damaged, or belongs to another protocol or opening.
    """
    layout = Layout.of(config.outdir)
    dominance = load_record(Dominance, layout.file(Dominance.FILE))
    validation = load_record(ValidationResult, layout.file(ValidationResult.FILE))
    opening = validation.opening
    audit = load_record(Audit, layout.file(Audit.FILE))
    protocol = load_record(FrozenProtocol, layout.file(FrozenProtocol.FILE))
    if opening.protocol != digest_file(layout.file(FrozenProtocol.FILE)):
        raise InputError(
            f"{layout.file(ValidationResult.FILE)} was made under another protocol; "
            "run the validate stage again"
        )
    audited = audit.opening
    check_opening(opening, audited.protocol, audited.number, layout.file(Audit.FILE), Audit.STAGE)
    found = cautions(dominance.group, validation, audit, protocol)
    ladder = climb(dominance, validation, audit, protocol.margins, protocol.corrected, against(found))
    subjects = load_subjects(layout.file("validation.scores.parquet"), opening)
    cohorts = Cohorts(
        discovery=load_table(layout.matrix("discovery")),
        heldout=load_table(layout.matrix("heldout")),
        heldout_labels=subjects.set_index("subject")["label"],
        mediators=protocol.mediators,
        priority=protocol.priority,
    )
    judged = judgements(dominance, audit, ladder.rungs)
    rows = hypotheses(load_record(Proxy, layout.file(Proxy.FILE)), dominance, judged, cohorts, config.seed)
    rows = [replace(row, exploratory=opening.note()) for row in rows]
    table = layout.file("hypotheses.tsv")
    write_text(table, as_table(rows))
    verdict = Verdict(
        headline=ladder.headline,
        sentences=ladder.sentences,
        simulated=validation.simulated,
        group=dominance.group,
        rungs=ladder.rungs,
        cautions=found,
        hypotheses_digest=digest_file(table),
        opening=opening,
    )
    save_record(verdict, layout.file(Verdict.FILE))
