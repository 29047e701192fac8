"""Every cause has its own words, and these take the figures that a record holds."""

from __future__ import annotations

import pytest

from cfdna_interp.records.missing import Cause, Missing
from cfdna_interp.records.protocol import ColumnKnown
from cfdna_interp.verdict.missing_words import WORDS, known_words, missing_words


def test_every_cause_has_words_of_its_own() -> None:
    assert set(WORDS) == set(Cause)
    assert len(set(WORDS.values())) == len(Cause)


@pytest.mark.parametrize("why", list(Cause))
def test_words_hold_the_figures_and_nothing_else(why: Cause) -> None:
    words = missing_words(Missing(why=why, seen=3, needed=7, names=("technical_tube",)))
    assert "None" not in words and "{" not in words and "technical_" not in words
    assert ("tube" in words) == ("{names}" in WORDS[why])


def test_words_by_hand() -> None:
    assert missing_words(None) == ""
    sites = Missing(why=Cause.FEW_SITES, seen=2, needed=3)
    assert missing_words(sites) == ("2 sites hold 5 cases and 5 controls, fewer than 3")
    apart = Missing(why=Cause.NO_OVERLAP, seen=0.256, needed=0.2)
    assert missing_words(apart) == "the handling of 26% of the subjects almost tells their label"
    known = ColumnKnown(who="discovery cases", known=31, of=40)
    assert known_words(known) == "known of 31 of 40 discovery cases"
