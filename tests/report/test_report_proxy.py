"""The proxy in words: its recipe, its agreement with the model, its stable features."""

from __future__ import annotations

from dataclasses import replace

import pytest
from fake_run import Built, encoder_record
from made_dominance import surrogate_fidelity
from made_validation import validation
from msgspec import structs
from stored import stored
from test_report_page import Reader, read

from cfdna_interp.artifacts.files import read_json
from cfdna_interp.records.fidelity import Added
from cfdna_interp.records.missing import Cause, Missing
from cfdna_interp.records.proxy import Proxy, Regression
from cfdna_interp.records.validation import ValidationResult
from cfdna_interp.report.collect import collect
from cfdna_interp.report.proxy import (
    MAY_HAVE_SEEN,
    agreements,
    describe_proxy,
    stability_sentence,
    stable_rows,
)
from cfdna_interp.report.report import render


@pytest.fixture
def proxy(simulated_run: Built) -> Regression:
    regression = stored(Proxy, simulated_run.config).regression
    assert regression is not None
    return regression


def test_recipe_and_cross_validation_are_told(proxy: Regression) -> None:
    built, seen = describe_proxy(proxy)
    assert built == (
        "A logistic regression with L2 penalty (C = 0.01) on 68 features of fragment length, fitted on n = "
        "40 discovery cases + 40 controls; intercept 0.040."
    )
    assert "AUROC of the 5 outer folds 0.90, 0.95, 0.88, 0.97, 0.92, mean 0.92; chance is 0.50" in seen
    assert "Divided into folds anew the means are 0.93" in seen
    assert "Inner folds chose L2 with C = 0.01, L2 with C = 0.1:" in seen


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"basis": "splines"}, ", bins through 12 B-splines, fitted"),
        ({"basis": "ilr", "penalty": "elasticnet"}, ", parts of a whole as isometric log-ratios, fitted"),
        ({"components": 5, "centred": False}, ", reduced to 5 principal components, not centred, fitted"),
    ],
)
def test_steps_before_the_regression_are_named(proxy: Regression, change: dict, words: str) -> None:
    recipe = structs.replace(proxy.recipe, **change)
    assert words in describe_proxy(structs.replace(proxy, recipe=recipe))[0]


def test_agreement_is_shown_for_both_roles_with_its_margin(simulated_run: Built, proxy: Regression) -> None:
    heldout_record = stored(ValidationResult, simulated_run.config)
    discovery, heldout = agreements(proxy, heldout_record, foreign=False)
    assert discovery.who == "Discovery, cross-fitted, n = 80 subjects"
    assert discovery.pearson.value == 0.91
    assert (
        discovery.added
        == "log odds 0.40 [−0.20, 1.00] per SD of the model's logit beside the proxy's, p = 0.19"
    )
    assert discovery.conclusion.startswith("The model is better by no more than the margin, if at all.")
    assert "is 0.05 of AUROC" in discovery.conclusion
    assert heldout.difference == heldout_record.fidelity.difference


def test_agreement_that_cannot_be_estimated_says_why(proxy: Regression) -> None:
    fidelity = structs.replace(proxy.fidelity, added=Added(missing=Missing(why=Cause.PROXY_SEPARATES)))
    (row,) = agreements(structs.replace(proxy, fidelity=fidelity), validation(), foreign=False)
    assert row.added == (
        "can't be estimated: the proxy's logit separates the classes: there is nothing to add"
    )


def test_whom_a_foreign_model_saw_is_not_known_so_discovery_concludes_nothing(
    simulated_run: Built, proxy: Regression
) -> None:
    run = collect(simulated_run.config, simulated_run.layout)
    discovery, heldout = agreements(proxy, run.validation, foreign=True)
    assert discovery.who == "Discovery, the model's own scores, n = 80 subjects"
    assert discovery.pearson.value == 0.91
    assert discovery.difference is None
    assert discovery.conclusion == discovery.added == MAY_HAVE_SEEN
    assert heldout.conclusion.endswith("of AUROC.")
    followed = structs.replace(run.dominance, fidelity=surrogate_fidelity(n=80))
    page = render(
        replace(run, model=encoder_record("table"), dominance=followed),
        read_json(simulated_run.layout.file("manifest.json")),
    )
    reader = Reader()
    reader.feed(page)
    text = reader.sections["proxy"]
    assert "the model's are its own scores, and whether it saw these subjects is not known" in text
    assert text.count("Model less proxy") == 1
    assert "Discovery, cross-fitted" not in text


def test_stable_features_stand_beside_what_chance_gives(proxy: Regression) -> None:
    text = stability_sentence(proxy.stability)
    assert text.startswith("From each of 100 halves of the discovery subjects the first 5 of 68 features")
    assert "1 came up in at least 75 % of the halves" in text
    assert "at most 0.7 would be expected" in text
    rows = stable_rows(proxy.stability)
    assert rows[0] == ("length_bin_95_100", 0.9, True)
    assert not any(selected for _, _, selected in rows[1:])
    assert "None came up" in stability_sentence(structs.replace(proxy.stability, selected=()))


def test_the_section_holds_all_of_it_or_says_why_not(simulated_run: Built, bare_run: Built) -> None:
    text = read(simulated_run).sections["proxy"]
    assert "Does it say what the model says?" in text
    assert "Held-out, n = 80 subjects" in text
    assert "Which features come up again and again?" in text
    assert "There is no proxy: no group is dominant" in read(bare_run).sections["proxy"]
