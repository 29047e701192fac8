"""The common look of all figures: colours that colour-blind readers can tell apart, quiet axes."""

from __future__ import annotations

from collections.abc import Iterable

import plotly.graph_objects as go

# Okabe and Ito, "Color Universal Design" (2008): distinguishable under the common colour-vision deficiencies.
ORANGE, SKY, GREEN, YELLOW, BLUE, VERMILLION, PURPLE = (
    "#E69F00",
    "#56B4E9",
    "#009E73",
    "#F0E442",
    "#0072B2",
    "#D55E00",
    "#CC79A7",
)
INK, MUTED, GRID, NULL_BAND = "#1B1F24", "#59636E", "#E4E7EB", "#D3D8DE"

LABEL_COLOURS = {1: VERMILLION, 0: BLUE}
LABEL_NAMES = {1: "Cases", 0: "Controls"}
GROUP_COLOURS = {
    "fragment_length": GREEN,
    "methylation": PURPLE,
    "tissue_of_origin": ORANGE,
    "methylation_by_length": "#8F6BB1",
    "end_motif": SKY,
    "coverage": "#8A6F4D",
}
# Batches repeat the colours with another dash, so that a second round can still be told apart.
BATCH_COLOURS = (BLUE, VERMILLION, GREEN, ORANGE, PURPLE, SKY)
BATCH_DASHES = ("solid", "dash", "dot", "dashdot")

# Groups of a table have names of its own; they take these in the order of the names.
OTHER_COLOURS = (BLUE, VERMILLION, ORANGE, PURPLE, SKY, "#8A6F4D", "#5D6D2B", "#8F6BB1", "#9A3B5B", "#3F7F93")

FONT = "system-ui, -apple-system, 'Segoe UI', Roboto, 'Helvetica Neue', Arial, sans-serif"


def group_colours(groups: Iterable[str]) -> dict[str, str]:
    """Return a colour of each feature group: its own where it has one, else the next that is free."""
    names = sorted(set(groups))
    known = {group: GROUP_COLOURS[group] for group in names if group in GROUP_COLOURS}
    free = [colour for colour in OTHER_COLOURS if colour not in known.values()]
    others = [group for group in names if group not in known]
    return known | {group: free[place % len(free)] for place, group in enumerate(others)}


def translucent(colour: str, alpha: float) -> str:
    """Return ``#RRGGBB`` as an ``rgba`` colour of the given opacity."""
    red, green, blue = (int(colour[place : place + 2], 16) for place in (1, 3, 5))
    return f"rgba({red},{green},{blue},{alpha})"


def finish(figure: go.Figure, height: int) -> go.Figure:
    """Give a figure the common fonts, grid and margins.

    Parameters
    ----------
    figure
        Any figure; changed in place.
    height
        Pixels; the width follows the page.
    """
    figure.update_layout(
        template=go.layout.Template(),
        height=height,
        autosize=True,
        paper_bgcolor="white",
        plot_bgcolor="white",
        font={"family": FONT, "size": 13, "color": INK},
        margin={"l": 64, "r": 16, "t": 40, "b": 52},
        hoverlabel={"font": {"family": FONT, "size": 12}},
        legend={"bgcolor": "rgba(255,255,255,0)", "font": {"size": 12}},
    )
    axis = {
        "gridcolor": GRID,
        "zeroline": False,
        "linecolor": "#9AA4AF",
        "showline": True,
        "ticks": "outside",
        "ticklen": 4,
        "tickcolor": "#9AA4AF",
        "title": {"font": {"size": 12.5, "color": MUTED}},
        "automargin": True,
    }
    figure.update_xaxes(**axis)
    figure.update_yaxes(**axis)
    figure.update_annotations(font={"size": 13, "color": INK})
    return figure
