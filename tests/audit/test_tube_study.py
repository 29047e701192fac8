"""The handling control with a known answer: real lengths of plasma that stood for 0, 24 and 72 hours.

Three healthy donors' blood in EDTA tubes (Van Paemel et al., PubMed 33074045). Their 45 samples are too few
to judge a claim by themselves. So a cohort is drawn from them: each subject gets the lengths of a donor's
EDTA sample at its hours, with the spread that samples of one tube and delay have, and cases stood longer. A
score that follows the lengths then follows the hours, and nothing else.
"""

from collections import Counter

import numpy as np
import pandas as pd
import pytest

from cfdna_interp.audit.claims import judge_handling

MONO = ["femto_140_159", "femto_160_179"]  # what falls from .31 over .16 to .06
HOURS = (0, 24, 72)


@pytest.fixture(scope="module")
def study(realdata):
    table = pd.read_csv(realdata / "cohorts" / "tube_study.csv")
    return table.assign(mono=table[MONO].sum(axis=1))


def drawn(study, rng, n=200, tube="edta", biology=0.0):
    """n cases and n controls; of controls most were spun at once, of cases most stood."""
    y = np.repeat([1, 0], n)
    hours = np.where(
        y == 1, rng.choice(HOURS, 2 * n, p=[0.1, 0.3, 0.6]), rng.choice(HOURS, 2 * n, p=[0.7, 0.2, 0.1])
    )
    own = study[study["tube"] == tube]
    spread = float(own.groupby("hours_to_spin")["mono"].std().mean())
    measured = [rng.choice(own.loc[own["hours_to_spin"] == hour, "mono"].to_numpy()) for hour in hours]
    score = -(np.array(measured) + spread * rng.normal(size=2 * n)) / spread + biology * y
    site = np.where(rng.random(2 * n) < 0.5, "A", "B")
    frame = pd.DataFrame({"site": site, "batch": site, "technical_hours_to_spin": hours})
    return y, score, frame


def statuses(study, **options):
    found = [
        judge_handling(
            *drawn(study, np.random.default_rng(seed), **options), margin=0.03, rng=np.random.default_rng(1)
        )
        for seed in range(20)
    ]
    return Counter(claim.status for claim in found), found


def test_the_study_is_what_it_is_known_for(study):
    edta = study[study["tube"] == "edta"].groupby("hours_to_spin")["mono"].mean()
    assert edta.loc[0] == pytest.approx(0.31, abs=0.01)
    assert edta.loc[24] == pytest.approx(0.16, abs=0.01)
    assert edta.loc[72] == pytest.approx(0.06, abs=0.01)


def test_a_score_that_follows_hours_in_edta_is_handling(study):
    words, found = statuses(study)
    assert words["not handling"] == 0
    assert words["handling"] >= 15 and words["handling"] + words["attenuated"] == 20
    assert all("hours_to_spin" in claim.record("score").held for claim in found)


def test_with_biology_beside_it_part_is_left(study):
    # One standard deviation of a sample beside the hours: attenuated, and never cleared.
    words, _ = statuses(study, biology=1.0)
    assert words["attenuated"] >= 15 and words["not handling"] == 0
