"""A methods paragraph with the numbers of this run, ready to paste into a manuscript."""

from __future__ import annotations

from collections import Counter

from cfdna_interp import __version__
from cfdna_interp.artifacts.sheet import ROLES, Sample
from cfdna_interp.attribution.judge import CONTEXT_LIMIT
from cfdna_interp.fragments.fragment_file import is_fragment_file
from cfdna_interp.records.model import TableModel
from cfdna_interp.report.collect import Run
from cfdna_interp.report.interventions import REFERENCES, combination_name
from cfdna_interp.report.methods_table import (
    attribution_paragraph,
    contributes_beyond,
    features_paragraph,
    leads_by,
    model_paragraph,
)
from cfdna_interp.report.missing import missing_sentence
from cfdna_interp.report.proxy import describe_proxy
from cfdna_interp.report.roles import roles_method
from cfdna_interp.report.words import group_name, group_rank, percent
from cfdna_interp.representation.feature_annotation import Q
from cfdna_interp.representation.feature_contrast import LEVEL
from cfdna_interp.verdict.ladder import SIGNIFICANT

# What a sample's fragments were read from.
PAIRED, SINGLE, LINES = "mates", "whole reads", "lines of a fragment file"


def methods_paragraphs(run: Run) -> list[str]:
    """Describe in plain text what was done: cohort, fragments, model, attribution, embeddings, validation."""
    if run.table is not None and isinstance(run.model, TableModel):
        missing = missing_sentence(run.audit.missing, run.table.record.empty)
        middle = [
            features_paragraph(run.table, missing),
            model_paragraph(run.model),
            attribution_paragraph(run),
        ]
        return [_cohort(run), *middle, _validation(run)]
    paragraphs = [_cohort(run), _fragments(run), _model(run), _attribution(run)]
    if run.config.representation.parts:
        paragraphs.append(_embeddings(run))
    return [*paragraphs, _validation(run)]


def _cohort(run: Run) -> str:
    counts = run.counts()
    discovery, heldout = (
        f"({counts[role]['case']} cases, {counts[role]['control']} controls)" for role in ROLES
    )
    batches = {sample.batch for samples in run.samples.values() for sample in samples if sample.batch}
    kind = "alignments" if run.table is None else "features from a table"
    source = f"Simulated cell-free DNA {kind}" if run.simulated else f"Cell-free DNA {kind}"
    text = (
        f"{source} of {sum(counts['discovery'].values())} discovery subjects {discovery} and "
        f"{sum(counts['heldout'].values())} held-out subjects {heldout} were analysed with cfdna-interp "
        f"{__version__}."
    )
    if batches:
        text += f" Samples came from {len(batches)} {'batch' if len(batches) == 1 else 'batches'}."
    if run.exclusions:
        count = len(run.exclusions)
        why = "for quality" if run.table is None else "before any model was fitted"
        text += f" {count} {'sample was' if count == 1 else 'samples were'} excluded {why}."
    return text + " Subjects, not samples or fragments, are the unit of every test."


def _fragments(run: Run) -> str:
    extract = run.config.extract
    kinds = Counter(_kind(sample) for samples in run.samples.values() for sample in samples)
    quality = f"a mapping quality of at least {extract.min_mapq}"
    meant = {
        PAIRED: f"two primary, inward-facing mates on one contig, both with {quality}",
        SINGLE: f"one primary read of a whole molecule, with {quality}",
        LINES: f"a line of a fragment file, with {quality} where the file has one",
    }
    # With one kind of file its number is that of the samples.
    counted = [
        f"{what} ({kinds[kind]} {'sample' if kinds[kind] == 1 else 'samples'})" if len(kinds) > 1 else what
        for kind, what in meant.items()
        if kinds[kind]
    ]
    unknown = "duplicates can't be told in a fragment file"
    duplicates = f"duplicates were {'dropped' if extract.duplicates == 'drop' else 'kept'}"
    if kinds[LINES]:
        duplicates = unknown if len(kinds) == 1 else f"{duplicates} ({unknown})"
    overlap = ""
    if kinds[PAIRED] and _methylation_read(run):
        overlap = " CpG calls in the overlap of two mates were counted once."
    equalised = ""
    if extract.common_fragments is not None:
        equalised = f", down-sampled to {extract.common_fragments:,} per sample"
    return (
        f"A fragment is {', or '.join(counted)}; {duplicates}, and lengths from {extract.min_length:,} to "
        f"{extract.max_length:,} bp were kept.{overlap} Tables of features count all fragments{equalised}; "
        "the model read a hash-based subsample of at most "
        f"{extract.fragments_per_sample:,} fragments per sample."
    )


