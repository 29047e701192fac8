# The whole workflow on one page: every rule calls one command of cfdna-interp.
# Run it as `cfdna-interp run --config FILE`, or `snakemake --configfile FILE --cores N`.
from pathlib import Path

from snakemake.exceptions import WorkflowError
from snakemake.utils import min_version

from cfdna_interp import __version__
from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.cohort.read import read_cohort
from cfdna_interp.config import load_config
from cfdna_interp.config.factory import factory_files
from cfdna_interp.errors import InputError

min_version("9.8")

CONFIG = Path(
    (workflow.config_settings.configfiles or ["config/config.yaml"])[-1]
).resolve()
try:
    SETTINGS = load_config(CONFIG)
    TABLE = SETTINGS.features.table
    # Of a table no sample has files of its own.
    SHEET = {} if TABLE else {row.sample: row for row in read_cohort(SETTINGS)}
except InputError as error:
    raise WorkflowError(str(error))
OUT = Layout.of(SETTINGS.outdir)
ROLES = ("discovery", "heldout")
CHUNKS = range(SETTINGS.attribution.chunks)
EMBED_CHUNKS = range(SETTINGS.model.embed_chunks)
# Training and what follows hold all embedded bags: a float for each version, donor, fragment and direction.
EMBEDDED_MB = (
    len(SHEET)
    * 16
    * SETTINGS.attribution.donors
    * SETTINGS.model.bag_size
    * SETTINGS.model.dim
    // 10**6
)
PARTS = () if TABLE else SETTINGS.representation.parts
# What the model under study is fitted on: embedded bags, or the table's matrices themselves.
FITTED_ON = {
    role: (
        [OUT.matrix(role)]
        if TABLE
        else expand(OUT.embedded(role, "{chunk}"), chunk=EMBED_CHUNKS)
    )
    for role in ROLES
}


# Alignments that lie on this machine and their indices; what is missing is the extract command's to report.
def alignments(wildcards):
    bam = SHEET[wildcards.sample].bam
    return [path for path in (bam, f"{bam}.bai", f"{bam}.crai") if Path(path).is_file()]


# Files of a model that comes from elsewhere, and of the code that builds it: when one changes, what was made
# with it is made anew.
CHECKPOINT = [
    str(path)
    for place in (SETTINGS.model.checkpoint, SETTINGS.model.rendering)
    if place is not None
    for path in (
        [Path(place)] if Path(place).is_file() else sorted(Path(place).glob("*"))
    )
    if path.is_file()
] + [str(path) for path in factory_files(SETTINGS.model.factory)]

# What every extraction reads besides: when one of these files changes, all samples are read anew.
REFERENCES = [
    path
    for path in (
        SETTINGS.atlas,
        SETTINGS.extract.blacklist,
        SETTINGS.extract.known_sites,
        SETTINGS.features.annotation,
        SETTINGS.reference.build,
        SETTINGS.reference.fasta,
    )
    if path is not None and Path(path).is_file()
]


wildcard_constraints:
    sample="[A-Za-z0-9][A-Za-z0-9._-]*",
    role="discovery|heldout",
    chunk="[0-9]+",
    number="[0-9]+",


localrules:
    all,


rule all:
    input:
        OUT.file("report.html"),
        OUT.file("manifest.json"),


rule cohort:
    input:
        config=ancient(CONFIG),
        source=SETTINGS.source,
    output:
        expand(OUT.samples("{role}"), role=ROLES),
    log:
        OUT.root / "logs/cohort.log",
    benchmark:
        OUT.root / "benchmarks/cohort.tsv"
    threads: 1
    resources:
        mem_mb=2000 if TABLE else 500,  # a table is read whole
    params:
        version=__version__,
        settings=(SETTINGS.extract.technical_columns, TABLE),
    shell:
        "cfdna-interp cohort --config {input.config:q} 2> {log:q}"


# Rules of alignments only; a table has its features already.
if not TABLE:

    rule extract:
        input:
            alignments,
            REFERENCES,
            config=ancient(CONFIG),
            sheets=rules.cohort.output,
        output:
            fragments=OUT.fragments("{sample}"),
            profile=OUT.profile("{sample}"),
            features=OUT.features("{sample}"),
            qc=ensure(OUT.qc("{sample}"), non_empty=True),
        log:
            OUT.root / "logs/extract/{sample}.log",
        benchmark:
            OUT.root / "benchmarks/extract/{sample}.tsv"
        threads: 1
        resources:
            mem_mb=1500,
        params:
            version=__version__,
            settings=(
                SETTINGS.seed,
                SETTINGS.extract,
                SETTINGS.features,
                SETTINGS.reference,
                SETTINGS.atlas,
            ),
        shell:
            "cfdna-interp extract --config {input.config:q} --sample {wildcards.sample:q}"
            " --threads {threads} 2> {log:q}"


