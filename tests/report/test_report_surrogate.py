"""A model that is known by its scores: what retraining costs is its surrogate's, and is called so."""

from __future__ import annotations

from dataclasses import replace

import made_validation as made
import pytest
from fake_run import Built
from made_dominance import around, dominance_record, group_attribution
from msgspec import structs
from test_report_page import Reader

from cfdna_interp.artifacts.files import read_json
from cfdna_interp.report.collect import Run, collect
from cfdna_interp.report.figures.attribution import attribution_figure
from cfdna_interp.report.figures.heldout import score_colours
from cfdna_interp.report.heldout import operating_rows, paired_sentences
from cfdna_interp.report.methods import methods_paragraphs
from cfdna_interp.report.report import draw, render
from cfdna_interp.report.words import score_rank

PAIR = made.pair("surrogate", "model_without_methylation", 0.1, 0.05, 0.2, p_holm=0.01, better="surrogate")


def test_the_cost_of_retraining_is_told_and_drawn_of_the_surrogate() -> None:
    scores = {"model": made.score(), "surrogate": made.score()}
    validation = made.validation(paired=(PAIR,), scores=scores)
    assert paired_sentences(validation)[0].startswith(
        "What the surrogate's AUROC loses on n = 40 held-out cases + 40 controls when it is retrained "
        "without a group: methylation 0.100"
    )
    dominance = dominance_record({"methylation": group_attribution(around(1.0))})
    figure = attribution_figure(dominance, validation)
    (drawn,) = [trace for trace in figure.data if trace.name == "Held-out, 95 %"]
    assert list(drawn.x) == [0.1]


def test_the_surrogate_stands_after_model_and_proxy_in_a_colour_of_no_group() -> None:
    names = ["baseline_all", "model_only_methylation", "surrogate", "proxy", "model"]
    assert sorted(names, key=score_rank) == ["model", "proxy", "surrogate", *names[1::-1]]
    colours = score_colours(names)
    assert colours["surrogate"] == score_colours(["baseline_technical"])["baseline_technical"]


def known_by_scores(built: Built, kind: str) -> Run:
    """The run, had its model been known by scores: what was retrained is a surrogate."""
    run = collect(built.config, built.layout)
    scores = run.validation.scores | {"surrogate": run.validation.scores["model"]}
    paired = tuple(
        structs.replace(pair, a="surrogate") if pair.b.startswith("model_without_") else pair
        for pair in run.validation.paired
    )
    return replace(
        run,
        model=structs.replace(run.model, kind=kind),
        validation=structs.replace(run.validation, scores=scores, paired=paired),
        scores=run.scores.assign(surrogate=run.scores["model"]),
    )


@pytest.fixture(scope="module", params=["alignments", "table"])
def foreign(request: pytest.FixtureRequest) -> tuple[Run, Reader]:
    """On either route: the run, and its page."""
    kind, name = {"alignments": ("table", "simulated_run"), "table": ("scores", "table_run")}[request.param]
    built = request.getfixturevalue(name)
    run = known_by_scores(built, kind)
    reader = Reader()
    reader.feed(render(run, read_json(built.layout.file("manifest.json"))))
    return run, reader


def test_no_section_says_that_the_model_was_retrained(foreign: tuple[Run, Reader]) -> None:
    run, reader = foreign
    for name in ("attribution", "heldout", "methods", "checklist"):
        text = reader.sections[name].lower()
        assert "model retrained" not in text and "model with every group" not in text, name
        assert "model on fragment length only" not in text, name
    assert "Surrogate retrained without fragment length" in reader.sections["heldout"]
    assert "surrogate retrained without fragment length" in reader.sections["checklist"]
    assert "AUROC that the surrogate loses when it is retrained" in reader.sections["attribution"]
    names = {row.score for row in operating_rows(run.validation)}
    assert {"Model", "Surrogate", "Surrogate on fragment length only"} <= names
    drawn = {trace.name for trace in draw(run)["auroc"].data}
    assert {"Model", "Surrogate with every group taken out"} <= drawn


def test_the_methods_attribute_the_surrogates_logits(foreign: tuple[Run, Reader]) -> None:
    run, _ = foreign
    text = " ".join(methods_paragraphs(run))
    assert "the surrogate's logit of" in text
    # Roles of a foreign model speak of its score, not of how well groups tell the label.
    assert "the correlation with the score of the surrogate retrained on it" in text
    assert "the R² with the score that the surrogate loses without it" in text
    assert "each subject's logit" not in text


def test_what_a_table_reaches_without_groups_is_the_surrogates(foreign: tuple[Run, Reader]) -> None:
    run, reader = foreign
    said = "With every group taken out the surrogate reaches" in reader.sections["attribution"]
    assert said == (run.table is not None)
