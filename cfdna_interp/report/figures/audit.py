"""Biology or handling, and the coefficients of the proxy."""

from __future__ import annotations

import plotly.graph_objects as go

from cfdna_interp.records.audit import Audit
from cfdna_interp.records.proxy import Regression
from cfdna_interp.records.validation import ValidationResult
from cfdna_interp.report.figures.forest import Row, forest
from cfdna_interp.report.figures.style import BLUE, GREEN, INK, MUTED, VERMILLION, group_colours
from cfdna_interp.report.handling import Measure, measures
from cfdna_interp.report.words import score_name

COEFFICIENTS = 16  # rows of the coefficient figure; proxy.json has them all


def handling_forest(audit: Audit, validation: ValidationResult) -> go.Figure:
    """Draw what is left of the signal when handling or the person is held, and what they reach alone.

    Rows: the judged score over all held-out subjects (crude), with batches, technical columns or the person
    held, with handling held in other ways, then the baselines on technical columns and on covariates. The
    dotted line is chance (.5), the dashed one the crude AUROC.
    """
    judged = score_name(audit.handling.score)
    crude, *held = [
        measure for measure in measures(audit, validation) if measure.usable and measure.value is not None
    ]
    rows = [_row(crude, f"{judged}, all subjects (crude)", INK)]
    rows += [_row(measure, measure.name, VERMILLION if " (L" in measure.name else GREEN) for measure in held]
    for name, baseline, colour in (
        ("Technical columns only", audit.technical, BLUE),
        ("Covariates only", audit.covariates, MUTED),
    ):
        # Columns tell the label whichever way a regression on them points among new people.
        reached = baseline.auroc if baseline.directionless is None else baseline.directionless
        if reached is not None and reached.value is not None:
            rows.append(Row(name, reached.value, reached.low, reached.high, colour))
    return forest(rows, "Held-out AUROC", null=0.5, reference=rows[0].value)


def _row(measure: Measure, name: str, colour: str) -> Row:
    value = measure.value
    assert value is not None and value.value is not None
    return Row(name, value.value, value.low, value.high, colour, f"n = {measure.subjects}")


def coefficient_figure(proxy: Regression) -> go.Figure:
    """Draw the proxy's largest standardised coefficients with bootstrap 95 % intervals.

    Units: change of the logit per standard deviation of the feature among discovery subjects; to the
    right means more likely a case.
    """
    largest = sorted(proxy.features, key=lambda row: (-abs(row.coefficient), row.name))
    colour = group_colours([proxy.group])[proxy.group]
    rows = [
        Row(row.name, row.coefficient, row.low, row.high, colour)
        for row in sorted(largest[:COEFFICIENTS], key=lambda row: (-row.coefficient, row.name))
    ]
    return forest(rows, "Coefficient, logit per SD", null=0.0)
