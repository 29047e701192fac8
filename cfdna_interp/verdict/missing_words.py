"""Why a number is not there, in words."""

from __future__ import annotations

from cfdna_interp.audit.held_columns import plain_name
from cfdna_interp.records.missing import Cause, Missing
from cfdna_interp.records.protocol import ColumnKnown
from cfdna_interp.stats.within_batch import PER_CLASS

# Clauses. There are {seen} of what is short, and it takes {needed}.
WORDS = {
    Cause.NO_INPUT: "the cohort has no such column",
    Cause.CONSTANT_INPUTS: "no such column varies among the discovery samples",
    Cause.SELDOM_MEASURED: "measured in too few subjects: {names}",
    Cause.PENALTY: "the penalty leaves no such column",
    Cause.CONSTANT_SCORE: "the score is the same for all subjects",
    Cause.SCORE_SEPARATES: "the score separates the classes completely",
    Cause.TERM_SEPARATES: "the classes separate with it: {names}",
    Cause.FEW_FOR_A_TERM: "a term needs {needed:.0f} subjects of the rarer class: {names}",
    Cause.NO_MAXIMUM: "the likelihood has no clear maximum",
    Cause.ONE_CLASS: "no fold holds both classes",
    Cause.SAME_LINE: "model and proxy put the subjects on the same line",
    Cause.PROXY_SEPARATES: "the proxy's logit separates the classes: there is nothing to add",
    Cause.MODEL_SEPARATES: "with the model's logit the classes separate",
    Cause.FEW_VALUES: "the logit takes too few different values",
    Cause.LOGIT_SEPARATES: "the logit separates the classes, or nearly so",
    Cause.FEW_SUBJECTS: "there are fewer than {needed:.0f} subjects",
    Cause.FEW_OF_A_CLASS: "a class has {seen:.0f} subjects, fewer than {needed:.0f}",
    Cause.FEW_CONTROLS: "there are {seen:.0f} controls, and at least {needed:.0f} are needed",
    Cause.FEW_CONTROLS_OF_A_ROLE: "a role has {seen:.0f} controls, fewer than {needed:.0f}",
    Cause.NO_COLUMN: "the cohort has no column {names}",
    Cause.FEW_GROUPS: "fewer than two groups have {needed:.0f} cases and {needed:.0f} controls",
    Cause.NO_VARIANCE: "its AUROC shows no variance",
    Cause.FEW_VARIANCES: "fewer than two groups have an AUROC with a variance",
    Cause.NO_DEPTH: "the number of fragments is not recorded",
    Cause.FEW_DEPTHS: (
        "a class has {seen:.0f} subjects whose number of fragments is known, fewer than {needed:.0f}"
    ),
    Cause.CONSTANT_DEPTH: "all subjects have the same number of fragments",
    Cause.FEW_PAIRS: "{seen:.0f} cases have a control of nearly their depth, fewer than {needed:.0f}",
    Cause.FEW_BATCHES: "fewer than two batches hold {needed:.0f} controls",
    Cause.FEW_SITES: (
        f"{{seen:.0f}} sites hold {PER_CLASS} cases and {PER_CLASS} controls, fewer than {{needed:.0f}}"
    ),
    Cause.SITE_NEEDED: "without site {names} too few discovery subjects are left to fit",
    Cause.CONSTANT_FEATURES: "no feature varies among the controls",
    Cause.FEW_FEATURES: "fewer than {needed:.0f} features take enough values for distances",
    Cause.GAPS: "fewer than {needed:.0f} subjects have most of the features",
    Cause.NO_TECHNICAL: "no technical column varies among the subjects",
    Cause.LITTLE_WEIGHT: (
        "after weighting the smaller class is worth {seen:.0f} subjects, fewer than {needed:.0f}"
    ),
    Cause.NO_OVERLAP: "the handling of {seen:.0%} of the subjects almost tells their label",
    Cause.NO_FRAGMENTS: (
        "the cohort came as a table: without fragments the same library is looked for by its features alone"
    ),
    Cause.FEW_FRAGMENTS: "fewer than two subjects have {needed:,.0f} stored fragments",
    Cause.FEW_LENGTHS: "fewer than {needed:.0f} consecutive lengths hold enough fragments",
    Cause.NO_CURVE: "mean embeddings vary with length no more than with lengths dealt out anew",
}


def missing_words(missing: Missing | None) -> str:
    """Say in a clause why a number is not there; "" where it is."""
    if missing is None:
        return ""
    names = ", ".join(map(plain_name, missing.names))
    return WORDS[missing.why].format(seen=missing.seen, needed=missing.needed, names=names)


def known_words(known: ColumnKnown) -> str:
    """Say in a clause of how many subjects a column is known."""
    return f"known of {known.known} of {known.of} {known.who}"
