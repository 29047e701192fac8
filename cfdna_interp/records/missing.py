"""Why a number is not there."""

from __future__ import annotations

from enum import StrEnum

from cfdna_interp.records.base import Record


class Cause(StrEnum):
    """What keeps a number from being measured, or from being used."""

    # Of a regression.
    NO_INPUT = "no such input"
    CONSTANT_INPUTS = "no input varies"
    SELDOM_MEASURED = "seldom measured"
    PENALTY = "the penalty leaves no feature"
    # Of effects beside each other.
    CONSTANT_SCORE = "the score is constant"
    SCORE_SEPARATES = "the score separates the classes"
    TERM_SEPARATES = "a term separates the classes"
    FEW_FOR_A_TERM = "few subjects for a term"
    NO_MAXIMUM = "the likelihood has no maximum"
    # Of the model's logit beside the proxy's.
    ONE_CLASS = "no fold holds both classes"
    SAME_LINE = "model and proxy on one line"
    PROXY_SEPARATES = "the proxy separates the classes"
    MODEL_SEPARATES = "the model separates the classes"
    # Of a calibration curve.
    FEW_VALUES = "few different logits"
    LOGIT_SEPARATES = "the logit separates the classes"
    # Of subjects.
    FEW_SUBJECTS = "few subjects"
    FEW_OF_A_CLASS = "few subjects of a class"
    FEW_CONTROLS = "few controls"
    FEW_CONTROLS_OF_A_ROLE = "few controls of a role"
    # Of subgroups.
    NO_COLUMN = "no such column"
    FEW_GROUPS = "few groups"
    NO_VARIANCE = "the AUROC has no variance"
    FEW_VARIANCES = "few groups with a variance"
    # Of depth.
    NO_DEPTH = "depth is not recorded"
    FEW_DEPTHS = "few subjects of known depth"
    CONSTANT_DEPTH = "depth is constant"
    FEW_PAIRS = "few pairs"
    # Of batches and sites.
    FEW_BATCHES = "few batches"
    FEW_SITES = "few sites"
    SITE_NEEDED = "a site is needed for the fit"
    # Of features.
    CONSTANT_FEATURES = "no feature varies"
    FEW_FEATURES = "few features"
    GAPS = "many gaps"
    NO_TECHNICAL = "no technical column varies"
    # Of weighted subjects.
    LITTLE_WEIGHT = "little weight"
    NO_OVERLAP = "no overlap"
    # Of fragments.
    NO_FRAGMENTS = "no fragments"
    FEW_FRAGMENTS = "few fragments"
    FEW_LENGTHS = "few lengths"
    NO_CURVE = "no curve"


class Missing(Record, frozen=True, kw_only=True):
    """Why a number is not there, or must not be used.

    Attributes
    ----------
    why
        What stands in the way.
    seen, needed
        How many there are of what is short, and how many it takes; null where nothing is counted. Of
        ``no overlap`` shares of the subjects.
    names
        Columns, or the site, that this is about.
    """

    why: Cause
    seen: float | None = None
    needed: float | None = None
    names: tuple[str, ...] = ()
