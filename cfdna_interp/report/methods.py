"""A methods paragraph with the numbers of this run, ready to paste into a manuscript."""

from __future__ import annotations

from cfdna_interp import __version__
from cfdna_interp.report.collect import Run
from cfdna_interp.report.words import group_name, number

# Where the named methods come from, so that a manuscript can cite them.
SOURCES = (
    "Shapley values: Shapley, in Contributions to the Theory of Games II (1953); computed with Captum "
    "(Kokhlikyan et al., arXiv:2009.07896, 2020).",
    "Intervals of AUROC: DeLong, DeLong and Clarke-Pearson, Biometrics 44:837 (1988).",
    "Wilson interval: Wilson, J. Am. Stat. Assoc. 22:209 (1927).",
    "Fragment-level tissue deconvolution (UXM): Loyfer et al., Nature 613:355 (2023).",
    "False-discovery rate: Benjamini and Hochberg, J. R. Stat. Soc. B 57:289 (1995).",
)


def methods_paragraphs(run: Run) -> list[str]:
    """Describe in plain text what was done: cohort, fragments, model, attribution, validation, audit."""
    return [_cohort(run), _fragments(run), _model(run), _attribution(run), _validation(run)]


def _cohort(run: Run) -> str:
    counts = {}
    for role in ("discovery", "heldout"):
        labels = [run.labels[subject] for subject in {sample.subject for sample in run.samples[role]}]
        counts[role] = (len(labels), sum(labels), len(labels) - sum(labels))
    batches = {sample.batch for samples in run.samples.values() for sample in samples if sample.batch}
    source = "Simulated cell-free DNA alignments" if run.simulated else "Cell-free DNA alignments"
    text = (
        "{} of {} discovery subjects ({} cases, {} controls) and {} held-out subjects ({} cases, {} controls) "
        "were analysed with cfdna-interp {}."
    ).format(source, *counts["discovery"], *counts["heldout"], __version__)
    if batches:
        text += f" Samples came from {len(batches)} {'batch' if len(batches) == 1 else 'batches'}."
    if run.exclusions:
        text += f" {len(run.exclusions)} samples were excluded for quality."
    return text + " Subjects, not samples or fragments, are the unit of every test."


def _fragments(run: Run) -> str:
    extract = run.config.extract
    duplicates = "dropped" if extract.duplicates == "drop" else "kept"
    text = (
        "A fragment is two primary, inward-facing mates on one contig, both with a mapping quality of at least "
        f"{extract.min_mapq}; duplicates were {duplicates} and lengths from {extract.min_length:,} to "
        f"{extract.max_length:,} bp kept. CpG calls in the overlap of two mates were counted once. Tables of "
        "features count all fragments"
    )
    if extract.common_fragments is not None:
        text += f", down-sampled to {extract.common_fragments:,} per sample"
    return (
        f"{text}; the model read a hash-based subsample of at most {extract.fragments_per_sample:,} fragments "
        "per sample."
    )


def _model(run: Run) -> str:
    model = run.config.model
    return (
        "An encoder of fragments (length, CpG calls with their offsets, locus; embedding dimension "
        f"{model.dim}) was pre-trained on discovery fragments by masking, without labels. Attention heads on bags of "
        f"{model.bag_size:,} embedded fragments ({model.bags} bags per sample) were cross-fitted by subject in "
        f"{model.folds} folds; held-out logits are the mean of an ensemble of {model.ensemble} heads."
    )


def _attribution(run: Run) -> str:
    dominance = run.dominance
    groups = ", ".join(group_name(group).lower() for group in dominance["groups"])
    return (
        f"Exact Shapley values of the feature groups ({groups}) were computed for each subject's logit from the "
        f"head that never saw the subject. Absent groups were replaced by those of {dominance['donors']} donors "
        f"from the {dominance['reference']} (intervention: {dominance['intervention']}), donor fragments being "
        "matched on locus and CpG count. A group's share is its summed absolute contribution over that of all "
        f"groups; intervals come from {dominance['bootstrap']} refits of the head on bootstrap samples of "
        f"subjects, nulls from {dominance['permutations']} refits on permuted labels. A group was called dominant "
        "if the 5 % quantile of its lead over the runner-up exceeded 0.10, its share exceeded the null of the "
        "largest share, and context and joint effects carried at most 20 %."
    )


def _validation(run: Run) -> str:
    validation, margins = run.validation, run.config.validation
    n = validation["n"]
    method = validation["scores"]["model"]["auroc"].get("method", "stratified bootstrap")
    text = (
        "All scores, the proxy and the deciding rules were frozen before the held-out labels were read (protocol "
        f"SHA-256 {validation['protocol_digest'][:12]}…). Discrimination is the AUROC over one score per subject "
        f"({n['case']} cases, {n['control']} controls; 95 % intervals by {method}), compared pairwise on the same "
        f"subjects and against {validation['permutation']['n']:,} permutations of the labels. "
    )
    if run.proxy is not None:
        text += (
            f"The proxy is an L2-penalised logistic regression (C = {number(run.proxy['C'], 4)}) on "
            f"{len(run.proxy['features'])} standardised features of {group_name(run.proxy['group']).lower()}. "
        )
    return text + (
        f"Margins were fixed beforehand: necessity {margins.necessity_margin}, replaceability "
        f"{margins.replaceable_margin}, sufficiency {margins.sufficiency_margin} of AUROC. Within-batch AUROC "
        "weighs batches with at least 5 cases and 5 controls by n1·n0/(n1+n0)."
    )