def _kind(sample: Sample) -> str:
    if is_fragment_file(sample.bam):
        return LINES
    return SINGLE if sample.reads == "single" else PAIRED


def _methylation_read(run: Run) -> bool:
    """Return whether of any sample methylation was to be read."""
    usual = run.config.extract.methylation
    return any(
        (sample.methylation or usual) != "none" for samples in run.samples.values() for sample in samples
    )


def _model(run: Run) -> str:
    model, scores_only = run.config.model, run.model.kind == "table"
    held = (
        "Held-out scores are the model's own; those of subsets of groups are the surrogate's."
        if scores_only
        else f"Held-out logits are the mean of {model.folds * model.ensemble} heads, {model.ensemble} a fold."
    )
    return (
        f"{_encoder(run)} Attention heads (fragments, regions, sample) on bags of {model.bag_size:,} "
        "embedded fragments, one for each donor pool, were cross-fitted by subject in "
        f"{model.folds} folds{' to the scores' if scores_only else ''}; every bag was drawn to have the "
        "discovery pool's mix of locus class and number of CpG calls (direct standardisation), since that "
        f"number follows fragment length. {held}"
    )


def _encoder(run: Run) -> str:
    kind, dim = run.model.kind, run.model.dim
    calls = "CpG calls with their offsets, " if _methylation_read(run) else ""
    masked = (
        f"An encoder of fragments (length, {calls}locus; embedding dimension {dim}) "
        "was pre-trained on discovery fragments by masking, without labels."
    )
    if kind == "reference":
        return masked
    if kind == "table":
        return f"Of the model only scores were known; a surrogate stood in for it. {masked}"
    source = {
        "causal": "a causal language model pre-trained on the text of discovery fragments without labels",
        "transformers": "a pre-trained sequence model",
        "torch_module": "a pre-trained torch module",
    }[kind]
    return (
        f"Fragments were embedded by {source}, frozen; embeddings were reduced to {dim} principal components "
        "of discovery fragments, scaled to variance 1."
    )


def _attribution(run: Run) -> str:
    dominance = run.dominance
    groups = ", ".join(group_name(group).lower() for group in sorted(dominance.groups, key=group_rank))
    main = (dominance.intervention, dominance.reference)
    whose = "the surrogate's logit of each subject" if run.foreign else "each subject's logit"
    others = [
        combination_name(entry.intervention, entry.reference).lower()
        for entry in dominance.interventions
        if entry.shares is not None and (entry.intervention, entry.reference) != main
    ]
    also = f" The same was done under: {'; '.join(others)}." if others else ""
    gradients = (
        " Contributions were traced to lengths, CpG contexts, classes of locus and windows by integrated "
        f"gradients from matched donors ({run.config.attribution.gradient_steps} steps)."
        if run.maps
        else ""
    )
    return (
        f"Exact Shapley values of the feature groups ({groups}) were computed for {whose} "
        "from the heads that never saw the subject. Absent groups were replaced by those of fragments "
        f"from {dominance.donors} donor pools, disjoint parts of {REFERENCES[main[1]]} "
        f"(intervention: {main[0]}), donor fragments being matched on class of locus, "
        "number of CpG calls, and dealt out by rank of the group that stays. A group's share is its "
        "summed absolute contribution over that of all groups; intervals come "
        f"from {dominance.bootstrap} refits of the head on bootstrap samples of subjects, nulls from "
        f"{dominance.permutations} refits on permuted labels.{also}{gradients} A group was called "
        f"dominant if {leads_by(dominance)}, {contributes_beyond()}, it came first under every other "
        "intervention that applied, and context and joint effects carried at most "
        f"{percent(CONTEXT_LIMIT)}. {roles_method(run.foreign)}"
    )