rule matrix:
    input:
        config=ancient(CONFIG),
        sheets=rules.cohort.output,
        table=[SETTINGS.source] if TABLE else [],
        features=expand(OUT.features("{sample}"), sample=SHEET),
        qc=expand(OUT.qc("{sample}"), sample=SHEET),
    output:
        matrices=expand(OUT.matrix("{role}"), role=ROLES),
        exclusions=OUT.file("exclusions.tsv"),
        held=[OUT.file("table.json")] if TABLE else [],
    log:
        OUT.root / "logs/matrix.log",
    benchmark:
        OUT.root / "benchmarks/matrix.tsv"
    threads: 1
    resources:
        mem_mb=4000,
    params:
        version=__version__,
        settings=(SETTINGS.on_bad_sample, TABLE),
    shell:
        "cfdna-interp matrix --config {input.config:q} 2> {log:q}"


if not TABLE:

    rule pretrain:
        input:
            CHECKPOINT,
            config=ancient(CONFIG),
            exclusions=rules.matrix.output.exclusions,
            fragments=expand(OUT.fragments("{sample}"), sample=SHEET),
        output:
            record=OUT.file("encoder.json"),
        log:
            OUT.root / "logs/pretrain.log",
        benchmark:
            OUT.root / "benchmarks/pretrain.tsv"
        threads: 1
        resources:
            mem_mb=4000,
        params:
            version=__version__,
            settings=(
                SETTINGS.seed,
                SETTINGS.reference,
                SETTINGS.model.encoder,
                SETTINGS.model.factory,
                SETTINGS.model.digest,
                SETTINGS.model.pooling,
                SETTINGS.model.device,
                SETTINGS.model.precision,
                SETTINGS.model.dim,
                SETTINGS.model.pretrain_fragments,
                SETTINGS.model.pretrain_epochs,
            ),
        shell:
            "cfdna-interp pretrain --config {input.config:q} 2> {log:q}"

    rule embed:
        input:
            config=ancient(CONFIG),
            exclusions=rules.matrix.output.exclusions,
            encoder=rules.pretrain.output.record,
            fragments=expand(OUT.fragments("{sample}"), sample=SHEET),
        output:
            ensure(OUT.embedded("{role}", "{chunk}"), non_empty=True),
        log:
            OUT.root / "logs/embed/{role}.{chunk}.log",
        benchmark:
            OUT.root / "benchmarks/embed/{role}.{chunk}.tsv"
        threads: 1
        resources:
            mem_mb=6000,
        params:
            version=__version__,
            settings=(SETTINGS.attribution.donors, SETTINGS.model),
        shell:
            "cfdna-interp embed --config {input.config:q} --role {wildcards.role}"
            " --chunk {wildcards.chunk} 2> {log:q}"


rule train:
    input:
        config=ancient(CONFIG),
        features=FITTED_ON["discovery"] + FITTED_ON["heldout"],
    output:
        model=OUT.file("model.json" if TABLE else "heads.safetensors"),
        predictions=OUT.file("predictions.discovery.parquet"),
        retraining=OUT.file("retraining.json"),
        scores=OUT.scores("model"),
    log:
        OUT.root / "logs/train.log",
    benchmark:
        OUT.root / "benchmarks/train.tsv"
    threads: 1
    resources:
        mem_mb=8000 if TABLE else 2500 + 2 * EMBEDDED_MB,
    params:
        version=__version__,
        settings=(SETTINGS.seed, SETTINGS.model.folds, SETTINGS.model.ensemble),
    shell:
        "cfdna-interp train --config {input.config:q} 2> {log:q}"


rule refit:
    input:
        config=ancient(CONFIG),
        features=FITTED_ON["discovery"],
    output:
        shares=ensure(OUT.refits("{chunk}"), non_empty=True),
        heads=[] if TABLE else ensure(OUT.permuted_heads("{chunk}"), non_empty=True),
    log:
        OUT.root / "logs/refit/{chunk}.log",
    benchmark:
        OUT.root / "benchmarks/refit/{chunk}.tsv"
    threads: 1
    resources:
        mem_mb=6000 if TABLE else 2500 + 2 * EMBEDDED_MB,
    params:
        version=__version__,
        settings=(
            SETTINGS.seed,
            SETTINGS.model.folds,
            SETTINGS.attribution.bootstrap,
            SETTINGS.attribution.permutations,
            SETTINGS.attribution.chunks,
        ),
    shell:
        "cfdna-interp refit --config {input.config:q} --chunk {wildcards.chunk} 2> {log:q}"


