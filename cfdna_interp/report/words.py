"""How numbers, groups and scores are written for a reader: one place, so that all sections agree."""

from __future__ import annotations

import math
from html import escape

from msgspec.structs import asdict

from cfdna_interp.artifacts.predictions import SURROGATE
from cfdna_interp.records.validation import ValidationResult
from cfdna_interp.records.values import Interval
from cfdna_interp.records.verdict import Rung

GROUP_NAMES = {
    "fragment_length": "Fragment length",
    "methylation": "Methylation",
    "tissue_of_origin": "Tissue of origin",
    "methylation_by_length": "Methylation by length",
    "end_motif": "End motif",
    "coverage": "Coverage",
}
ROLE_NAMES = {"discovery": "Discovery", "heldout": "Held-out"}
MISSING = "–"


def number(value: float | None, digits: int = 2) -> str:
    """Write a number with a fixed count of decimals and a true minus sign; a dash where there is none."""
    if value is None or not math.isfinite(value):
        return MISSING
    text = f"{value:,.{digits}f}"
    return text.replace("-", "−") if float(text.replace(",", "")) != 0 else text.lstrip("-")


def percent(value: float | None, digits: int = 0) -> str:
    """Write a share of 1 as a percentage."""
    if value is None or not math.isfinite(value):
        return MISSING
    return f"{number(100 * value, digits)} %"


def interval(estimate: Interval | None, digits: int = 2) -> str:
    """Write an interval as ``0.92 [0.86, 0.96]``; a dash where the value is absent."""
    if estimate is None:
        return MISSING
    value, low, high = estimate.value, estimate.low, estimate.high
    if value is None or low is None or high is None:
        return number(value, digits)
    return f"{number(value, digits)} [{number(low, digits)}, {number(high, digits)}]"


def interval_percent(estimate: Interval | None) -> str:
    """Write an interval of shares as ``85 % [78, 91]``."""
    if estimate is None:
        return MISSING
    value, low, high = estimate.value, estimate.low, estimate.high
    if value is None or low is None or high is None:
        return percent(value)
    return f"{percent(value)} [{number(100 * low, 0)}, {number(100 * high, 0)}]"


def p_value(value: float | None) -> str:
    """Write a p or q value with two significant digits, bounded below at 0.001."""
    if value is None or not math.isfinite(value):
        return MISSING
    if value < 0.001:
        return "< 0.001"
    return f"{value:.2f}" if value >= 0.1 else f"{value:.2g}"


def p_phrase(value: float | None) -> str:
    """Write a p value as part of a sentence: ``p = 0.04``, ``p < 0.001``."""
    text = p_value(value)
    return f"p {text}" if text.startswith("<") else f"p = {text}"


def group_name(group: str | None) -> str:
    """Return the reader's name of a feature group."""
    if group is None:
        return "none"
    name = group.replace("_", " ")
    return GROUP_NAMES.get(group, name[:1].upper() + name[1:])


def group_rank(group: str) -> tuple[int, str]:
    """Return a sort key that puts the groups of a bag first, then comparators, then unknown names."""
    names = list(GROUP_NAMES)
    return (names.index(group) if group in names else len(names)), group


def score_rank(score: str) -> tuple[int, tuple[int, str]]:
    """Return a sort key: model, proxy, surrogate, one group only, one group left out, baselines."""
    first = ("model", "proxy", "surrogate")
    if score in first:
        return first.index(score), (0, "")
    for place, prefix in enumerate(("model_only_", "model_without_", "baseline_"), start=len(first)):
        if score.startswith(prefix):
            return place, group_rank(score.removeprefix(prefix))
    return 6, (0, score)


def significant(value: float | None) -> str:
    """Write a number with three significant digits."""
    return MISSING if value is None else f"{value:.3g}".replace("-", "−")


def whole_name(validation: ValidationResult) -> str:
    """Return the name of what was retrained without groups: a model known by its scores can't be."""
    return "Surrogate" if SURROGATE in validation.scores else "Model"


def score_name(score: str, whole: str = "Model") -> str:
    """Return the reader's name of a score, e.g. ``baseline_technical``.

    Parameters
    ----------
    score
        Its key in ``validation.json``.
    whole
        What was retrained, of :func:`whole_name`.
    """
    fixed = {
        "model": "Model",
        "proxy": "Proxy",
        "surrogate": "Surrogate",
        "model_only_context": f"{whole} with every group taken out",
        "baseline_all": "All groups (logistic)",
        "baseline_covariates": "Covariates only",
        "baseline_technical": "Technical columns only",
    }
    if score in fixed:
        return fixed[score]
    for prefix, pattern in (
        ("model_without_", f"{whole} retrained without {{}}"),
        ("model_only_", f"{whole} on {{}} only"),
        ("baseline_", "{} (logistic)"),
    ):
        if score.startswith(prefix):
            name = group_name(score.removeprefix(prefix))
            return pattern.format(name if pattern.startswith("{") else name.lower())
    return score.replace("_", " ")


def term_name(term: str) -> str:
    """Return the reader's name of a column, score or term, e.g. ``technical_mapq_loss``."""
    if term in ("model", "proxy") or term.startswith("baseline_"):
        return score_name(term)
    name = term.removeprefix("technical_").removeprefix("covariate_").replace("_", " ")
    return name[:1].upper() + name[1:]


def plotly_text(text: str) -> str:
    """Escape text for plotly, which reads a small HTML of its own in labels."""
    return escape(text, quote=False)


def evidence_rows(rung: Rung) -> list[tuple[str, str]]:
    """Return name and value of each number that a rung rests on, by name; none where it rests on none."""
    if rung.evidence is None:
        return []
    return [
        (name.replace("_", " "), _written(name, value))
        for name, value in sorted(asdict(rung.evidence).items())
        if value is not None
    ]


def _written(name: str, value: Interval | float) -> str:
    if isinstance(value, Interval):
        return interval(value, 3)
    return p_value(value) if name == "p" else number(value, 3)
