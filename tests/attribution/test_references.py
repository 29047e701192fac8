"""Who donates: parts of the cohort as before, nearest controls by hand, and nobody who may not."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cfdna_interp.artifacts.sheet import Sample
from cfdna_interp.attribution.references import KINDS, Pools, pools
from cfdna_interp.errors import InputError
from cfdna_interp.stats.resampling import stream


def sample(name: str, label: int | None = 0, *, subject: str = "", **columns: object) -> Sample:
    return replace(Sample(name, subject or f"P{name}", "", label, "discovery"), **columns)  # type: ignore[arg-type]


def cohort(subjects: int, seed: int = 1) -> list[Sample]:
    """Half of them cases; the first subject has two samples."""
    rng = np.random.default_rng(seed)
    people = [
        sample(
            f"S{number}",
            number % 2,
            age=float(rng.integers(40, 80)),
            sex=str(rng.choice(["F", "M"])),
            batch=str(rng.choice(["a", "b", "c"])),
        )
        for number in range(subjects)
    ]
    return [*people, replace(people[0], sample="S0again")]


def test_discovery_parts_are_those_of_the_named_stream() -> None:
    people = cohort(23)
    subjects = np.unique([person.subject for person in people], return_inverse=True)[1]
    parts = np.array_split(stream(7, "donors").permutation(np.unique(subjects)), 5)
    wanted = tuple(tuple(np.flatnonzero(np.isin(subjects, part)).tolist()) for part in parts)
    result = pools("discovery", people, people[:3], donors=5, seed=7)
    assert result.members == (wanted,) * 3 and result.reason == ""


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=15, deadline=None)
@given(seed=st.integers(0, 1_000))
def test_donors_are_disjoint_in_subjects_and_the_same_every_time(kind: str, seed: int) -> None:
    people = cohort(30, seed)
    result = pools(kind, people, people, donors=5, seed=seed)
    assert len(result.members) == len(people)
    for target, members in zip(people, result.members, strict=True):
        assert len(members) == 5
        who = [{people[row].subject for row in donor} for donor in members]
        assert all(who) and sum(len(part) for part in who) == len(set().union(*who))
        rows = [row for donor in members for row in donor]
        if kind != "discovery":
            assert all(people[row].label == 0 for row in rows)
        if kind == "matched":
            assert target.subject not in set().union(*who)
        else:  # everybody is in exactly one part, with all samples
            allowed = [i for i, person in enumerate(people) if kind == "discovery" or person.label == 0]
            assert Counter(rows) == Counter(allowed)
    assert pools(kind, people, people, donors=5, seed=seed) == result


def matched(controls: list[Sample], target: Sample, donors: int = 5) -> tuple[list[str], Pools]:
    result = pools("matched", controls, [target], donors=donors, seed=1)
    return [controls[row].sample for (row,) in result.members[0]], result


def test_the_nearest_controls_by_hand() -> None:
    # Target: F, batch a, 60 years. Two share sex and batch (55 and 63 years), one the batch, one the sex, and
    # of the two others the younger is nearer. A case and the target's own second sample are nearer still.
    target = sample("T", 1, age=60.0, sex="F", batch="a")
    controls = [
        sample("far", age=90.0, sex="M", batch="b"),
        sample("young", age=58.0, sex="M", batch="b"),
        sample("sex", age=60.0, sex="F", batch="b"),
        sample("batch", age=80.0, sex="M", batch="a"),
        sample("both55", age=55.0, sex="F", batch="a"),
        sample("both63", age=63.0, sex="F", batch="a"),
        sample("case", 1, age=60.0, sex="F", batch="a"),
        sample("own", 0, subject="PT", age=60.0, sex="F", batch="a"),
    ]
    names, result = matched(controls, target)
    assert names == ["both63", "both55", "batch", "sex", "young"]
    # "batch" and "young" are of the other sex; "sex" and "young" of another batch. Ages: 3, 5, 20, 0, 2.
    assert result.matching is not None
    assert result.matching.differing == {"sex": 2, "batch": 2}
    assert result.matching.age_gap == pytest.approx(30 / 5)


def test_of_a_subject_the_nearest_sample_donates_once() -> None:
    controls = [sample(f"C{i}", age=70.0 + i, batch="a") for i in range(5)]
    controls += [sample("C0late", subject="PC0", age=61.0, batch="a")]
    names, _ = matched(controls, sample("T", 1, age=60.0, batch="a"))
    assert names == ["C0late", "C1", "C2", "C3", "C4"]


def test_unknown_values_come_last_and_count_as_different() -> None:
    controls = [sample(f"C{i}", age=None if i < 3 else 60.0, sex="" if i == 7 else "F") for i in range(8)]
    names, result = matched(controls, sample("T", None, age=50.0, sex="F"))
    assert set(names[:4]) == {"C3", "C4", "C5", "C6"} and names[4] in {"C0", "C1", "C2"}
    assert result.matching is not None
    assert result.matching.differing == {"sex": 0}  # nobody has a batch
    assert result.matching.age_gap == pytest.approx(10)
    _, result = matched(controls, sample("T", None, age=50.0))
    assert result.matching is not None
    assert result.matching.differing == {"sex": 5}


def test_equals_are_drawn_by_chance() -> None:
    # Twenty equal controls, 200 targets: each donates 50 times by expectation, SD sqrt(200 .25 .75) = 6.1.
    controls = [sample(f"C{i}", batch="a") for i in range(20)]
    targets = [sample(f"T{i}", 1, batch="a") for i in range(200)]
    members = pools("matched", controls, targets, donors=5, seed=3).members
    times = Counter(row for donors in members for (row,) in donors)
    assert len(times) == 20 and max(abs(n - 50) for n in times.values()) < 4 * 6.1


def test_held_out_samples_receive_but_never_donate() -> None:
    people = cohort(20)
    target = replace(people[1], sample="H", subject="PH", role="heldout", label=None)
    for kind in KINDS:
        assert len(pools(kind, people, [target], donors=5, seed=1).members[0]) == 5
        with pytest.raises(InputError, match="sample H: role heldout never donates"):
            pools(kind, [*people, target], people, donors=5, seed=1)


def test_too_few_people_are_an_error_for_the_main_reference_and_a_reason_for_others() -> None:
    people = cohort(9)
    with pytest.raises(
        InputError, match=r"9 discovery subjects are too few for 5 donor pools .* at least 10"
    ):
        pools("discovery", people, people, donors=5, seed=1)
    for kind, said in (
        ("controls", "5 discovery controls are too few"),
        ("matched", "sample S0: 4 discovery controls of other subjects"),
    ):
        result = pools(kind, people, people, donors=5, seed=1)
        assert result.members == () and said in result.reason


def test_without_anything_to_match_on_the_reference_does_not_apply() -> None:
    controls = [sample(f"C{i}") for i in range(8)]
    result = pools("matched", controls, controls, donors=5, seed=1)
    assert result.members == () and result.reason == "the sheet gives no age, sex or batch of the controls"
