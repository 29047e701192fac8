"""AUROC of a score by site, sex and age."""

from __future__ import annotations

from collections.abc import Sequence

import plotly.graph_objects as go

from cfdna_interp.records.values import Auroc
from cfdna_interp.report.figures.forest import Row, forest
from cfdna_interp.report.figures.style import BLUE, GREEN, MUTED, PURPLE
from cfdna_interp.report.heldout import SubgroupRow

COLOURS = {"site": BLUE, "sex": PURPLE, "age": GREEN}
SHOWN = 40  # rows; validation.json has them all


def subgroup_forest(rows: Sequence[SubgroupRow], crude: Auroc) -> go.Figure | None:
    """Draw the subgroups that have an AUROC; None where there is none.

    The dotted line is chance (.5), the dashed one the AUROC over all subjects.

    Parameters
    ----------
    rows
        Subgroups in the order shown.
    crude
        The AUROC over all subjects.
    """
    drawn = [
        Row(
            f"{row.by.capitalize()} {row.group}",
            row.auroc.value,
            row.auroc.low,
            row.auroc.high,
            COLOURS.get(row.by, MUTED),
            f"n = {row.case} + {row.control}",
        )
        for row in rows
        if row.auroc is not None
    ]
    return forest(drawn[:SHOWN], "Held-out AUROC", null=0.5, reference=crude.value) if drawn else None
