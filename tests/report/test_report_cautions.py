"""What stands against a verdict stands under it; reversed groups, baselines and directions on the page."""

from __future__ import annotations

import re
from dataclasses import replace

import numpy as np
import pytest
from fake_run import Built
from made_validation import FIRST, counts, interval, validation
from msgspec import structs
from test_report_page import Reader

from cfdna_interp.artifacts.files import read_json
from cfdna_interp.config import Config
from cfdna_interp.config.settings import Validation
from cfdna_interp.proxy.measure import HeldoutSubjects, measure
from cfdna_interp.records.validation import Repetition, ValidationResult
from cfdna_interp.report.answers import answers
from cfdna_interp.report.collect import Run, collect
from cfdna_interp.report.heldout import (
    directionless_sentence,
    paired_sentences,
    repeat_rows,
    repeat_sentences,
)
from cfdna_interp.report.report import draw, render
from cfdna_interp.verdict.cautions import cautions


def changed(run: Run, word: str, *, better_without: bool = False) -> Run:
    """The run, had fragment length come out so among the held-out subjects."""
    record = structs.replace(
        run.validation.groups["fragment_length"], word=Repetition(word), better_without=better_without
    )
    if better_without:
        cost = structs.replace(record.cost, heldout=interval(-0.121, -0.18, -0.06))
        record = structs.replace(record, cost=cost)
    groups = run.validation.groups | {"fragment_length": record}
    validation = structs.replace(run.validation, groups=groups)
    said = cautions(run.dominance.group, validation, run.audit, run.protocol)
    return replace(run, validation=validation, verdict=structs.replace(run.verdict, cautions=said))


def sections(run: Run, built: Built) -> dict[str, str]:
    reader = Reader()
    reader.feed(render(run, read_json(built.layout.file("manifest.json"))))
    return reader.sections


def test_a_run_without_cautions_has_no_list_of_them(simulated_run: Built) -> None:
    run = collect(simulated_run.config, simulated_run.layout)
    quiet = replace(run, verdict=structs.replace(run.verdict, cautions=()))
    text = sections(quiet, simulated_run)["verdict"]
    assert "What stands against it" not in text
    assert "Stands against the verdict" not in answers(quiet)["limits"]


def test_a_reversed_group_is_called_so_in_verdict_attribution_and_checklist(simulated_run: Built) -> None:
    run = collect(simulated_run.config, simulated_run.layout)
    page = sections(changed(run, "reversed", better_without=True), simulated_run)
    assert "What stands against it" in page["verdict"]
    assert "Fragment length has reversed: alone it reaches" in page["verdict"]
    assert "it is the group that the verdict names" in page["verdict"]
    assert re.search(r"held-out cases \+ 40 controls: it has reversed; alone AUROC", page["attribution"])
    assert "costs −0.121 [−0.180, −0.060]: the model is better without it" in page["attribution"]
    assert "Fragment length has reversed" in page["checklist"]
    assert "Stands against the verdict, with numbers beside it: group reversed" in page["checklist"]


def test_a_group_that_holds_is_nowhere_called_reversed(simulated_run: Built) -> None:
    run = collect(simulated_run.config, simulated_run.layout)
    page = sections(changed(run, "holds"), simulated_run)
    for name in ("verdict", "attribution", "heldout", "checklist"):
        assert "has reversed" not in page[name], name
        assert "is better without it" not in page[name], name
    assert "held-out cases + 40 controls: it holds; alone AUROC" in page["attribution"]


@pytest.mark.parametrize(
    ("word", "said"),
    [
        ("holds", "it holds"),
        ("weaker", "it is weaker"),
        ("reversed", "it has reversed"),
        ("not told", "whether it holds is not told"),
        ("no claim", "discovery claimed nothing to repeat"),
    ],
)
def test_each_word_says_its_own_sentence_with_both_roles(simulated_run: Built, word: str, said: str) -> None:
    run = changed(collect(simulated_run.config, simulated_run.layout), word)
    text = repeat_sentences(run.validation)["Fragment length"]
    others = {"it holds", "it is weaker", "it has reversed", "not told", "nothing to repeat"} - {said}
    assert text.startswith(f"On n = 40 held-out cases + 40 controls: {said}; alone AUROC ")
    assert not any(other in text for other in others if other not in said)
    assert (", a fall of " in text) == (word == "weaker")
    assert " in discovery" in text


def test_whole_scores_stand_in_both_roles(simulated_run: Built) -> None:
    run = collect(simulated_run.config, simulated_run.layout)
    assert [name for name, _, _ in repeat_rows(run.validation)] == ["Model", "Proxy"]
    text = sections(run, simulated_run)["heldout"]
    assert "Discovery against held-out" in text
    assert "Discovery: n = 40 cases + 40 controls, cross-fitted, mean over folds. Held-out: 40 cases" in text


def planted(sign: float) -> ValidationResult:
    """Covariates tell more than the model, technical columns point as ``sign`` says, coverage to nothing."""
    rng = np.random.default_rng(6)
    labels = np.arange(200) % 2
    cohort = HeldoutSubjects(
        subjects=tuple(f"P{i:03d}" for i in range(200)),
        labels=labels,
        batches=("",) * 200,
        scores={
            "model": labels + rng.normal(size=200),
            "baseline_covariates": 4.0 * labels + rng.normal(size=200),
            "baseline_coverage": rng.normal(size=200),
            "baseline_technical": sign * 3 * labels + rng.normal(size=200),
            "baseline_end_motif": labels + rng.normal(size=200),
        },
        group=None,
    )
    config = Config("out", validation=Validation(permutations=99, bootstrap=100))
    return measure(cohort, config, opening=FIRST, discovery=counts(100, 100), simulated=False)


def test_baselines_stand_in_three_lists() -> None:
    (text,) = paired_sentences(planted(1.0))
    beats, beaten, open_ = text.split(": ", 1)[1].split("; ")
    assert beats == "beats coverage (logistic)"
    assert beaten.startswith("is beaten by covariates only (by 0.2")
    # The difference of .5 SD is near that of the model: 200 subjects don't part them.
    assert open_ == "is not told apart from end motif (logistic)."
    assert "technical columns only (by" in beaten


def test_columns_that_point_the_other_way_are_not_beaten() -> None:
    up, down = planted(1.0), planted(-1.0)
    assert up.scores["baseline_technical"].auroc.value > 0.9
    assert down.scores["baseline_technical"].auroc.value < 0.1  # the raw value stays
    row = next(row for row in down.paired if row.b == "baseline_technical")
    assert row.turned
    assert row.better == "baseline_technical"
    assert row.value < 0
    assert not any(row.turned for row in up.paired)
    said = directionless_sentence(down)
    assert "points the other way (AUROC 0.0" in said
    assert "whichever way it points, at most 0.5" in said
    assert "points the other way" not in directionless_sentence(up)
    assert directionless_sentence(validation()) == ""


def test_the_forest_shows_technical_columns_without_direction(simulated_run: Built) -> None:
    run = collect(simulated_run.config, simulated_run.layout)
    record = run.validation.scores["baseline_technical"].directionless
    (trace,) = [t for t in draw(run)["auroc"].data if t.name == "Technical columns only"]
    assert list(trace.x) == [record.value]
    assert record.value >= 0.5


def test_calibration_stands_with_its_intervals(simulated_run: Built) -> None:
    run = collect(simulated_run.config, simulated_run.layout)
    slope = run.validation.scores["model"].calibration.slope
    text = sections(run, simulated_run)["heldout"]
    assert f"{slope.value:.2f} [{slope.low:.2f}, {slope.high:.2f}]" in text
