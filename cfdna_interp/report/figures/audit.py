"""Biology or handling, and the coefficients of the proxy."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import plotly.graph_objects as go

from cfdna_interp.report.figures.forest import Row, forest
from cfdna_interp.report.figures.style import BLUE, GREEN, INK, MUTED, VERMILLION, group_colours
from cfdna_interp.report.handling import OTHERS, measures
from cfdna_interp.report.words import score_name

COEFFICIENTS = 16  # rows of the coefficient figure; proxy.json has them all


def handling_forest(audit: Mapping[str, Any], validation: Mapping[str, Any]) -> go.Figure:
    """Draw what is left of the signal when handling is held fixed, and what handling reaches alone.

    Rows: the judged score over all held-out subjects (crude), within batches, in each batch that holds
    at least 5 + 5 subjects, then with handling held in other ways, then the baselines on technical columns
    and on covariates. The dotted line is chance (.5), the dashed one the crude AUROC.
    """
    handling = audit["handling"]
    score = handling["score"]
    crude = validation["scores"][score]["auroc"]
    n = validation["n"]
    rows = [
        Row(
            f"{score_name(score)}, all subjects (crude)",
            crude["value"],
            crude["low"],
            crude["high"],
            INK,
            f"n = {n['case']} cases + {n['control']} controls",
        )
    ]
    within = validation["within_batch"][score]
    if within["value"] is not None:
        batches = within["batches"]
        cases, controls = (sum(batch[kind] for batch in batches) for kind in ("case", "control"))
        note = f"n = {cases} + {controls} in {len(batches)} batches"
        rows.append(
            Row(
                "Same score, within batches", within["value"], within["low"], within["high"], VERMILLION, note
            )
        )
        rows += [
            Row(
                f"– batch {batch['batch']}",
                batch["auroc"],
                colour=VERMILLION,
                note=f"n = {batch['case']} + {batch['control']}",
                filled=False,
            )
            for batch in batches
        ]
    rows += [
        Row(measure.name, measure.value["value"], measure.value["low"], measure.value["high"], GREEN)
        for measure in measures(audit, validation)[OTHERS:]
        if measure.value is not None and measure.usable
    ]
    for name, key, colour in (
        ("Technical columns only", "technical", BLUE),
        ("Covariates only", "covariates", MUTED),
    ):
        record = audit[key]["auroc"]
        if record is not None:
            rows.append(Row(name, record["value"], record["low"], record["high"], colour))
    return forest(rows, "Held-out AUROC", null=0.5, reference=crude["value"])


def coefficient_figure(proxy: Mapping[str, Any]) -> go.Figure:
    """Draw the proxy's largest standardised coefficients with bootstrap 95 % intervals.

    Units: change of the logit per standard deviation of the feature among discovery subjects; to the
    right means more likely a case.
    """
    largest = sorted(proxy["coefficients"], key=lambda row: (-abs(row["coefficient"]), row["name"]))
    colour = group_colours([proxy["group"]])[proxy["group"]]
    rows = [
        Row(row["name"], row["coefficient"], row["low"], row["high"], colour)
        for row in sorted(largest[:COEFFICIENTS], key=lambda row: (-row["coefficient"], row["name"]))
    ]
    return forest(rows, "Coefficient, logit per SD", null=0.0)
