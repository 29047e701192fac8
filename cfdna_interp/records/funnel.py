"""``funnel.json``: the sparse features that tell cases from controls, and what they stand for."""

from __future__ import annotations

from typing import ClassVar, Literal

from cfdna_interp.records.base import Record, ResultFile

CONTEXT = "context"  # the family of what is no feature group: number of calls, and locus
UNNAMED = "unnamed"  # in place of a family: no family clearly explains a feature's activation
UNEXPLAINED = "unexplained"  # in place of a family: what no family explains of a feature's difference
NO_CARRIER = "none"  # in place of a family: no family has more than half of a feature's difference


class SeedCounts(Record, frozen=True, kw_only=True):
    """How many features of one seed's dictionary pass each step.

    Attributes
    ----------
    number
        Number of the dictionary.
    alive
        Features that are active in some fragment.
    passed
        Features whose contrast exceeds that of permuted labels.
    survived
        Features that do so in resamples of subjects too.
    by_family
        Family by name, or ``unnamed`` -> how many of the survivors.
    """

    number: int
    alive: int
    passed: int
    survived: int
    by_family: dict[str, int]


class FunnelStep(Record, frozen=True, kw_only=True):
    """One step of the funnel.

    Attributes
    ----------
    stage
        What the features that are left have in common.
    family
        The family that most survivors differ with; null but at the step ``differ with the family``.
    count
        Number of features that are left.
    null_mean, null_high
        Mean and 95 % quantile of this number over heads with permuted labels; null where no null applies.
    """

    stage: Literal["features", "alive", "beat the null", "survive resampling", "differ with the family"]
    family: str | None = None
    count: int
    null_mean: float | None = None
    null_high: float | None = None


class PermutedCounts(Record, frozen=True, kw_only=True):
    """How many features heads with permuted labels let through.

    Attributes
    ----------
    passed_mean, passed_high
        Mean and 95 % quantile over heads of the number of features that beat the null.
    survived_mean, survived_high
        The same of the number of features that survive.
    """

    passed_mean: float
    passed_high: float
    survived_mean: float
    survived_high: float


class FeaturePartners(Record, frozen=True, kw_only=True):
    """Whether the dictionaries of other seeds have a feature too.

    Attributes
    ----------
    cosine
        Mean cosine of its direction with its partner's, over the other seeds.
    share
        Share of the other seeds in which this cosine is above 0.9.
    """

    cosine: float
    share: float


class FeatureProfile(Record, frozen=True, kw_only=True):
    """Mean activation of a feature, by properties of fragments.

    Attributes
    ----------
    length
        Pairs of length in bp and activation.
    level
        Pairs of methylation level and activation, of fragments with calls outside atlas blocks.
    locus
        Pairs of the name of a locus class and activation.
    """

    length: tuple[tuple[float, float], ...]
    level: tuple[tuple[float, float], ...]
    locus: tuple[tuple[str, float], ...]


class Survivor(Record, frozen=True, kw_only=True):
    """A feature that tells cases from controls, beyond permuted labels and in resamples of subjects.

    Attributes
    ----------
    feature
        Its place in the dictionary.
    family
        The family that it follows among fragments, or ``unnamed``.
    carrier
        The family with more than half of its difference between cases and controls, or ``none``.
    carried
        Family, or ``unexplained`` -> part of the difference of its activation between cases and controls.
        A positive part is higher in cases; the sizes add up to 1.
    unique
        Family -> R² of its activation that only this family explains.
    q
        q value of the largest of ``unique``, over all features and families.
    t
        Welch's t of its contribution to the logit, cases less controls.
    threshold
        What the size of ``t`` has to exceed: the 95 % quantile of the largest one under permuted labels.
    share
        Its share of the whole contrast.
    kept
        Share of resamples of subjects in which it exceeds the threshold on the same side.
    direction
        Where its activation is higher.
    matched
        Its partners in the dictionaries of other seeds.
    profile
        Its mean activation by length, methylation level and locus.
    """

    feature: int
    family: str
    carrier: str
    carried: dict[str, float]
    unique: dict[str, float]
    q: float | None
    t: float
    threshold: float
    share: float
    kept: float
    direction: Literal["higher in cases", "lower in cases"]
    matched: FeaturePartners
    profile: FeatureProfile


class MatchedShare(Record, frozen=True, kw_only=True):
    """Share of features that have a partner in another seed's dictionary.

    Attributes
    ----------
    mean, low, high
        Mean, smallest and largest over pairs of dictionaries.
    null
        The share where the other dictionary is rotated at random.
    """

    mean: float
    low: float
    high: float
    null: float


class CurveCoverage(Record, frozen=True, kw_only=True):
    """How many features, or blocks, draw the curve of mean embeddings by length.

    Attributes
    ----------
    needed
        Number that together explain nine tenths of what the whole dictionary explains.
    explained
        Share of the curve's variance that the whole dictionary explains.
    variance
        The curve's own variance, as a share of that of the embeddings.
    """

    needed: int
    explained: float
    variance: float


class CurveCoverages(Record, frozen=True, kw_only=True):
    """The length curve as the first seed's dictionaries draw it.

    Attributes
    ----------
    features
        By single features.
    blocks
        By blocks.
    permuted
        By single features where lengths are permuted among fragments.
    """

    features: CurveCoverage
    blocks: CurveCoverage
    permuted: CurveCoverage


class CarrierCount(Record, frozen=True, kw_only=True):
    """The survivors that differ with one family.

    Attributes
    ----------
    count
        Number of survivors.
    share
        Their share of the contrast that all survivors carry.
    """

    count: int
    share: float


class FeatureFunnel(ResultFile, frozen=True, kw_only=True):
    """From all sparse features to those that carry the contrast between cases and controls.

    A family is a group of properties of fragments: ``fragment_length``, ``methylation``,
    ``tissue_of_origin``, ``end_motif`` (with GC) or ``context`` (number of calls, and locus).

    Attributes
    ----------
    subjects, samples
        Number of discovery subjects and samples.
    fragments
        Number of fragments that names and profiles rest on.
    permuted_heads
        Number of heads with permuted labels.
    features
        Number of features of a dictionary.
    first
        Number of the dictionary that all but ``seeds`` and ``matched`` tell of.
    seeds
        Counts of each seed's dictionary.
    funnel
        The steps, each with fewer features.
    null
        What permuted labels let through.
    survivors
        The surviving features, in the order of the dictionary.
    matched
        How alike the dictionaries of different seeds are.
    completeness
        The largest gap between the sum of contributions and the difference of logits.
    error_share
        Share of the contrast in what the dictionary leaves unexplained.
    curve
        How many features draw the length curve.
    carried
        Family, or ``unexplained`` -> size of its part of the survivors' differences, averaged with the weight
        of each survivor's contrast.
    carriers
        Family by ``carrier``, or ``none`` -> the survivors that differ with it.
    purity
        Family by name, or ``unnamed`` -> share of the contrast that all survivors carry.
    """

    FILE: ClassVar[str] = "funnel.json"
    STAGE: ClassVar[str] = "funnel"

    subjects: int
    samples: int
    fragments: int
    permuted_heads: int
    features: int
    first: int
    seeds: tuple[SeedCounts, ...]
    funnel: tuple[FunnelStep, ...]
    null: PermutedCounts
    survivors: tuple[Survivor, ...]
    matched: MatchedShare
    completeness: float
    error_share: float
    curve: CurveCoverages
    carried: dict[str, float]
    carriers: dict[str, CarrierCount]
    purity: dict[str, float]
