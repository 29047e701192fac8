"""Leaks and shifts: found, not found, and not looked for are three answers."""

from __future__ import annotations

import made_audit
from fake_heldout import HOSTILE
from fake_run import Built

from cfdna_interp.records.audit import Audit
from cfdna_interp.records.base import load_record
from cfdna_interp.records.leaks import Leakage
from cfdna_interp.records.missing import Cause, Missing
from cfdna_interp.report.leakage import (
    FOUND,
    NOTHING,
    UNCHECKED,
    checks,
    leak_sentence,
    shift_rows,
    shift_sentences,
    sources,
)
from cfdna_interp.verdict.leak_cautions import leak_words


def audit(built: Built) -> Audit:
    return load_record(Audit, built.layout.file(Audit.FILE))


def leakage(built: Built) -> Leakage:
    return audit(built).leakage


def test_nothing_found_says_what_was_looked_at(simulated_run: Built) -> None:
    found = checks(leakage(simulated_run))
    assert [check.status for check in found] == [NOTHING] * 4
    assert "160 samples, intrinsic dimension 31" in found[2].sentence
    assert not any(check.examples for check in found)


def test_findings_name_samples_share_and_null(bare_run: Built) -> None:
    subjects, molecules, twins, readable = checks(leakage(bare_run))
    assert {check.status for check in (subjects, molecules, twins, readable)} == {FOUND}
    assert subjects.examples == (HOSTILE,)
    assert molecules.examples == (
        "S002 (discovery) and T003 (held-out): 31 % of the smaller one's fragments, p < 0.001",
    )
    assert twins.examples == (
        "S002 (discovery) and T003 (held-out): 4 % of the distance to the fifth neighbour, q < 0.001",
    )
    # The order of the rows (p after Holm .348) is no finding; the letters (.003) are.
    assert readable.examples == (
        "Letters in the sample's id, held-out: AUROC 0.97 (permuted 0.55, p = 0.003, n = 80 subjects)",
    )


def test_the_page_says_what_breaks_l0_in_the_words_of_the_ladder(
    simulated_run: Built, bare_run: Built
) -> None:
    assert leak_sentence(leakage(simulated_run)) == "Nothing of what was found breaks rung L0."
    record = leakage(bare_run)
    said = leak_sentence(record)
    assert leak_words(record.breaks, record.without) in said
    assert "1 of 80 held-out subjects have a name that stands in discovery, too" in said
    assert (
        "without these 2 subjects the AUROC is: model 0.90 [0.83 to 0.95] (39 cases and 39 controls)" in said
    )
    assert said.replace("'", "&#39;") in bare_run.page.read_text(encoding="utf-8")
    # The config doesn't say whether values were corrected, and the letters tell the label.
    page = " ".join(bare_run.page.read_text(encoding="utf-8").split())
    assert "Whether the values were corrected for batches before they came here is not known" in page
    assert "The held-out label is read from letters in the sample&#39;s id (AUROC 0.97, n = 80)" in page
    # Of the letters it was asked whether the score follows them, of what tells nothing it wasn't.
    assert [source.followed for source in sources(record)] == ["not asked", "correlation 0.08, p = 0.31"]


def test_what_was_not_looked_for_is_no_all_clear() -> None:
    found = checks(
        made_audit.leakage(
            shared_missing=Missing(why=Cause.NO_FRAGMENTS),
            near_missing=Missing(why=Cause.FEW_SUBJECTS, needed=20),
        )
    )
    assert [check.status for check in found] == [NOTHING, UNCHECKED, UNCHECKED, UNCHECKED]
    assert found[1].sentence == (
        "The cohort came as a table: without fragments the same library is looked for by its features alone."
    )
    assert found[2].sentence == "There are fewer than 20 subjects."


def test_a_shift_between_roles_is_told_with_its_null(simulated_run: Built, bare_run: Built) -> None:
    same, moved = (audit(built).shift for built in (simulated_run, bare_run))
    assert "AUROC of 0.54 (permuted roles 0.50, p = 0.40; n = 40 discovery" in shift_sentences(same)[0]
    assert shift_sentences(same)[0].endswith("No difference between them is shown.")
    assert "needn't be the disease" in shift_sentences(moved)[0]
    # q = .001 low - .05 is at most .05 for low = 60, 65, ..., 100: nine of 28.
    assert shift_sentences(same)[1].startswith("One by one, 9 of 28 features differ")
    assert [row.feature for row in shift_rows(same)[:2]] == ["length_bin_60_65", "length_bin_65_70"]
    assert len(shift_rows(same)) == 10


def test_roles_too_small_to_compare_say_so() -> None:
    few = Missing(why=Cause.FEW_CONTROLS_OF_A_ROLE, seen=4, needed=10)
    assert shift_sentences(made_audit.shift(auroc=None, missing=few)) == [
        "Whether the controls of the roles are alike can't be told: a role has 4 controls, fewer than 10."
    ]
