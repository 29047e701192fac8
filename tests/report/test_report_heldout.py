"""Operating points, subgroups and what could be seen, in words and rows."""

from __future__ import annotations

from dataclasses import replace

import made_validation as made
import numpy as np
import pytest
from fake_run import Built
from msgspec import structs

from cfdna_interp.config import Config
from cfdna_interp.config.settings import Validation
from cfdna_interp.proxy.measure import HeldoutSubjects, measure
from cfdna_interp.records.missing import Cause, Missing
from cfdna_interp.records.validation import (
    Detectable,
    Division,
    Sensitivity,
    Subgroup,
    ValidationResult,
)
from cfdna_interp.report.collect import collect
from cfdna_interp.report.figures.calibration import calibration_figure
from cfdna_interp.report.figures.subgroups import subgroup_forest
from cfdna_interp.report.heldout import (
    curve_notes,
    detectable_sentence,
    operating_rows,
    paired_sentences,
    subgroup_caution,
    subgroup_rows,
    subgroup_sentences,
)
from cfdna_interp.report.parts import heldout_parts

N = 200


@pytest.fixture(scope="module")
def validation() -> ValidationResult:
    """By construction the score tells the classes apart at site A and not at site B; the baseline never."""
    rng = np.random.default_rng(4)
    labels = np.arange(N) % 2
    site = np.array(["A", "B"])[(np.arange(N) // 2) % 2]
    score = np.where(site == "A", 3.0 * (labels - 0.5), 0.0) + rng.normal(size=N)
    cohort = HeldoutSubjects(
        subjects=tuple(f"P{i:03d}" for i in range(N)),
        labels=labels,
        batches=tuple(site),
        scores={
            "model": score,
            "model_without_end_motif": score + 0.1,
            "baseline_coverage": rng.normal(size=N),
        },
        group=None,
        covariates={"site": site.tolist(), "age": [float("nan")] * 10 + [60.0] * (N - 10)},
    )
    config = Config("out", validation=Validation(permutations=99, bootstrap=200))
    return measure(cohort, config, opening=made.FIRST, discovery=made.counts(100, 100), simulated=False)


def test_operating_points_stand_by_score_with_the_threshold_as_a_probability(
    validation: ValidationResult,
) -> None:
    rows = operating_rows(validation)
    assert [(row.score, row.main, row.wanted) for row in rows[:3]] == [
        ("Model", True, 0.9),
        ("Model", True, 0.95),
        ("Model retrained without end motif", False, 0.9),
    ]
    point = validation.scores["model"].at_specificity[0]
    # logit p = threshold
    assert np.log(rows[0].threshold / (1 - rows[0].threshold)) == pytest.approx(point.threshold)


def test_a_point_without_threshold_keeps_its_reason() -> None:
    point = Sensitivity(
        specificity=0.95,
        specificity_seen=None,
        threshold=None,
        sensitivity=None,
        missing=Missing(why=Cause.FEW_CONTROLS, seen=29, needed=30),
    )
    (row,) = operating_rows(made.validation(scores={"model": made.score(at_specificity=(point,))}))
    assert (row.threshold, row.sensitivity) == (None, None)
    assert row.missing == "there are 29 controls, and at least 30 are needed"


def test_a_difference_between_sites_is_told_and_untested_divisions_say_why(
    validation: ValidationResult,
) -> None:
    told = dict(subgroup_sentences(validation, "model"))
    assert told["By site"].startswith(
        "the AUROC differs between the groups (n = 200 in 2 groups; Cochran's Q"
    )
    assert told["By sex"].startswith("not tested: the cohort has no column sex")
    assert "Unknown for 10 subjects" in told["By age"]
    assert subgroup_sentences(validation, "proxy") == []


def test_small_groups_have_a_caution() -> None:
    def group(name: str, case: int, control: int, value: float | None) -> Subgroup:
        area = None if value is None else made.auroc(value, None, None)
        return Subgroup(group=name, case=case, control=control, auroc=area, missing=None)

    def said(*groups: Subgroup, score: str = "model") -> str:
        sites = Division(by="site", groups=groups, unknown=0, interaction=None, left_out=(), missing=None)
        return subgroup_caution(made.validation(subgroups={"model": (sites,)}), score)

    # Of 40 + 40 with .8 nothing is to be warned of, of 12 + 40 and 9 + 9 there is; without AUROC never.
    large, some = group("A", 40, 40, 0.8), group("B", 12, 40, 0.8)
    few, none = group("C", 9, 9, 0.8), group("D", 3, 9, None)
    assert said(large, some, few, none).startswith(
        "Intervals that may be too narrow: 2. Site C: With 9 subjects in the smaller"
    )
    assert said(large) == said(large, score="proxy") == ""


def test_the_proxy_has_its_own_caution(simulated_run: Built) -> None:
    run = collect(simulated_run.config, simulated_run.layout)
    scores = run.validation.scores
    scores = scores | {
        "model": structs.replace(scores["model"], auroc_caution=""),
        "proxy": structs.replace(scores["proxy"], auroc_caution="PLANTED"),
    }
    validation = structs.replace(run.validation, scores=scores)
    parts = heldout_parts(replace(run, validation=validation), "proxy")
    assert parts["cautions"] == {"proxy": "PLANTED"}


def test_subgroups_are_drawn_beside_all_subjects(validation: ValidationResult) -> None:
    rows = subgroup_rows(validation, "model")
    assert [(row.by, row.group, row.case, row.control) for row in rows[:2]] == [
        ("site", "A", 50, 50),
        ("site", "B", 50, 50),
    ]
    figure = subgroup_forest(rows, validation.scores["model"].auroc)
    assert [trace.name for trace in figure.data][:2] == ["Site A", "Site B"]
    assert figure.layout.shapes[1].x0 == validation.scores["model"].auroc.value
    assert subgroup_forest([row for row in rows if row.auroc is None], made.auroc()) is None


def test_what_could_be_seen_is_that_of_the_cohort(validation: ValidationResult) -> None:
    # Two-sided 5 % and power 80 %: (1.9600 + .8416) standard errors above .5. With the null variance
    # (n1 + n0 + 1) / (12 n1 n0) of 100 + 100 that is 2.8016 * .04093 = .1147; the alternative's variance is a
    # little smaller, so that the number is at most .615 and clearly above .605.
    assert 0.605 < validation.detectable.auroc < 0.615
    assert "smallest AUROC that is told from 0.50 with a power of 80 % is 0.61" in detectable_sentence(
        validation
    )
    none = Detectable(auroc=None, power=0.8, alpha=0.05)
    nothing = made.validation(n=made.counts(2, 2), detectable=none)
    assert detectable_sentence(nothing).startswith("No AUROC would be told from 0.50")


def test_pairs_are_told_with_their_smallest_difference(validation: ValidationResult) -> None:
    without, baseline = paired_sentences(validation)
    # Adding .1 to every score changes no order: the difference is exactly 0, and none could be seen.
    assert "end motif 0.000 [" in without
    assert "smallest difference to be seen –" in without
    assert without.startswith("What the model's AUROC loses on n = 100 held-out cases + 100 controls when it")
    assert baseline == (
        "Model on n = 100 held-out cases + 100 controls, a difference being told at p ≤ 0.05 after Holm: "
        "beats coverage (logistic)."
    )


def test_the_smooth_curve_is_drawn_with_its_band_and_named(validation: ValidationResult) -> None:
    import pandas as pd

    curve = validation.calibration_curve["model"]
    assert "natural cubic spline" in " ".join(curve_notes(validation))
    rng = np.random.default_rng(1)
    frame = pd.DataFrame({"label": np.arange(N) % 2, "model": rng.normal(size=N)})
    _, band, line, _ = calibration_figure(validation, frame).data
    assert list(line.y) == list(curve.observed)
    assert max(band.y) == max(curve.high)
    assert min(band.y) == min(curve.low)


def test_a_curve_that_cannot_be_made_says_why() -> None:
    curves = {"model": made.curve(Missing(why=Cause.LOGIT_SEPARATES))}
    notes = curve_notes(made.validation(calibration_curve=curves))
    assert notes == ["Model: no smooth curve (the logit separates the classes, or nearly so)."]
