"""Every kind of evidence and of finding comes back from the disk as the type that it was."""

from __future__ import annotations

import json
from pathlib import Path
from typing import get_args

import pytest

from cfdna_interp.config.settings import Corrected
from cfdna_interp.errors import InputError
from cfdna_interp.records.base import load_record, save_record
from cfdna_interp.records.openings import nth_opening
from cfdna_interp.records.values import Auroc, Counts, Interval
from cfdna_interp.records.verdict import (
    Attributed,
    Audited,
    BaselineLead,
    Bound,
    CalibrationError,
    Caution,
    CautionKind,
    Compared,
    DecidingSize,
    Evidence,
    FewSubjects,
    Finding,
    Followed,
    GroupChange,
    HeldEvidence,
    LabelsInValues,
    LeakBelow,
    Leaking,
    NecessityEvidence,
    NoEffects,
    NoGroup,
    NoScore,
    NoSignal,
    Plan,
    Reason,
    RelianceEvidence,
    Rung,
    ScoreChange,
    Signal,
    SignalEvidence,
    SignalFinding,
    SmallCohort,
    Status,
    SufficiencyEvidence,
    SurrogateEvidence,
    Verdict,
    Word,
)

ONE, TWO = Interval(value=0.5, low=0.4, high=0.6), Interval(value=0.1, low=None, high=None)
EVIDENCE = (
    SignalEvidence(auroc=Auroc(value=0.9, low=0.8, high=0.95, method="DeLong"), p=0.001),
    RelianceEvidence(share=ONE),
    NecessityEvidence(difference=ONE),
    SufficiencyEvidence(difference=ONE),
    SurrogateEvidence(follows=ONE, r2_lost=TWO),
    HeldEvidence(crude=0.9, held=ONE, fall=None),
)
REASONS = (
    Signal(finding=SignalFinding.SHOWN, n=Counts(case=20, control=21), ceiling=0.65),
    Leaking(breaks=(), without=None),
    LeakBelow(),
    FewSubjects(role="heldout", n=Counts(case=14, control=21), needed=15),
    LabelsInValues(corrected=Corrected("with labels", "ComBat", "discovery")),
    Attributed(),
    NoSignal(word=Word.CANT_TELL),
    NoEffects(),
    Plan(
        effects=(("tss_score", 0.5),),
        size=DecidingSize(n=Counts(case=80, control=80), named=True),
        most=1_000_000,
        n=Counts(case=40, control=41),
    ),
    NoGroup(),
    NoScore(score="proxy"),
    Compared(score="proxy", n=Counts(case=20, control=21), bound=Bound.BETWEEN, margin=0.05),
    Followed(group="tss_score", n=41, measure="correlation", bound=None, margin=0.9),
    Audited(),
)
FINDINGS = (
    GroupChange(group="tss_score", discovery=ONE, heldout=TWO, fall=ONE, cost=TWO),
    ScoreChange(score="model", discovery=ONE, heldout=TWO, fall=ONE),
    BaselineLead(baseline="baseline_all", score="proxy", lead=ONE, p_holm=0.01),
    CalibrationError(score="proxy", slope=ONE, in_the_large=TWO),
    SmallCohort(n=Counts(case=20, control=21), discovery=Counts(case=40, control=41), detectable=None),
)
VERDICT = Verdict(
    headline="L0",
    sentences=("one", "two"),
    simulated=True,
    group=None,
    rungs=tuple(
        Rung(rung="L0", claim="", status=Status.EARNED, word=Word.EARNED, reasons=REASONS, evidence=evidence)
        for evidence in (*EVIDENCE, None)
    ),
    cautions=tuple(
        Caution(kind=CautionKind.FEW_SUBJECTS, sentence="", finding=finding) for finding in (*FINDINGS, None)
    ),
    opening=nth_opening(2, 2, "ab" * 32, ("seed",)),
    hypotheses_digest="cd",
)


def test_a_verdict_survives_the_disk(tmp_path: Path) -> None:
    assert {type(evidence) for evidence in EVIDENCE} == set(get_args(Evidence))
    assert {type(reason) for reason in REASONS} == set(get_args(Reason))
    assert {type(finding) for finding in FINDINGS} == set(get_args(Finding))
    save_record(VERDICT, tmp_path / Verdict.FILE)
    assert load_record(Verdict, tmp_path / Verdict.FILE) == VERDICT


def test_evidence_of_no_known_type_is_an_error_that_names_the_place(tmp_path: Path) -> None:
    path = tmp_path / Verdict.FILE
    save_record(VERDICT, path)
    content = json.loads(path.read_text())
    content["rungs"][0]["evidence"]["type"] = "hearsay"
    path.write_text(json.dumps(content))
    wanted = r"verdict\.json has no usable 'rungs\[0\]\.evidence\.type'.*run the verdict stage again"
    with pytest.raises(InputError, match=wanted):
        load_record(Verdict, path)
