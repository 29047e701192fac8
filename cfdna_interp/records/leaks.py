"""The leaks in ``audit.json``: ways in which the label or held-out subjects may have leaked."""

from __future__ import annotations

from enum import StrEnum
from typing import Literal

from cfdna_interp.artifacts.sheet import Role
from cfdna_interp.records.base import Record
from cfdna_interp.records.missing import Missing
from cfdna_interp.records.values import Auroc, Counts


class Leak(StrEnum):
    """What breaks rung L0."""

    NAME = "name in both roles"
    TWIN = "near-duplicate across roles"
    MOLECULES = "same molecules across roles"
    FOLLOWED = "score follows a source"
    GAPS = "gaps tell the label"


class SourceKind(StrEnum):
    """What a label was read from."""

    ORDER = "order"
    NUMBER = "number"
    LETTERS = "letters"
    DATE = "date"
    GAPS = "gaps"


class SimilarPair(Record, frozen=True, kw_only=True):
    """Two samples of different subjects whose features are nearly the same.

    Attributes
    ----------
    a, b
        The samples.
    roles
        The roles of ``a`` and ``b``.
    ratio
        Their distance over that of the fifth neighbour.
    q
        Of the test that they are no nearer than two people, after Benjamini and Hochberg over all searches.
    group
        Feature group in which they are alike, "" where they are over all features.
    """

    a: str
    b: str
    roles: tuple[Role, Role]
    ratio: float
    q: float
    group: str


class SimilarSamples(Record, frozen=True, kw_only=True):
    """Near-duplicates by their features.

    Attributes
    ----------
    pairs
        All that were found.
    dimension
        Intrinsic dimension that the null over all features rests on, null where nothing was looked for.
    samples
        Samples of both roles.
    missing
        Why all features were not looked at together, null where they were.
    searched
        Feature groups that were looked at by themselves.
    """

    pairs: tuple[SimilarPair, ...]
    dimension: float | None
    samples: int
    missing: Missing | None
    searched: tuple[str, ...]


class MoleculePair(Record, frozen=True, kw_only=True):
    """Two samples of different subjects that share molecules.

    Attributes
    ----------
    a, b
        The samples.
    roles
        The roles of ``a`` and ``b``.
    share
        Share of the smaller one's fragments that the other holds.
    p
        That unrelated people share as many, Bonferroni over pairs.
    """

    a: str
    b: str
    roles: tuple[Role, Role]
    share: float
    p: float


class SharedMolecules(Record, frozen=True, kw_only=True):
    """Samples that hold the same fragments: contig, start and length.

    Attributes
    ----------
    pairs
        All that were found.
    expected
        Median share over all pairs of different subjects, null where nothing was looked for.
    samples
        Samples with enough stored fragments.
    missing
        Why nothing was looked for, null where it was.
    """

    pairs: tuple[MoleculePair, ...]
    expected: float | None
    samples: int
    missing: Missing | None


class LabelSource(Record, frozen=True, kw_only=True):
    """How well the label is read from something that should know nothing of it.

    Attributes
    ----------
    role
        Whose label.
    kind
        Which kind of source it is.
    source
        The source in words; of a date the column.
    column
        Of gaps the column whose gaps tell most, "" where their number does.
    inputs
        Whether the source is a pattern of gaps in features, which a model may read.
    auroc
        From .5 up: the direction doesn't matter.
    chance
        Mean AUROC under permuted labels.
    p, p_holm
        Permutation p value, and the same after Holm over the sources of the role.
    tells
        Whether the label is read better than chance lets it be.
    subjects
        Subjects of whom the source says anything.
    """

    role: Role
    kind: SourceKind
    source: str
    column: str
    inputs: bool
    auroc: float
    chance: float | None
    p: float
    p_holm: float
    tells: bool
    subjects: int


class Break(Record, frozen=True, kw_only=True):
    """One leak that breaks rung L0: it makes the rung ``can't tell: leak``.

    Attributes
    ----------
    kind
        Which.
    subjects
        Held-out subjects concerned.
    of
        All held-out subjects.
    source_kind
        What the label was read from, null for people in both roles.
    source, column
        As in LabelSource, "" for people in both roles.
    auroc
        Of the label read from the source, from .5 up; null for people.
    correlation, p
        Rank correlation of score and source among subjects of one label and batch, and its p value after
        Holm. Null where that isn't why.
    """

    kind: Leak
    subjects: int
    of: int
    source_kind: SourceKind | None = None
    source: str = ""
    column: str = ""
    auroc: float | None = None
    correlation: float | None = None
    p: float | None = None


class FollowedSource(Record, frozen=True, kw_only=True):
    """Whether the model's held-out score follows a source that tells the held-out label.

    Attributes
    ----------
    source
        As in LabelSource.
    correlation
        Rank correlation among subjects of one label and batch, above 0 where it feeds the signal. Null where
        nothing varies within these.
    p_holm
        One-sided permutation p value after Holm over the sources.
    """

    source: str
    correlation: float | None
    p_holm: float | None


class WithoutLeaks(Record, frozen=True, kw_only=True):
    """What is left without the held-out subjects that leak.

    Attributes
    ----------
    left_out
        Held-out subjects left out.
    n
        Held-out subjects that are left.
    scores
        ``model`` or ``proxy`` -> its AUROC among these; empty where too few are left.
    missing
        Why there is no AUROC, null where there is.
    """

    left_out: int
    n: Counts
    scores: dict[str, Auroc]
    missing: Missing | None


class Leakage(Record, frozen=True, kw_only=True):
    """What could have told the label or the held-out subjects, without any biology.

    Attributes
    ----------
    shared_subjects
        Held-out subjects whose name is in discovery, spelling aside.
    near_duplicates
        Samples that are nearly the same by their features.
    shared_fragments
        Samples that hold the same molecules.
    readable_labels
        Every source from which the label was read, in both roles.
    read_names
        What is known of read names: ``not stored`` for alignments, ``no reads`` for a table.
    breaks
        What makes rung L0 ``can't tell: leak``.
    followed
        A row for each source that tells the held-out label.
    without
        The AUROC without the subjects that leak, null where none can be left out.
    """

    shared_subjects: tuple[str, ...]
    near_duplicates: SimilarSamples
    shared_fragments: SharedMolecules
    readable_labels: tuple[LabelSource, ...]
    read_names: Literal["not stored", "no reads"]
    breaks: tuple[Break, ...]
    followed: tuple[FollowedSource, ...]
    without: WithoutLeaks | None
