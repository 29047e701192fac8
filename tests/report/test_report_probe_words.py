"""What decided the status of a concept is said with its figures; every code has words of its own."""

from __future__ import annotations

from typing import get_args, get_type_hints

import pytest
from fake_representation import concept, interval
from msgspec.structs import replace

from cfdna_interp.records.probes import NotProbed, ProbeFinding
from cfdna_interp.records.values import Interval
from cfdna_interp.report.probe_words import not_probed_words, probe_words

HEADS = Interval(value=0.52, low=0.4, high=0.6)
PROBE = concept("length", 0.9, 0.2, "used", control=0.95)  # R² .88 to .92; its cost .185 to .215


def said(finding: ProbeFinding) -> str:
    return probe_words(replace(PROBE, finding=finding), HEADS)


@pytest.mark.parametrize(
    ("finding", "words"),
    [
        (ProbeFinding.LOW_SCORE, "a linear probe reaches R² 0.90 (0.88 to 0.92), below 0.10"),
        (ProbeFinding.NO_SIGNAL, "with AUROC 0.52 (0.40 to 0.60): there is nothing to lose"),
        (ProbeFinding.EXPLAINED, "random directions at most 0.01; the other concepts explain all of it"),
        (ProbeFinding.COSTLY_BY_ITSELF, "; 0.16 (0.15 to 0.17) by what the other concepts don't explain"),
        (ProbeFinding.COSTLY_WITH_OTHERS, "; by what the other concepts don't explain 0.16 (0.15 to 0.17)"),
        (ProbeFinding.OPEN_SCORE, "on both sides of 0.10"),
        (ProbeFinding.CONTROL_TASK, "no more than its control task (0.95)"),
        (
            ProbeFinding.CHEAP_BY_ITSELF,
            "erasing what the other concepts don't explain of it costs AUROC 0.16",
        ),
    ],
)
def test_figures_stand_in_the_words_of_their_finding_alone(finding: ProbeFinding, words: str) -> None:
    assert [other for other in ProbeFinding if words in said(other)] == [finding]


def test_every_finding_is_said_without_a_key() -> None:
    assert all("R2" not in said(finding) and "None" not in said(finding) for finding in ProbeFinding)


def test_a_rounded_zero_has_no_sign() -> None:
    nothing = replace(PROBE, finding=ProbeFinding.LOW_SCORE, score=interval(-0.001, 0.003))
    assert "-0.00" not in probe_words(nothing, HEADS)


def test_what_was_not_probed_says_why() -> None:
    few = NotProbed(why="few classes", needed=50, of="fragments")
    assert not_probed_words(few) == "fewer than two classes with 50 fragments or more"
    known = NotProbed(why="seldom known", needed=4, of="subjects")
    assert not_probed_words(known) == "known of fewer than 4 subjects"
    assert not_probed_words(NotProbed(why="same classes", twin="site")) == "the same groups as site"
    causes = get_args(get_type_hints(NotProbed)["why"])
    assert len({not_probed_words(NotProbed(why=why, needed=4, of="subjects")) for why in causes}) == len(
        causes
    )
