"""Write the verdict and the hypotheses of a run."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

from msgspec import structs

from cfdna_interp.artifacts.files import Result, digest_file, read_result, unusable, write_text
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.matrix import load_table
from cfdna_interp.artifacts.openings import check_opening, opening_of
from cfdna_interp.artifacts.proxy import load_proxy
from cfdna_interp.artifacts.validation import load_subjects
from cfdna_interp.config import Config
from cfdna_interp.config.settings import Corrected, Validation
from cfdna_interp.errors import InputError
from cfdna_interp.records.audit import Audit
from cfdna_interp.records.base import load_record, save_record
from cfdna_interp.records.dominance import Dominance
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
    validation = read_result(
        layout.file("validation.json"),
        "validate",
        scores=dict,
        paired=list,
        permutation=dict,
        protocol_digest=str,
        repeated=dict,
        groups=dict,
    )
    audit = load_record(Audit, layout.file(Audit.FILE))
    protocol = read_result(
        layout.file("protocol.json"), "proxy", margins=dict, mediators=list, priority=list, corrected=dict
    )
    margins = _margins(protocol["margins"], layout.file("protocol.json"))
    if validation["protocol_digest"] != digest_file(layout.file("protocol.json")):
        raise InputError(
            f"{layout.file('validation.json')} was made under another protocol; run the validate stage again"
        )
    marks = {"protocol_digest": audit.protocol_digest, "opening": audit.opening}
    check_opening(validation, marks, layout.file(Audit.FILE), Audit.STAGE)
    found = cautions(dominance.group, validation, audit, protocol)
    corrected = Corrected(**protocol["corrected"])
    ladder = climb(dominance, validation, audit, margins, corrected, against(found))
    subjects = load_subjects(layout.file("validation.scores.parquet"), validation)
    cohorts = Cohorts(
        discovery=load_table(layout.matrix("discovery")),
        heldout=load_table(layout.matrix("heldout")),
        heldout_labels=subjects.set_index("subject")["label"],
        mediators=tuple(protocol["mediators"]),
        priority=tuple(protocol["priority"]),
    )
    judged = judgements(audit, ladder.rungs)
    rows = hypotheses(load_proxy(layout.file("proxy.json")), dominance, judged, cohorts, config.seed)
    opening = opening_of(validation)
    rows = [replace(row, exploratory=opening.note()) for row in rows]
    table = layout.file("hypotheses.tsv")
    write_text(table, as_table(rows))
    verdict = Verdict(
        headline=ladder.headline,
        sentences=ladder.sentences,
        simulated=bool(validation["simulated"]),
        group=dominance.group,
        rungs=ladder.rungs,
        cautions=found,
        hypotheses_digest=digest_file(table),
        **opening.record(),
    )
    save_record(verdict, layout.file(Verdict.FILE))


def _margins(margins: Result, path: Path) -> Validation:
    """Return the margins of a protocol: all of them, as a default in place of one would be another margin."""
    names = [field.name for field in structs.fields(Validation)]
    for unknown in sorted(set(margins) - set(names)):
        raise unusable(path, "proxy", f"margins.{unknown}")
    return Validation(**{name: margins[name] for name in names})
