"""Why a concept has its status, and why another was not probed for, in words."""

from __future__ import annotations

from typing import assert_never

from cfdna_interp.records.probes import ConceptProbe, NotProbed, ProbeFinding
from cfdna_interp.records.values import Interval
from cfdna_interp.report.representation import concept_name, metric_name
from cfdna_interp.representation.use import DECODABLE


def probe_words(probe: ConceptProbe, auroc: Interval) -> str:
    """Say in a clause what decided the status of a concept, with the figures.

    Parameters
    ----------
    probe
        The concept.
    auroc
        AUROC of the heads with nothing erased.
    """
    erasure, threshold = probe.erasure, f"{DECODABLE[probe.metric]:.2f}"
    read = f"a linear probe reaches {metric_name(probe.metric)} {_span(probe.score)}"
    cost, partial = _span(erasure.cost), _span(erasure.partial_cost)
    costs = f"erasing it costs AUROC {cost}, random directions at most {erasure.null_high:.2f}"
    match probe.finding:
        case ProbeFinding.LOW_SCORE:
            return f"{read}, below {threshold}"
        case ProbeFinding.NO_SIGNAL:
            return f"the heads tell labels with AUROC {_span(auroc)}: there is nothing to lose"
        case ProbeFinding.COSTLY:
            return costs
        case ProbeFinding.EXPLAINED:
            return f"{costs}; the other concepts explain all of it"
        case ProbeFinding.COSTLY_BY_ITSELF:
            return f"{costs}; {partial} by what the other concepts don't explain"
        case ProbeFinding.COSTLY_WITH_OTHERS:
            return f"{costs}; by what the other concepts don't explain {partial}"
        case ProbeFinding.OPEN_SCORE:
            return f"{read}, on both sides of {threshold}"
        case ProbeFinding.CONTROL_TASK:
            return f"{read}, no more than its control task ({probe.control:.2f})"
        case ProbeFinding.CHEAP:
            return f"{read}; erasing it costs AUROC {cost}"
        case ProbeFinding.CHEAP_BY_ITSELF:
            return f"{read}; erasing what the other concepts don't explain of it costs AUROC {partial}"
        case ProbeFinding.OPEN_COST:
            return costs
    assert_never(probe.finding)


def not_probed_words(left_out: NotProbed) -> str:
    """Say in a clause why nothing was asked of a concept."""
    match left_out.why:
        case "few classes":
            return f"fewer than two classes with {left_out.needed} {left_out.of} or more"
        case "seldom known":
            return f"known of fewer than {left_out.needed} {left_out.of}"
        case "constant":
            return "the same everywhere"
        case "same classes":
            return f"the same groups as {concept_name(left_out.twin or '').lower()}"
        case "few subjects":
            return "no fold holds enough subjects of two classes"
        case "unknown architecture":
            return "the encoder's architecture is not known here: its weights can't be drawn anew"
    assert_never(left_out.why)


def _span(score: Interval | None) -> str:
    if score is None or score.value is None or score.low is None or score.high is None:
        return "that is not known"
    # Adding 0 turns the minus of a rounded -0.00 into nothing.
    value, low, high = (round(x, 2) + 0.0 for x in (score.value, score.low, score.high))
    return f"{value:.2f} ({low:.2f} to {high:.2f})"