if not TABLE:

    rule attribute:
        input:
            config=ancient(CONFIG),
            heads=rules.train.output.model,
            embeddings=FITTED_ON["discovery"],
        output:
            values=ensure(OUT.attributed("{chunk}"), non_empty=True),
            maps=OUT.gradients("{chunk}"),
            notes=OUT.attribution_notes("{chunk}"),
        log:
            OUT.root / "logs/attribute/{chunk}.log",
        benchmark:
            OUT.root / "benchmarks/attribute/{chunk}.tsv"
        threads: 1
        resources:
            mem_mb=4000,
        params:
            version=__version__,
            settings=(SETTINGS.attribution, SETTINGS.reference),
        shell:
            "cfdna-interp attribute --config {input.config:q} --chunk {wildcards.chunk} 2> {log:q}"


rule dominance:
    input:
        config=ancient(CONFIG),
        heads=rules.train.output.model,
        retraining=rules.train.output.retraining,
        refits=expand(OUT.refits("{chunk}"), chunk=CHUNKS),
        values=[] if TABLE else expand(rules.attribute.output, chunk=CHUNKS),
    output:
        OUT.file("coalitions.parquet"),
        OUT.file("shares.parquet"),
        OUT.file("feature_shares.parquet" if TABLE else "maps.parquet"),
        record=OUT.file("dominance.json"),
    log:
        OUT.root / "logs/dominance.log",
    benchmark:
        OUT.root / "benchmarks/dominance.tsv"
    threads: 1
    resources:
        mem_mb=6000 if TABLE else 2500 + 2 * EMBEDDED_MB,
    params:
        version=__version__,
        settings=SETTINGS.validation,
    shell:
        "cfdna-interp dominance --config {input.config:q} 2> {log:q}"


# What the embeddings hold. Nothing below asks for it but the report, and that only for the parts of the settings.
if not TABLE:

    rule probe:
        input:
            config=ancient(CONFIG),
            heads=rules.train.output.model,
            embeddings=FITTED_ON["discovery"],
        output:
            OUT.file("probes.json"),
        log:
            OUT.root / "logs/probe.log",
        benchmark:
            OUT.root / "benchmarks/probe.tsv"
        threads: 1
        resources:
            mem_mb=6000,
        params:
            version=__version__,
            settings=(
                SETTINGS.seed,
                SETTINGS.representation.fragments,
                SETTINGS.representation.resamples,
            ),
        shell:
            "cfdna-interp probe --config {input.config:q} 2> {log:q}"

    rule dictionary:
        input:
            config=ancient(CONFIG),
            heads=rules.train.output.model,
            embeddings=FITTED_ON["discovery"],
        output:
            plain=OUT.dictionary("{number}").with_name("{number}.plain.safetensors"),
            blocks=OUT.dictionary("{number}").with_name("{number}.blocks.safetensors"),
            record=OUT.dictionary("{number}"),
        log:
            OUT.root / "logs/dictionary/{number}.log",
        benchmark:
            OUT.root / "benchmarks/dictionary/{number}.tsv"
        threads: 1
        resources:
            mem_mb=6000,
        params:
            version=__version__,
            settings=(
                SETTINGS.seed,
                SETTINGS.representation.fragments,
                SETTINGS.representation.features,
                SETTINGS.representation.active,
                SETTINGS.representation.block,
            ),
        shell:
            "cfdna-interp dictionary --config {input.config:q} --number {wildcards.number}"
            " 2> {log:q}"

    rule funnel:
        input:
            config=ancient(CONFIG),
            heads=rules.train.output.model,
            permuted=expand(OUT.permuted_heads("{chunk}"), chunk=CHUNKS),
            dictionaries=expand(
                rules.dictionary.output, number=range(SETTINGS.representation.seeds)
            ),
        output:
            record=OUT.file("funnel.json"),
            features=OUT.file("sparse_features.parquet"),
        log:
            OUT.root / "logs/funnel.log",
        benchmark:
            OUT.root / "benchmarks/funnel.tsv"
        threads: 1
        resources:
            mem_mb=8000,
        params:
            version=__version__,
            settings=(
                SETTINGS.seed,
                SETTINGS.representation.fragments,
                SETTINGS.representation.resamples,
            ),
        shell:
            "cfdna-interp funnel --config {input.config:q} 2> {log:q}"

    rule geometry:
        input:
            config=ancient(CONFIG),
            heads=rules.train.output.model,
            embeddings=FITTED_ON["discovery"],
        output:
            record=OUT.file("geometry.json"),
            curve=OUT.file("length_curve.parquet"),
        log:
            OUT.root / "logs/geometry.log",
        benchmark:
            OUT.root / "benchmarks/geometry.tsv"
        threads: 1
        resources:
            mem_mb=6000,
        params:
            version=__version__,
            settings=(SETTINGS.seed, SETTINGS.representation.fragments),
        shell:
            "cfdna-interp geometry --config {input.config:q} 2> {log:q}"

    LOOKED = {
        "probes": rules.probe.output,
        "features": rules.funnel.output,
        "geometry": rules.geometry.output,
    }


