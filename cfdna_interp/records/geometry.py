"""``geometry.json``: the curve that mean embeddings trace with fragment length."""

from __future__ import annotations

from enum import StrEnum
from typing import ClassVar

from cfdna_interp.records.base import Record, ResultFile
from cfdna_interp.records.missing import Missing
from cfdna_interp.records.values import KnownInterval


class NullVariance(Record, frozen=True, kw_only=True):
    """Variance on curves of a covariate that means nothing.

    Attributes
    ----------
    explained
        Mean share of the embeddings' variance on such a curve.
    high
        95 % quantile of that share.
    """

    explained: float
    high: float


class CurveVariance(Record, frozen=True, kw_only=True):
    """How much of the embeddings lies on the length curve.

    Attributes
    ----------
    components
        Share of the curve's variance along each of its principal components, the largest first. Empty where
        none is larger than with permuted lengths.
    explained
        Share of the embeddings' variance that lies on the curve.
    permuted
        The same where lengths are permuted within samples.
    random
        The same for random covariates that are distributed as lengths are.
    """

    components: tuple[float, ...]
    explained: float
    permuted: NullVariance
    random: NullVariance


class BendCurvature(Record, frozen=True, kw_only=True):
    """Curvature, in radians per unit of arc: 1 / radius of the circle that fits the curve.

    Attributes
    ----------
    peak
        At the sharpest place; null where no place can be told.
    nucleosome
        At 167 bp; null where the curve doesn't reach so far to both sides.
    typical
        Median along the arc, less noise; null where no length has a clear direction.
    """

    peak: KnownInterval | None
    nucleosome: KnownInterval | None
    typical: float | None


class BendFinding(StrEnum):
    """What was found of the sharpest place of the length curve."""

    # Mean embeddings move along a single direction.
    STRAIGHT = "straight"
    # At no length does the curve move clearly enough to have a direction.
    NO_DIRECTION = "no direction"
    # Nowhere does it turn more than evenly turning curves with the same noise.
    EVEN = "even"
    # Its sharpest place is hardly sharper than the curve typically is.
    BLUNT = "blunt"
    # The sharpest place is where the lengths that can be seen end.
    AT_AN_END = "at an end"
    # Resamples of subjects place it too widely.
    SCATTERED = "scattered"
    SHARP = "sharp"


class CurveBend(Record, frozen=True, kw_only=True):
    """The sharpest bend of the length curve.

    Attributes
    ----------
    at
        Its place in bp, with its interval over subjects; null where no place can be told.
    finding
        What was found of it.
    claimed
        Whether that is called a bend: only ``sharp`` is.
    curvature
        How sharp it is; null where the curve is straight.
    excess
        The largest curvature, in standard deviations above curves that turn evenly; null where it can't be
        told.
    excess_null
        99 % quantile of the same of curves that turn evenly; null where it can't be told.
    covers_nucleosome, covers_mode
        Whether a bend is claimed and its interval holds 167 bp, or the cohort's modal length.
    """

    at: KnownInterval | None
    finding: BendFinding
    claimed: bool
    curvature: BendCurvature | None = None
    excess: float | None = None
    excess_null: float | None = None
    covers_nucleosome: bool = False
    covers_mode: bool = False


class CurveArc(Record, frozen=True, kw_only=True):
    """Length of the curve, in units of the embedding.

    Attributes
    ----------
    total
        From its first to its last length.
    per_bp_low, per_bp_high
        5 % and 95 % quantile of the arc per bp.
    """

    total: float
    per_bp_low: float
    per_bp_high: float


class PeriodFinding(StrEnum):
    """What was found of the strongest period of the length curve."""

    # It explains no more than where what the trend leaves is shuffled among lengths.
    CHANCE = "chance"
    # It is at the end of the periods that were scanned: a trend and no wave.
    AT_AN_END = "at an end"
    # Resamples of subjects find periods that differ too much.
    SCATTERED = "scattered"
    SHOWN = "shown"


class CurvePeriod(Record, frozen=True, kw_only=True):
    """The strongest period of the curve below the main peak of lengths.

    Attributes
    ----------
    bp
        The period in bp, with its interval over subjects.
    power
        Share of what the slow trend leaves that waves of this period explain.
    null_high
        95 % quantile of the largest such share over periods where what is left is shuffled among lengths.
    finding
        What was found of it.
    claimed
        Whether that is called a period: only ``shown`` is.
    at_10_4
        Power at 10.4 bp, a turn of the helix, over the median of all periods.
    """

    bp: KnownInterval
    power: float
    null_high: float
    finding: PeriodFinding
    claimed: bool
    at_10_4: float


class SteeringPath(Record, frozen=True, kw_only=True):
    """What happens to fragments that are moved along a path from one length to another.

    Attributes
    ----------
    probe_slope
        bp by which the reading of a linear length probe changes per bp aimed at.
    probe_error
        Mean difference in bp between this reading and that of real fragments of the length aimed at.
    distance
        Mean over the steps between the ends of ``distances``.
    distances
        At each step, the mean distance to the nearest real embeddings of other subjects, in units of that of
        real fragments of this length.
    logit
        At each step, the mean cross-fitted logit of the bags.
    """

    probe_slope: float
    probe_error: float
    distance: float
    distances: tuple[float, ...]
    logit: tuple[float, ...]


class Steering(Record, frozen=True, kw_only=True):
    """Short fragments moved to a longer length, along the curve and along the straight line instead.

    Attributes
    ----------
    start, stop
        The first and the last length, in bp.
    steps
        Lengths aimed at, in bp.
    curve
        Along the curve.
    line
        Along the straight line between the ends of the curve.
    ratio
        Distance of the line over that of the curve, with its interval over subjects; 1 where the curve is as
        good as straight.
    """

    start: int
    stop: int
    steps: tuple[int, ...]
    curve: SteeringPath
    line: SteeringPath
    ratio: KnownInterval


class LengthCurve(Record, frozen=True, kw_only=True):
    """The shape of the length curve.

    Attributes
    ----------
    smooth
        Cut-off of the smoother in bp: waves of this period keep half of their height.
    bend
        Its sharpest bend.
    arc
        Its length.
    period
        Its strongest period; null where too few short lengths are held.
    steering
        What moving fragments along it does; null where lengths differ too little or a step has no real
        fragments beside it.
    """

    smooth: float
    bend: CurveBend
    arc: CurveArc
    period: CurvePeriod | None
    steering: Steering | None


class Geometry(ResultFile, frozen=True, kw_only=True):
    """The curve of mean embeddings by fragment length, classes of locus and CpG count held.

    Attributes
    ----------
    subjects, samples
        Number of discovery subjects and samples.
    fragments
        Number of fragments drawn.
    lengths
        First and last length in bp that enough fragments have; null where there is none.
    nucleosome
        167 bp: core particle, linker and linker histone.
    mode
        The cohort's most frequent length, in bp.
    variance
        How much lies on the curve; null where subjects or lengths are too few.
    curve
        The shape of the curve; null where it can't be told.
    missing
        Why the curve can't be told; null where it can.
    """

    FILE: ClassVar[str] = "geometry.json"
    STAGE: ClassVar[str] = "geometry"
    FORMAT: ClassVar[int] = 2

    subjects: int
    samples: int
    fragments: int
    lengths: tuple[int, int] | None
    nucleosome: int
    mode: int
    variance: CurveVariance | None = None
    curve: LengthCurve | None = None
    missing: Missing | None = None
