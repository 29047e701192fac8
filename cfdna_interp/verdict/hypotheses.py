"""``hypotheses.tsv``: what the proxy's stable coefficients suggest, and the bench test of each.

The handling explanation comes first, always: it is the cheapest to test and the commonest to be true. The
others follow by :func:`cfdna_interp.verdict.priority.priority`.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields

import numpy as np

from cfdna_interp.artifacts.matrix import COVARIATE, TECHNICAL
from cfdna_interp.proxy.linear import linear_of
from cfdna_interp.records.dominance import Dominance
from cfdna_interp.records.proxy import Obstacle, Proxy
from cfdna_interp.verdict.assays import assay, group_assay
from cfdna_interp.verdict.candidates import Candidate, Cohorts, candidates
from cfdna_interp.verdict.evidence import Replication
from cfdna_interp.verdict.explanations import explain, handling_explanations, listed
from cfdna_interp.verdict.ladder import Judgements, in_words
from cfdna_interp.verdict.lengths import Counted, counted
from cfdna_interp.verdict.priority import case_control_size, countable, within_person_size
from cfdna_interp.verdict.remedies import remedy, why_no_proxy

SHOWN = 10
SIGNIFICANT = 0.05
CONTROL = (
    "blood of the same persons in two tube types and with two delays to the spin, extracted and sequenced "
    "in one batch with cases and controls interleaved"
)
# Neuron-derived DNA is under 1 % of plasma DNA (docs/verdicts.md).
NOT_BRAIN = (
    "brain DNA is under 1 % of plasma DNA, so a genome-wide length shift cannot be DNA of neurons; "
    "blood-cell turnover, nucleases, clearance or handling are the candidates"
)


@dataclass(frozen=True)
class Hypothesis:
    """One row of the table; numbers as text, "" where there is none.

    ``difference`` is that of the feature by itself, cases less controls in discovery, in standard
    deviations within the classes (``sd`` of the feature's own unit), with ``held`` held; ``unadjusted`` with
    nothing held. ``q`` and ``heldout_q`` are adjusted over all stable effects. ``exploratory`` says that the
    held-out labels had been read under another protocol, and what changed. " | " parts entries of a cell.
    """

    statement: str
    direction: str
    coefficient: str
    low: str
    high: str
    share_of_attribution: str
    handling: str
    assay: str
    control_arm: str
    rank: str = ""
    priority: str = ""
    feature: str = ""
    difference: str = ""
    difference_low: str = ""
    difference_high: str = ""
    difference_p: str = ""
    q: str = ""
    sd: str = ""
    unadjusted: str = ""
    held: str = ""
    not_held: str = ""
    heldout_auroc: str = ""
    heldout_low: str = ""
    heldout_high: str = ""
    heldout_p: str = ""
    heldout_q: str = ""
    replication: str = ""
    share_of_proxy: str = ""
    mechanisms_for: str = ""
    mechanisms_against: str = ""
    mechanisms_silent: str = ""
    would_refute: str = ""
    sources: str = ""
    sample_size: str = ""
    control_size: str = ""
    exploratory: str = ""


def hypotheses(
    proxy: Proxy, dominance: Dominance, judged: Judgements, cohorts: Cohorts, seed: int
) -> list[Hypothesis]:
    """Return the rows, the handling explanation first.

    Parameters
    ----------
    proxy
        The frozen proxy.
    dominance
        What the model relies on.
    judged
        What is said of handling and of the person.
    cohorts
        The features of both roles.
    seed
        The run's seed.
    """
    if proxy.regression is None:
        assert proxy.obstacle is not None  # there is one or the other
        return [_undecided(proxy.obstacle, dominance, judged)]
    group, linear = proxy.regression.group, linear_of(proxy.regression)
    interval = dominance.groups[group].share
    share = f"{interval.value:.2f} [{interval.low:.2f} to {interval.high:.2f}]"
    statuses = (judged.handling.word, judged.person.word)
    found = candidates(linear, statuses, cohorts, seed)[:SHOWN]
    means = dict(zip(linear.names, linear.mean.tolist(), strict=True))
    definitions = dict(zip(cohorts.discovery.names, cohorts.discovery.definitions, strict=True))
    rows = [_handling(group, share, judged, found)]
    noted = False
    for rank, item in enumerate(found, start=1):
        lengths = counted(item.effect, means)
        explanations = explain(group, item.effect.members[0], item.sign, lengths)
        # Said once, beside the first feature that it is true of.
        note = not noted and group == "fragment_length" and _genome_wide(lengths)
        noted = noted or note
        rows.append(
            Hypothesis(
                statement=_statement(item, group, definitions, lengths, not_brain=note),
                direction="higher in cases" if item.effect.coefficient > 0 else "lower in cases",
                coefficient=_text(item.effect.coefficient),
                low=_text(item.effect.low),
                high=_text(item.effect.high),
                share_of_attribution=share,
                handling=str(judged.handling),
                assay=listed([assay(group, lengths), *explanations.assays()]),
                control_arm=CONTROL,
                rank=str(rank),
                priority=f"{item.score:.3f}",
                feature=listed(item.effect.members),
                **_numbers(item),
                share_of_proxy=_text(item.share),
                **explanations.cells(),
                sample_size=case_control_size(item.difference, item.replication, item.sign),
                control_size=within_person_size(countable(item.difference, item.sign)),
            )
        )
    return rows


def as_table(rows: Sequence[Hypothesis]) -> str:
    """Return the rows as a tab-separated table with a header."""
    buffer = io.StringIO()
    writer = csv.DictWriter(
        buffer, [field.name for field in fields(Hypothesis)], delimiter="\t", lineterminator="\n"
    )
    writer.writeheader()
    writer.writerows(asdict(row) for row in rows)
    return buffer.getvalue()


def _handling(group: str, share: str, judged: Judgements, found: Sequence[Candidate]) -> Hypothesis:
    """Return the row that is to be excluded first, sized by the hypothesis that ranks first."""
    explanations = handling_explanations()
    return Hypothesis(
        statement=(
            f"The difference in {in_words(group, [group])} between cases and controls arises in handling "
            "(tube, delay to the spin, lysis of leucocytes, extraction, library), not in the person."
        ),
        direction="either",
        coefficient="",
        low="",
        high="",
        share_of_attribution=share,
        handling=str(judged.handling),
        assay=listed([group_assay(group), *explanations.assays()]),
        control_arm=CONTROL,
        **explanations.cells(),
        control_size=within_person_size(countable(found[0].difference, found[0].sign)) if found else "",
    )


def _undecided(obstacle: Obstacle, dominance: Dominance, judged: Judgements) -> Hypothesis:
    reason = in_words(why_no_proxy(dominance, obstacle), dominance.groups)
    wanted = remedy(dominance, obstacle)
    return Hypothesis(
        statement=f"No feature group is a hypothesis yet ({reason}). To decide: {wanted}.",
        direction="",
        coefficient="",
        low="",
        high="",
        share_of_attribution="",
        handling=str(judged.handling),
        assay="",
        control_arm=CONTROL,
    )


def _statement(
    item: Candidate, group: str, definitions: Mapping[str, str], lengths: Counted, *, not_brain: bool
) -> str:
    name, title = in_words(group, [group]), item.effect.name
    if title in definitions:
        title = f"{title} ({definitions[title]})"
    plain, other = ("higher", "lower") if item.sign > 0 else ("lower", "higher")
    note = f"; {NOT_BRAIN}" if not_brain else ""
    if item.difference.held and not countable(item.difference, item.sign) > 0:
        held = ", ".join(map(_column, item.difference.held))
        note = f"; with {held} held it is not certain{note}"
    if group == "fragment_length" and lengths.by_name and lengths.more is not None:
        span = f"{lengths.more.low} to {lengths.more.high} bp"
        note = f"; by its name it counts fragments of {span}, which nothing else confirms{note}"
    if item.opposed:
        return (
            f"With the rest of {name} held, a {other} {title} speaks for a case; by itself it is {plain} in "
            f"cases, so that a test of it alone would find the opposite{note}."
        )
    return f"Cases have a {plain} {title} than controls{note}."


def _genome_wide(lengths: Counted) -> bool:
    """Say whether a length feature is known to count fragments of the whole genome.

    Those that this software measures do. A foreign one may be of a window or a chromosome arm, where a rare
    tissue can change more than its share of all plasma DNA.
    """
    return lengths.more is not None and not lengths.by_name


def _column(term: str) -> str:
    """Return a term of the regression, a column or ``column=level``, in the sheet's own words."""
    column, sign, level = term.partition("=")
    return column.removeprefix(TECHNICAL).removeprefix(COVARIATE).replace("_", " ") + sign + level


def _numbers(item: Candidate) -> dict[str, str]:
    difference, replication = item.difference, item.replication
    crude = ""
    if not np.isnan(difference.crude):
        crude = f"{difference.crude:.4g} [{difference.crude_low:.4g} to {difference.crude_high:.4g}]"
    return {
        "difference": _text(difference.value),
        "difference_low": _text(difference.low),
        "difference_high": _text(difference.high),
        "difference_p": _text(difference.p),
        "q": _text(item.q),
        "sd": _text(difference.sd),
        "unadjusted": crude,
        "held": ", ".join(difference.held),
        "not_held": difference.reason,
        "heldout_auroc": _text(replication.auroc),
        "heldout_low": _text(replication.low),
        "heldout_high": _text(replication.high),
        "heldout_p": _text(replication.p),
        "heldout_q": _text(item.heldout_q),
        "replication": _replicated(replication, item.heldout_q),
    }


def _replicated(replication: Replication, q: float) -> str:
    if replication.reason:
        return f"not tested: {replication.reason}"
    if not replication.auroc > 0.5:
        return "no: not in the direction of discovery"
    return "yes: same direction" if q <= SIGNIFICANT else "open: same direction, not beyond chance"


def _text(value: float) -> str:
    return f"{value:.4g}" if np.isfinite(value) else ""