rule proxy:
    input:
        config=ancient(CONFIG),
        matrices=rules.matrix.output.matrices,
        dominance=rules.dominance.output.record,
        scores=rules.train.output.scores,
        predictions=rules.train.output.predictions,
    output:
        proxy=OUT.file("proxy.json"),
        protocol=OUT.file("protocol.json"),
        scores=OUT.scores("proxy"),
    log:
        OUT.root / "logs/proxy.log",
    benchmark:
        OUT.root / "benchmarks/proxy.tsv"
    threads: 1
    resources:
        mem_mb=3000,
    params:
        version=__version__,
        settings=(
            SETTINGS.seed,
            SETTINGS.proxy,
            SETTINGS.validation,
            SETTINGS.corrected,
        ),
    shell:
        "cfdna-interp proxy --config {input.config:q} 2> {log:q}"


# The only rule after `matrix` that reads sheet or table: it opens the held-out labels.
rule validate:
    input:
        config=ancient(CONFIG),
        source=SETTINGS.source,
        protocol=rules.proxy.output.protocol,
    output:
        record=OUT.file("validation.json"),
        scores=OUT.file("validation.scores.parquet"),
    log:
        OUT.root / "logs/validate.log",
    benchmark:
        OUT.root / "benchmarks/validate.tsv"
    threads: 1
    resources:
        mem_mb=2000,
    params:
        version=__version__,
    shell:
        "cfdna-interp validate --config {input.config:q} 2> {log:q}"


rule audit:
    input:
        config=ancient(CONFIG),
        validation=rules.validate.output,
        matrices=rules.matrix.output.matrices,
        proxy=rules.proxy.output.proxy,
    output:
        OUT.file("audit.json"),
    log:
        OUT.root / "logs/audit.log",
    benchmark:
        OUT.root / "benchmarks/audit.tsv"
    threads: 1
    resources:
        mem_mb=2000,
    params:
        version=__version__,
    shell:
        "cfdna-interp audit --config {input.config:q} 2> {log:q}"


rule verdict:
    input:
        config=ancient(CONFIG),
        audit=rules.audit.output,
        scores=rules.validate.output.scores,
        matrices=rules.matrix.output.matrices,
    output:
        verdict=OUT.file("verdict.json"),
        hypotheses=OUT.file("hypotheses.tsv"),
    log:
        OUT.root / "logs/verdict.log",
    benchmark:
        OUT.root / "benchmarks/verdict.tsv"
    threads: 1
    resources:
        mem_mb=1000,
    params:
        version=__version__,
    shell:
        "cfdna-interp verdict --config {input.config:q} 2> {log:q}"


rule report:
    input:
        config=ancient(CONFIG),
        verdict=rules.verdict.output.verdict,
        held=rules.matrix.output.held,
        representation=[LOOKED[part] for part in PARTS],
    output:
        html=report(
            OUT.file("report.html"),
            caption="resources/captions/report.rst",
            category="Report",
        ),
        manifest=OUT.file("manifest.json"),
    log:
        OUT.root / "logs/report.log",
    benchmark:
        OUT.root / "benchmarks/report.tsv"
    threads: 1
    resources:
        mem_mb=2000,
    params:
        version=__version__,
        settings=(SETTINGS.title, PARTS),
    shell:
        "cfdna-interp report --config {input.config:q} 2> {log:q}"
