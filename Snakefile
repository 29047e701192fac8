# The whole workflow on one page: every rule calls one command of cfdna-interp.
# Run it as `cfdna-interp run --config FILE`, or `snakemake --configfile FILE --cores N`.
import logging
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version

from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.cohort.read import read_cohort
from cfdna_interp.config import load_config
from cfdna_interp.errors import InputError
from cfdna_interp.workflow.common_directives import StageWorkflow
from cfdna_interp.artifacts.foreign_files import alignment_files, model_files, reference_files
from cfdna_interp.workflow.owner import hold_run
from cfdna_interp.workflow.provenance import mark_folder
from cfdna_interp.workflow.stages import stages

min_version("9.8")
# A log that a full disk doesn't take is no reason for a traceback: `run` says that the disk is full.
logging.raiseExceptions = False

CONFIG = Path((workflow.config_settings.configfiles or ["config/config.yaml"])[-1]).resolve()
try:
    SETTINGS = load_config(CONFIG)
    TABLE = SETTINGS.features.table
    # The samples of a table have no files of their own.
    SHEET = {} if TABLE else {row.sample: row for row in read_cohort(SETTINGS)}
except InputError as error:
    raise WorkflowError(str(error))
OUT = Layout.of(SETTINGS.outdir)
# Snakemake keeps in its working directory what each result was made from. That is the output folder, whoever calls
# Snakemake: a result that `cfdna-interp run` made is then known to `snakemake`, and the other way round.
if workflow.modifier.is_main_snakefile():

    workdir: SETTINGS.outdir


ROLES = ("discovery", "heldout")
CHUNKS = range(SETTINGS.attribution.chunks)
EMBED_CHUNKS = range(SETTINGS.model.embed_chunks)
PARTS = () if TABLE else SETTINGS.representation.parts

# Files that several rules name. They are named by their paths: where another workflow changes a rule of this one by
# `use rule ... with:`, Snakemake can't follow an input like `rules.train.output.model`.
SHEETS = [OUT.samples(role) for role in ROLES]
MATRICES = [OUT.matrix(role) for role in ROLES]
# What the model under study is fitted on, embedded bags or the table's matrices themselves, and what is fitted.
FITTED_ON = {
    role: [OUT.matrix(role)] if TABLE else [OUT.embedded(role, chunk) for chunk in EMBED_CHUNKS]
    for role in ROLES
}
MODEL = OUT.file("model.json" if TABLE else "heads.safetensors")

# A rule says its inputs, its outputs and its command. `workflow` adds what all rules have in common: a log, a
# benchmark, the memory of a job (resources), and the version and settings that make it run anew when they change
# (params). The table is in cfdna_interp/workflow/stages.py. A directive that a rule itself has goes first.
# A file from outside the run is `ancient`: its content decides (params), and not its time stamp. No file that a rule
# makes may be: Snakemake 9.27 looks at no params of a job that comes after one that runs, and `ancient` would then hide
# a change from it.
workflow = StageWorkflow(workflow, stages(SETTINGS, SHEET), OUT, CONFIG)


onstart:
    try:
        hold_run(OUT.root)
        mark_folder(OUT.root)
    except InputError as error:
        raise WorkflowError(str(error))


wildcard_constraints:
    sample="[A-Za-z0-9][A-Za-z0-9._-]*",
    role="discovery|heldout",
    chunk="[0-9]+",
    number="[0-9]+",


rule all:
    input:
        OUT.file("report.html"),
        OUT.file("manifest.json"),
    localrule: True


rule cohort:
    input:
        ancient(SETTINGS.source),
    output:
        SHEETS,
        source=OUT.file("source.json"),
    shell:
        "cfdna-interp cohort --config {params.config:q} 2> {log:q}"


# For alignments only: a table has its features already.
if not TABLE:

    rule extract:
        input:
            lambda wildcards: [ancient(path) for path in alignment_files(SHEET[wildcards.sample])],
            [ancient(path) for path in reference_files(SETTINGS)],
        output:
            fragments=OUT.fragments("{sample}"),
            profile=OUT.profile("{sample}"),
            features=OUT.features("{sample}"),
            qc=ensure(OUT.qc("{sample}"), non_empty=True),
        shell:
            "cfdna-interp extract --config {params.config:q} --sample {wildcards.sample:q}"
            " --threads {threads} 2> {log:q}"

    rule pretrain:
        input:
            [ancient(path) for path in model_files(SETTINGS)],
            exclusions=OUT.file("exclusions.tsv"),
            fragments=expand(OUT.fragments("{sample}"), sample=SHEET),
        output:
            record=OUT.file("encoder.json"),
        shell:
            "cfdna-interp pretrain --config {params.config:q} 2> {log:q}"

    rule embed:
        input:
            exclusions=OUT.file("exclusions.tsv"),
            encoder=OUT.file("encoder.json"),
            fragments=expand(OUT.fragments("{sample}"), sample=SHEET),
        output:
            ensure(OUT.embedded("{role}", "{chunk}"), non_empty=True),
        shell:
            "cfdna-interp embed --config {params.config:q} --role {wildcards.role}"
            " --chunk {wildcards.chunk} 2> {log:q}"


rule matrix:
    input:
        sheets=SHEETS,
        table=[ancient(SETTINGS.source)] if TABLE else [],
        features=expand(OUT.features("{sample}"), sample=SHEET),
        qc=expand(OUT.qc("{sample}"), sample=SHEET),
    output:
        matrices=MATRICES,
        exclusions=OUT.file("exclusions.tsv"),
        held=[OUT.file("table.json")] if TABLE else [],
    shell:
        "cfdna-interp matrix --config {params.config:q} 2> {log:q}"