def _embeddings(run: Run) -> str:
    found, settings = run.representation, run.config.representation
    sentences = ["Embeddings of discovery fragments were looked into beside, without a part in the verdict."]
    if found.probes is not None:
        sentences.append(
            f"Linear probes (ridge, logistic) were cross-fitted by subject on {found.probes.fragments:,} "
            "fragments, beside a control task, an encoder of the same architecture with weights drawn anew "
            "and the other inputs; each concept was then erased by least squares, and the loss of the frozen "
            "heads' cross-fitted AUROC held against erasing as many random directions."
        )
    if found.funnel is not None:
        sentences.append(
            f"{settings.seeds} sparse autoencoders of {settings.features:,} features, {settings.active} "
            f"active, were trained on up to {settings.fragments:,} fragments, single and in blocks of "
            f"{settings.block}. A feature's contribution to the logit (integrated gradient × activation) had "
            f"to tell cases from controls by more than the {percent(LEVEL)} quantile of the largest of all "
            f"features under {found.funnel.permuted_heads} heads with permuted labels, and to do so in "
            f"{percent(LEVEL)} of {settings.resamples:,} resamples of subjects; features were named by the "
            "family of properties that alone explains most of their activation, at a false-discovery rate of "
            f"{percent(Q)}."
        )
    if found.geometry is not None:
        sentences.append(
            "Mean embeddings by fragment length, standardised to the pool's mix of locus and CpG count, were "
            "joined by a penalised spline; bends and periods were claimed only beyond curves that turn "
            "evenly, and beyond shuffled residuals."
        )
    return " ".join(sentences)


def _held(run: Run) -> str:
    """Say how handling and the person were held, and what was."""
    audit, margin = run.audit, run.protocol.margins.fall_margin
    mediators = sorted({*audit.handling.mediators, *audit.person.mediators})
    declared = f" Declared mediators were not held: {', '.join(mediators)}." if mediators else ""
    return (
        "For rungs L4 and L5 cases were compared with controls of the same batch, or of the same site where "
        "a batch held one class (strata weighed by n1·n0/(n1+n0); L5: all subjects together), after what "
        "held columns say of the score within stratum and class was taken off its normal scores "
        "(covariate-adjusted ROC curve, Janes and Pepe 2009). "
        f"L4 held {', '.join(audit.handling.held) or 'no column'}; L5 held "
        f"{', '.join(audit.person.held) or 'no column'}. Either was earned where the interval of the held "
        "AUROC lay above 0.5 and the one-sided 95 % bound of its fall from the crude AUROC below "
        f"{margin}.{declared}"
    )


def _validation(run: Run) -> str:
    validation, margins = run.validation, run.protocol.margins
    n = validation.n
    proxy = ""
    if run.proxy is not None:
        proxy = (
            f"The proxy: {describe_proxy(run.proxy)[0][0].lower()}{describe_proxy(run.proxy)[0][1:]} Its "
            "penalty comes from cross-validation on all discovery subjects, the strongest within one "
            "standard error of the best; nested cross-validation judged the proxy and chose nothing. "
        )
    again = ""
    if validation.opening.exploratory:
        again = (
            " The held-out labels had been read before, under another protocol or with other values (this is "
            f"opening {validation.opening.number}), so that held-out results are exploratory."
        )
    # Of runs in other folders nothing is known.
    fixed = (
        "Margins were fixed beforehand, too"
        if not validation.opening.exploratory
        else "Margins of the protocol"
    )
    frozen = (
        "before the held-out labels were read in this run's folder"
        if not validation.opening.exploratory
        else "in a protocol"
    )
    return (
        f"All scores, the proxy and the deciding rules were frozen {frozen} "
        f"(protocol SHA-256 {validation.opening.protocol[:12]}…). Discrimination is the AUROC over one "
        f"score per subject ({n.case} cases, {n.control} controls; 95 % intervals by "
        f"{validation.scores['model'].auroc.method}), compared pairwise on the same subjects and "
        f"against {validation.permutation.n:,} permutations of the labels. A signal "
        f"was claimed (rung L0) where the permutation p was at most {SIGNIFICANT} and the 95 % interval of "
        f"the model's AUROC lay above 0.5. {proxy}{fixed}: "
        f"necessity {margins.necessity_margin}, replaceability "
        f"{margins.replaceable_margin}, sufficiency {margins.sufficiency_margin} of AUROC. "
        f"{_held(run)}"
        f"{again}"
    )
