"""The rule that decides which possible leaks break rung L0, and the AUROC without them.

People who are in both roles, by name, features or molecules, always break L0, because the cohort is then not
held out. A source that predicts the held-out label (order, ids, dates, gaps) breaks L0 only if it can have
reached the score. Honest sheets list cases first, but a model sees no row number and no name. There are two
ways to show it. Either the score follows the source among subjects of one label and batch, in the direction
in which the source predicts the label. Or the gaps are those of features, which a model reads, and alone they
reach the lower bound of the model's AUROC.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import numpy as np
import pandas as pd
from scipy.stats import rankdata

from cfdna_interp.artifacts.matrix import Table
from cfdna_interp.audit.label_sources import PERMUTATIONS, LabelReading
from cfdna_interp.audit.missing_cells import Gaps
from cfdna_interp.records.leaks import (
    Break,
    FollowedSource,
    LabelSource,
    Leak,
    MoleculePair,
    SimilarPair,
    SourceKind,
    WithoutLeaks,
)
from cfdna_interp.records.missing import Cause, Missing
from cfdna_interp.records.values import Counts, auroc_of
from cfdna_interp.stats.multiplicity import holm
from cfdna_interp.stats.resampling import stream
from cfdna_interp.stats.roc import auroc_interval
from cfdna_interp.stats.within_batch import PER_CLASS

# One in 100 sound cohorts loses L0 by such sources.
SIGNIFICANT = 0.01
JUDGED = ("model", "proxy")


class LeakRuling(NamedTuple):
    """What breaks rung L0, which sources the score follows, and the AUROC without the leaked subjects."""

    breaks: tuple[Break, ...]
    followed: tuple[FollowedSource, ...]
    without: WithoutLeaks | None


@dataclass(frozen=True)
class LinkToScore:
    """Partial rank correlation of score and source, above 0 if it contributes to the signal; p after Holm."""

    correlation: float
    p: float


def judge_leaks(
    heldout: Table,
    scores: pd.DataFrame,
    bound: float | None,
    shared: Sequence[str],
    twins: Sequence[SimilarPair],
    molecules: Sequence[MoleculePair],
    readable: Sequence[LabelReading],
    gaps: Sequence[Gaps],
    seed: int,
) -> LeakRuling:
    """Decide which possible leaks break rung L0.

    Parameters
    ----------
    heldout
        The held-out samples, with labels.
    scores
        One row per held-out subject: ``subject``, ``label``, ``batch``, and a column for each score.
    bound
        Lower 95 % bound of the model's held-out AUROC, or None.
    shared
        Held-out subjects whose name is in discovery.
    twins, molecules
        Pairs of samples of different subjects.
    readable
        The sources that predict labels, in both roles.
    gaps
        The gaps of the held-out table.
    seed
        The run's seed.
    """
    owner = dict(zip(heldout.samples, heldout.subjects, strict=True))
    table = scores.set_index(scores["subject"].astype(str))
    people = {
        Leak.NAME: set(shared),
        Leak.TWIN: _across(twins, owner),
        Leak.MOLECULES: _across(molecules, owner),
    }
    breaks = [
        Break(kind=kind, subjects=len(members), of=len(table)) for kind, members in people.items() if members
    ]
    telling = [item for item in readable if item.label.role == "heldout" and item.label.tells]
    followed = follow(
        [_by_subject(item, heldout, table) for item in telling],
        table["model"].to_numpy(dtype=np.float64),
        table["label"].to_numpy(),
        table["batch"].astype(str).tolist(),
        stream(seed, "audit", "followed"),
    )
    leaving = set().union(*people.values())
    for item, link in zip(telling, followed, strict=True):
        label = item.label
        reads = label.inputs and label.p_holm <= SIGNIFICANT and bound is not None and label.auroc >= bound
        follows = link is not None and link.p <= SIGNIFICANT
        if not (reads or follows):
            continue
        concerned = set(table.index)
        if label.kind is SourceKind.GAPS:
            concerned = _with_gaps(label, heldout, gaps)
            leaving |= concerned
        breaks.append(
            Break(
                kind=Leak.FOLLOWED if follows else Leak.GAPS,
                subjects=len(concerned),
                of=len(table),
                source_kind=label.kind,
                source=label.source,
                column=label.column,
                auroc=label.auroc,
                correlation=link.correlation if link is not None and follows else None,
                p=link.p if link is not None and follows else None,
            )
        )
    return LeakRuling(
        breaks=tuple(breaks),
        followed=tuple(
            FollowedSource(
                source=item.label.source,
                correlation=None if link is None else link.correlation,
                p_holm=None if link is None else link.p,
            )
            for item, link in zip(telling, followed, strict=True)
        ),
        without=_without(table, leaving, seed) if leaving else None,
    )


def follow(
    sources: Sequence[np.ndarray],
    score: np.ndarray,
    labels: np.ndarray,
    batches: Sequence[str],
    rng: np.random.Generator,
) -> list[LinkToScore | None]:
    """Test for each source whether a score follows it among subjects of one label and batch.

    Ranks of both, minus their means within label and batch, are correlated. The score is permuted within
    these strata, which holds all differences between labels and batches fixed. The test is one-sided, because
    only the direction in which the source predicts the label contributes to the signal. Rung L4 judges
    effects of a recorded batch.

    Parameters
    ----------
    sources
        (subjects,) values each, NaN where there is none.
    score, labels, batches
        (subjects,).
    rng
        Source of the permutations.

    Returns
    -------
    The result for each source, with p adjusted after Holm; None if nothing varies within strata.
    """
    links: list[LinkToScore | None] = []
    _, strata = np.unique([f"{y} {b}" for y, b in zip(labels, batches, strict=True)], return_inverse=True)
    for values in sources:
        known = np.isfinite(values)
        place = np.unique(strata[known], return_inverse=True)[1]
        y = labels[known]
        x, s = rankdata(values[known]), rankdata(score[known])
        if len(set(y.tolist())) < 2:
            links.append(None)
            continue
        if x[y == 1].mean() < x[y == 0].mean():
            x = -x
        x, s = _centred(x, place), _centred(s, place)
        scale = float(np.sqrt((x**2).sum() * (s**2).sum()))
        if scale < 1e-9:
            links.append(None)
            continue
        seen = float(x @ s)
        null = np.zeros(PERMUTATIONS)
        for stratum in range(int(place.max()) + 1):
            members = np.flatnonzero(place == stratum)
            null += rng.permuted(np.tile(s[members], (PERMUTATIONS, 1)), axis=1) @ x[members]
        p = (1 + int((null >= seen - 1e-9 * scale).sum())) / (1 + PERMUTATIONS)
        links.append(LinkToScore(seen / scale, p))
    adjusted = iter(holm([item.p for item in links if item is not None]))
    return [None if item is None else replace(item, p=float(next(adjusted))) for item in links]


def _centred(values: np.ndarray, strata: np.ndarray) -> np.ndarray:
    means = np.bincount(strata, values) / np.bincount(strata)
    return np.asarray(values - means[strata])


def _across(pairs: Sequence[SimilarPair | MoleculePair], owner: Mapping[str, str]) -> set[str]:
    """Return the held-out subjects of pairs whose samples are of different roles."""
    subjects = set()
    for pair in pairs:
        if set(pair.roles) == {"discovery", "heldout"}:
            subjects.add(owner[pair.a if pair.roles[0] == "heldout" else pair.b])
    return subjects


def _by_subject(item: LabelReading, heldout: Table, table: pd.DataFrame) -> np.ndarray:
    values = dict(zip(heldout.subjects, item.values.tolist(), strict=True))
    return np.array([values[subject] for subject in table.index])


def _with_gaps(label: LabelSource, heldout: Table, gaps: Sequence[Gaps]) -> set[str]:
    """Return the held-out subjects with a gap in the named column, or in any column if none is named."""
    pattern = next(each for each in gaps if each.name == label.source)
    missing = pattern.missing
    if label.column:
        missing = missing[:, [pattern.columns.index(label.column)]]
    return {heldout.subjects[row] for row in np.flatnonzero(np.asarray(missing.any(axis=1)))}


def _without(table: pd.DataFrame, leaving: set[str], seed: int) -> WithoutLeaks:
    """Return the AUROC of the judged scores among the remaining held-out subjects."""
    rest = table[~table.index.isin(leaving)]
    labels = rest["label"].to_numpy()
    n = Counts(case=int((labels == 1).sum()), control=int((labels == 0).sum()))
    fewest = min(n.case, n.control)
    enough = fewest >= PER_CLASS
    return WithoutLeaks(
        left_out=len(table) - len(rest),
        n=n,
        scores={
            name: auroc_of(
                auroc_interval(
                    labels,
                    rest[name].to_numpy(dtype=np.float64),
                    stream(seed, "audit", "without leaks", name),
                )
            )
            for name in JUDGED
            if enough and name in rest
        },
        missing=None if enough else Missing(why=Cause.FEW_OF_A_CLASS, seen=fewest, needed=PER_CLASS),
    )