rule train:
    input:
        features=FITTED_ON["discovery"] + FITTED_ON["heldout"],
    output:
        model=MODEL,
        predictions=OUT.file("predictions.discovery.parquet"),
        retraining=OUT.file("retraining.json"),
        scores=OUT.scores("model"),
    shell:
        "cfdna-interp train --config {params.config:q} 2> {log:q}"


rule refit:
    input:
        features=FITTED_ON["discovery"],
    output:
        shares=ensure(OUT.refits("{chunk}"), non_empty=True),
        heads=[] if TABLE else ensure(OUT.permuted_heads("{chunk}"), non_empty=True),
    shell:
        "cfdna-interp refit --config {params.config:q} --chunk {wildcards.chunk} 2> {log:q}"


if not TABLE:

    rule attribute:
        input:
            heads=MODEL,
            embeddings=FITTED_ON["discovery"],
        output:
            values=ensure(OUT.attributed("{chunk}"), non_empty=True),
            maps=OUT.gradients("{chunk}"),
            notes=OUT.attribution_notes("{chunk}"),
        shell:
            "cfdna-interp attribute --config {params.config:q} --chunk {wildcards.chunk} 2> {log:q}"

    # What the embeddings hold. Only the report asks for it, and only for the parts that the settings name.
    rule probe:
        input:
            heads=MODEL,
            embeddings=FITTED_ON["discovery"],
        output:
            OUT.file("probes.json"),
        shell:
            "cfdna-interp probe --config {params.config:q} 2> {log:q}"

    rule dictionary:
        input:
            heads=MODEL,
            embeddings=FITTED_ON["discovery"],
        output:
            plain=OUT.dictionary("{number}").with_suffix(".plain.safetensors"),
            blocks=OUT.dictionary("{number}").with_suffix(".blocks.safetensors"),
            record=OUT.dictionary("{number}"),
        shell:
            "cfdna-interp dictionary --config {params.config:q} --number {wildcards.number} 2> {log:q}"

    rule funnel:
        input:
            heads=MODEL,
            permuted=expand(OUT.permuted_heads("{chunk}"), chunk=CHUNKS),
            dictionaries=expand(rules.dictionary.output, number=range(SETTINGS.representation.seeds)),
        output:
            record=OUT.file("funnel.json"),
            features=OUT.file("sparse_features.parquet"),
        shell:
            "cfdna-interp funnel --config {params.config:q} 2> {log:q}"

    rule geometry:
        input:
            heads=MODEL,
            embeddings=FITTED_ON["discovery"],
        output:
            record=OUT.file("geometry.json"),
            curve=OUT.file("length_curve.parquet"),
        shell:
            "cfdna-interp geometry --config {params.config:q} 2> {log:q}"


rule dominance:
    input:
        heads=MODEL,
        retraining=OUT.file("retraining.json"),
        refits=expand(OUT.refits("{chunk}"), chunk=CHUNKS),
        values=[] if TABLE else expand(rules.attribute.output, chunk=CHUNKS),
    output:
        OUT.file("coalitions.parquet"),
        OUT.file("shares.parquet"),
        OUT.file("feature_shares.parquet" if TABLE else "maps.parquet"),
        record=OUT.file("dominance.json"),
    shell:
        "cfdna-interp dominance --config {params.config:q} 2> {log:q}"


rule proxy:
    input:
        matrices=MATRICES,
        dominance=OUT.file("dominance.json"),
        scores=OUT.scores("model"),
        predictions=OUT.file("predictions.discovery.parquet"),
    output:
        proxy=OUT.file("proxy.json"),
        protocol=OUT.file("protocol.json"),
        scores=OUT.scores("proxy"),
    shell:
        "cfdna-interp proxy --config {params.config:q} 2> {log:q}"


# The only rule after `matrix` that reads sheet or table: it opens the held-out labels.
rule validate:
    input:
        labels=ancient(SETTINGS.source),
        source=OUT.file("source.json"),
        protocol=OUT.file("protocol.json"),
    output:
        record=OUT.file("validation.json"),
        scores=OUT.file("validation.scores.parquet"),
    shell:
        "cfdna-interp validate --config {params.config:q} 2> {log:q}"


rule audit:
    input:
        validation=OUT.file("validation.json"),
        scores=OUT.file("validation.scores.parquet"),
        matrices=MATRICES,
        proxy=OUT.file("proxy.json"),
    output:
        OUT.file("audit.json"),
    shell:
        "cfdna-interp audit --config {params.config:q} 2> {log:q}"


rule verdict:
    input:
        audit=OUT.file("audit.json"),
        scores=OUT.file("validation.scores.parquet"),
        matrices=MATRICES,
    output:
        verdict=OUT.file("verdict.json"),
        hypotheses=OUT.file("hypotheses.tsv"),
    shell:
        "cfdna-interp verdict --config {params.config:q} 2> {log:q}"


rule report:
    input:
        verdict=OUT.file("verdict.json"),
        held=[OUT.file("table.json")] if TABLE else [],
        probes=[OUT.file("probes.json")] if "probes" in PARTS else [],
        features=[OUT.file("funnel.json"), OUT.file("sparse_features.parquet")] if "features" in PARTS else [],
        geometry=[OUT.file("geometry.json"), OUT.file("length_curve.parquet")] if "geometry" in PARTS else [],
    output:
        html=report(OUT.file("report.html"), caption="resources/captions/report.rst", category="Report"),
        manifest=OUT.file("manifest.json"),
    shell:
        "cfdna-interp report --config {params.config:q} 2> {log:q}"
