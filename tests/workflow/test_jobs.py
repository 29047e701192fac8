"""Every job of the demo and of the table route, and what makes each run anew; nothing is run."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any, NamedTuple

import yaml
from planned_jobs import PlannedJob, planned_jobs

from cfdna_interp.config.resources import shipped

SNAKEFILE = shipped("Snakefile")
ROLES = ("discovery", "heldout")
MATRICES = ["features.discovery.h5ad", "features.heldout.h5ad"]
SHEETS = ["cohort/discovery.tsv", "cohort/heldout.tsv"]


class Expected(NamedTuple):
    """The jobs of one rule.

    Paths are below the output folder unless they are absolute. They hold the wildcards of ``jobs``. ``name``
    is the job's name in logs and benchmarks. ``options`` are those of its command besides the config.
    """

    inputs: list[str]
    outputs: list[str]
    memory: int | None
    name: str = ""
    options: str = ""
    jobs: list[dict[str, str]] = [{}]  # noqa: RUF012


def each(template: str, names: Iterable[object]) -> list[str]:
    return [template.format(name) for name in names]


def jobs(wildcard: str, values: Iterable[object]) -> list[dict[str, str]]:
    return [{wildcard: str(value)} for value in values]


def write_cohort(folder: Path, *, subjects: int) -> None:
    """Write a sheet of empty alignments with as many subjects a role, and empty reference files."""
    rows = ["sample\tsubject\tbam\tlabel\trole\tplate"]
    for number in range(2 * subjects):
        name = f"S{number + 1:03d}"
        (folder / f"{name}.bam").touch()
        (folder / f"{name}.bam.bai").touch()
        rows.append(f"{name}\tP{number}\t{name}.bam\t{number % 2}\t{ROLES[number // subjects]}\tP1")
    (folder / "sheet.tsv").write_text("\n".join(rows) + "\n")
    for name in ("atlas.tsv", "build.tsv", "genome.fa", "regions.bed", "model.safetensors", "rendering.yaml"):
        (folder / name).touch()


def write_table(folder: Path) -> dict[str, Any]:
    """Write a table of 4 people, and return the settings of the shipped example for it."""
    lines = ["sample,label,cohort,cov_age,cov_sex,fsd_1,fsd_2,mutsig_SBS1"]
    lines += [
        f"T{i},{label},{role},50,F,{i},1,2"
        for i, (label, role) in enumerate(
            (label, role) for role in ("train", "validation") for label in ("case", "control")
        )
    ]
    (folder / "table.csv").write_text("\n".join(lines) + "\n")
    settings = yaml.safe_load(shipped("config", "table.yaml").read_text())
    settings["features"]["table"]["path"] = "table.csv"
    return settings | {"outdir": "results"}


def write_config(folder: Path, settings: dict[str, Any]) -> Path:
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(settings))
    return path


def hold(planned: list[PlannedJob], expected: dict[str, Expected], folder: Path) -> None:
    """Compare all jobs of a plan with what is expected of their rules."""
    results, config = folder / "results", folder / "config.yaml"
    rules = {job.rule for job in planned}
    assert rules == {*expected, "all"}
    for rule, wanted in expected.items():
        these = {tuple(sorted(job.wildcards.items())): job for job in planned if job.rule == rule}
        assert set(these) == {tuple(sorted(wildcards.items())) for wildcards in wanted.jobs}
        for wildcards in wanted.jobs:
            job = these[tuple(sorted(wildcards.items()))]
            name = f"{rule}/{wanted.name.format(**wildcards)}" if wanted.name else rule
            log = results / "logs" / f"{name}.log"
            options = wanted.options.format(**wildcards)
            inputs = [str(results / path.format(**wildcards)) for path in wanted.inputs]
            assert sorted(job.inputs) == sorted(inputs), name
            assert sorted(job.outputs) == sorted(
                str(results / path.format(**wildcards)) for path in wanted.outputs
            ), name
            assert (job.log, job.benchmark) == ([str(log)], str(results / "benchmarks" / f"{name}.tsv"))
            assert job.memory == wanted.memory, name
            assert job.command == f"cfdna-interp {rule} --config {config}{options} 2> {log}"
    (last,) = (job for job in planned if job.rule == "all")
    assert last.inputs == [str(results / "report.html"), str(results / "manifest.json")]
    assert (last.outputs, last.log, last.benchmark, last.command) == ([], [], None, None)


def test_the_185_jobs_of_the_demo(tmp_path: Path) -> None:
    # `make demo` simulates 80 subjects a role. Its config has 2 chunks. By default there are 5 dictionaries,
    # and one job embeds a role.
    write_cohort(tmp_path, subjects=80)
    settings = yaml.safe_load(shipped("config", "demo.yaml").read_text())
    settings |= {"sheet": "sheet.tsv", "outdir": "results", "atlas": "atlas.tsv"}
    config = write_config(tmp_path, settings | {"reference": {"build": "build.tsv"}})
    (planned,) = planned_jobs(config, SNAKEFILE)

    samples = [f"S{number:03d}" for number in range(1, 161)]
    fragments, chunks = each("fragments/{}.parquet", samples), jobs("chunk", range(2))
    embedded = ["embeddings/discovery.0.json", "embeddings/heldout.0.json"]
    heads = "heads.safetensors"
    # 160 samples x 5 donors x 1,024 fragments x 32 dimensions x 4 versions x 4 bytes are 419 MB, held twice.
    bags = 2_500 + 2 * 419
    sheet, atlas, build = (str(tmp_path / name) for name in ("sheet.tsv", "atlas.tsv", "build.tsv"))
    expected = {
        "cohort": Expected([sheet], [*SHEETS, "source.json"], 500),
        "extract": Expected(
            [str(tmp_path / "{sample}.bam"), str(tmp_path / "{sample}.bam.bai"), atlas, build],
            [
                "fragments/{sample}.parquet",
                "profiles/{sample}.parquet",
                "features/{sample}.parquet",
                "qc/{sample}.json",
            ],
            1_500,
            "{sample}",
            " --sample {sample} --threads 1",
            jobs("sample", samples),
        ),
        "matrix": Expected(
            [*SHEETS, *each("features/{}.parquet", samples), *each("qc/{}.json", samples)],
            [*MATRICES, "exclusions.tsv"],
            4_000,
        ),
        "pretrain": Expected(["exclusions.tsv", *fragments], ["encoder.json"], 4_000),
        "embed": Expected(
            ["exclusions.tsv", "encoder.json", *fragments],
            ["embeddings/{role}.{chunk}.json"],
            6_000,
            "{role}.{chunk}",
            " --role {role} --chunk {chunk}",
            [{"role": role, "chunk": "0"} for role in ROLES],
        ),
        "train": Expected(
            embedded,
            [heads, "predictions.discovery.parquet", "retraining.json", "scores.model.parquet"],
            bags,
        ),
        "refit": Expected(
            embedded[:1],
            ["refits/{chunk}.parquet", "refits/{chunk}.heads.safetensors"],
            bags,
            "{chunk}",
            " --chunk {chunk}",
            chunks,
        ),
        "attribute": Expected(
            [heads, *embedded[:1]],
            ["attributed/{chunk}.parquet", "attributed/{chunk}.maps.parquet", "attributed/{chunk}.json"],
            4_000,
            "{chunk}",
            " --chunk {chunk}",
            chunks,
        ),
        "dominance": Expected(
            [
                *(heads, "retraining.json", "refits/0.parquet", "refits/1.parquet"),
                *each("attributed/{}.parquet", range(2)),
                *each("attributed/{}.maps.parquet", range(2)),
                *each("attributed/{}.json", range(2)),
            ],
            ["coalitions.parquet", "shares.parquet", "maps.parquet", "dominance.json"],
            bags,
        ),
        "probe": Expected([heads, *embedded[:1]], ["probes.json"], 6_000),
        "dictionary": Expected(
            [heads, *embedded[:1]],
            [
                "dictionaries/{number}.json",
                "dictionaries/{number}.plain.safetensors",
                "dictionaries/{number}.blocks.safetensors",
            ],
            6_000,
            "{number}",
            " --number {number}",
            jobs("number", range(5)),
        ),
        "funnel": Expected(
            [
                *(heads, "refits/0.heads.safetensors", "refits/1.heads.safetensors"),
                *each("dictionaries/{}.json", range(5)),
                *each("dictionaries/{}.plain.safetensors", range(5)),
                *each("dictionaries/{}.blocks.safetensors", range(5)),
            ],
            ["funnel.json", "sparse_features.parquet"],
            8_000,
        ),
        "geometry": Expected([heads, *embedded[:1]], ["geometry.json", "length_curve.parquet"], 6_000),
        "report": Expected(
            [
                *("verdict.json", "probes.json", "funnel.json", "sparse_features.parquet"),
                *("geometry.json", "length_curve.parquet"),
            ],
            ["report.html", "manifest.json"],
            2_000,
        ),
        **behind_the_features(sheet),
    }
    hold(planned, expected, tmp_path)
    counts = Counter(job.rule for job in planned)
    several = {"extract": 160, "embed": 2, "refit": 2, "attribute": 2, "dictionary": 5}
    assert counts == dict.fromkeys(expected, 1) | several | {"all": 1}
    assert len(planned) == 160 + 2 + 2 + 2 + 5 + 14


def behind_the_features(source: str) -> dict[str, Expected]:
    """The rules that are the same for alignments and tables."""
    return {
        "proxy": Expected(
            [*MATRICES, "dominance.json", "scores.model.parquet", "predictions.discovery.parquet"],
            ["proxy.json", "protocol.json", "scores.proxy.parquet"],
            3_000,
        ),
        "validate": Expected(
            [source, "source.json", "protocol.json"], ["validation.json", "validation.scores.parquet"], 2_000
        ),
        "audit": Expected(
            ["validation.json", "validation.scores.parquet", *MATRICES, "proxy.json"], ["audit.json"], 2_000
        ),
        "verdict": Expected(
            ["audit.json", "validation.scores.parquet", *MATRICES], ["verdict.json", "hypotheses.tsv"], 1_000
        ),
    }


def test_the_12_jobs_of_a_table(tmp_path: Path) -> None:
    # One job for each of the ten stages and for `all`, and one more refit with two chunks.
    config = write_config(tmp_path, write_table(tmp_path) | {"attribution": {"chunks": 2}})
    (planned,) = planned_jobs(config, SNAKEFILE)
    table, model = str(tmp_path / "table.csv"), "model.json"
    expected = {
        "cohort": Expected([table], [*SHEETS, "source.json"], 2_000),
        "matrix": Expected([table, *SHEETS], [*MATRICES, "exclusions.tsv", "table.json"], 4_000),
        "train": Expected(
            MATRICES,
            [model, "predictions.discovery.parquet", "retraining.json", "scores.model.parquet"],
            8_000,
        ),
        "refit": Expected(
            MATRICES[:1],
            ["refits/{chunk}.parquet"],
            6_000,
            "{chunk}",
            " --chunk {chunk}",
            jobs("chunk", range(2)),
        ),
        "dominance": Expected(
            [model, "retraining.json", "refits/0.parquet", "refits/1.parquet"],
            ["coalitions.parquet", "shares.parquet", "feature_shares.parquet", "dominance.json"],
            6_000,
        ),
        "report": Expected(["verdict.json", "table.json"], ["report.html", "manifest.json"], 2_000),
        **behind_the_features(table),
    }
    hold(planned, expected, tmp_path)
    assert len(planned) == 12


def test_an_index_is_an_input_only_where_it_lies(tmp_path: Path) -> None:
    write_cohort(tmp_path, subjects=2)
    (tmp_path / "S001.bam.bai").rename(tmp_path / "S001.bam.crai")
    for name in ("S002.bam", "S003.bam.bai"):
        (tmp_path / name).unlink()
    (planned,) = planned_jobs(write_config(tmp_path, {"sheet": "sheet.tsv", "outdir": "results"}), SNAKEFILE)
    inputs = {
        job.wildcards["sample"]: {Path(path).name for path in job.inputs if "bam" in Path(path).name}
        for job in planned
        if job.rule == "extract"
    }
    assert inputs == {
        "S001": {"S001.bam", "S001.bam.crai"},
        "S002": {"S002.bam.bai"},
        "S003": {"S003.bam"},
        "S004": {"S004.bam", "S004.bam.bai"},
    }


# setting -> another value, and the rules that run anew for it by themselves; Snakemake adds those behind them
RERUNS: dict[str, tuple[Any, str]] = {
    "title": ("Another", "report"),
    "seed": (2, "extract pretrain train refit probe dictionary funnel geometry proxy"),
    "atlas": (None, "extract"),
    "on_bad_sample": ("exclude", "matrix pretrain embed"),
    "mediators": (["gc"], "proxy"),
    "priority": (["gc"], "proxy"),
    "corrected.how": ("blind", "proxy"),
    "corrected.by": ("ComBat", "proxy"),
    "corrected.over": ("discovery", "proxy"),
    "reference.build": ("build.tsv", "extract pretrain attribute"),
    "reference.fasta": (None, "extract pretrain attribute"),
    "extract.fragments_per_sample": (10_000, "extract"),
    "extract.common_fragments": (5_000, "extract"),
    "extract.min_fragments": (500, "extract"),
    "extract.min_mapq": (30, "extract"),
    "extract.mapq_of": ("first", "extract"),
    "extract.pairs": ("proper", "extract"),
    "extract.duplicates": ("keep", "extract"),
    "extract.min_length": (50, "extract"),
    "extract.max_length": (800, "extract"),
    "extract.contigs": ("all", "extract"),
    "extract.blacklist": ("regions.bed", "extract"),
    "extract.motifs": ("reference", "extract"),
    "extract.methylation": ("xm", "extract"),
    "extract.library": ("pbat", "extract"),
    "extract.mm_threshold": (0.9, "extract"),
    "extract.discordant": ("quality", "extract"),
    "extract.known_sites": ("regions.bed", "extract"),
    "extract.opposite_strand": (False, "extract"),
    "extract.ignore_5p": (2, "extract"),
    "extract.ignore_3p": (2, "extract"),
    "extract.technical_columns": (["plate"], "cohort extract"),
    "features.window": (1_000_000, "extract"),
    "features.uxm_min_cpgs": (4, "extract"),
    "features.min_markers": (20, "extract"),
    "features.tissue_method": ("em", "extract"),
    "features.annotation": ("regions.bed", "extract"),
    "model.encoder": ("causal", "pretrain embed"),
    "model.checkpoint": ("model.safetensors", "pretrain embed"),
    "model.factory": ("planned_jobs:model", "pretrain embed"),
    "model.digest": ("0" * 64, "pretrain embed"),
    "model.rendering": ("rendering.yaml", "pretrain embed"),
    "model.pooling": ("last", "pretrain embed"),
    "model.device": ("cpu", "pretrain embed"),
    "model.precision": ("float32", "pretrain embed"),
    "model.token_budget": (2_048, "embed"),
    # A role in two jobs: embeddings of other names, for all that read them.
    "model.embed_chunks": (2, "embed train refit attribute probe dictionary geometry"),
    "model.dim": (16, "pretrain embed"),
    "model.bag_size": (512, "embed"),
    "model.pretrain_fragments": (100_000, "pretrain embed"),
    "model.pretrain_epochs": (3, "pretrain embed"),
    "model.folds": (4, "embed train refit"),
    "model.ensemble": (2, "embed train"),
    "attribution.interventions": (["swap"], "attribute"),
    "attribution.references": (["discovery"], "attribute"),
    "attribution.gradient_steps": (8, "attribute"),
    "attribution.donors": (6, "embed attribute"),
    "attribution.bootstrap": (100, "refit"),
    "attribution.permutations": (19, "refit"),
    # Fewer files for those that gather the chunks.
    "attribution.chunks": (3, "attribute refit dominance funnel"),
    "representation.parts": (["geometry"], "report"),
    "representation.fragments": (100_000, "probe dictionary funnel geometry"),
    "representation.features": (256, "dictionary"),
    "representation.active": (4, "dictionary"),
    "representation.block": (2, "dictionary"),
    "representation.seeds": (6, "dictionary funnel"),
    "representation.resamples": (500, "probe funnel"),
    "proxy.penalty": ("l1", "proxy"),
    "proxy.basis": ("splines", "proxy"),
    "proxy.spline_functions": (8, "proxy"),
    "proxy.components": (2, "proxy"),
    "proxy.centred": (False, "proxy"),
    "validation.permutations": (999, "dominance proxy"),
    "validation.bootstrap": (200, "dominance proxy"),
    "validation.necessity_margin": (0.03, "dominance proxy"),
    "validation.replaceable_margin": (0.06, "dominance proxy"),
    "validation.sufficiency_margin": (0.06, "dominance proxy"),
    "validation.fall_margin": (0.04, "dominance proxy"),
    "validation.signal_ceiling": (0.7, "dominance proxy"),
}  # fmt: skip


def reruns(planned: list[PlannedJob]) -> set[str]:
    return {job.rule for job in planned if job.triggers}


def leaves(settings: dict[str, Any], start: str = "") -> set[str]:
    names: set[str] = set()
    for key, value in settings.items():
        names |= leaves(value, f"{start}{key}.") if isinstance(value, dict) else {start + key}
    return names


def test_every_setting_has_its_reruns_stated() -> None:
    # The shipped config has all settings. Another sheet or output folder is another run. A table has its own
    # test.
    shown = leaves(yaml.safe_load(shipped("config", "config.yaml").read_text()))
    assert set(RERUNS) == shown - {"sheet", "outdir", "features.table"}


def test_a_changed_setting_runs_what_depends_on_it_anew(tmp_path: Path) -> None:
    write_cohort(tmp_path, subjects=2)
    # Some settings are allowed only beside an atlas, a genome, or a kind of correction.
    settings = {"sheet": "sheet.tsv", "outdir": "results", "atlas": "atlas.tsv"}
    settings |= {"reference": {"fasta": "genome.fa"}, "corrected": {"how": "none"}}
    config = write_config(tmp_path, settings)
    changes = [{}, *({name: value} for name, (value, _) in RERUNS.items())]
    unchanged, *plans = planned_jobs(config, SNAKEFILE, changes, finished=True)
    assert reruns(unchanged) == set()
    seen = {name: reruns(planned) for name, planned in zip(RERUNS, plans, strict=True)}
    assert seen == {name: set(rules.split()) for name, (_, rules) in RERUNS.items()}


def test_another_version_runs_every_stage_anew(tmp_path: Path) -> None:
    write_cohort(tmp_path, subjects=2)
    config = write_config(tmp_path, {"sheet": "sheet.tsv", "outdir": "results"})
    (planned,) = planned_jobs(config, SNAKEFILE, finished=True)
    assert reruns(planned) == set()
    (later,) = planned_jobs(config, SNAKEFILE, version="99.0")
    assert {job.rule for job in later if job.triggers == ["params"]} == {job.rule for job in later} - {"all"}


def test_a_changed_setting_runs_a_tables_stages_anew(tmp_path: Path) -> None:
    config = write_config(tmp_path, write_table(tmp_path))
    expected: dict[str, tuple[Any, str]] = {
        "title": ("Another", "report"),
        "seed": (2, "train refit proxy"),
        "features.table.simulated": (True, "cohort matrix"),
        "features.table.covariates": (["fsd_2"], "cohort matrix"),
        "model.folds": (4, "train refit"),
        "attribution.chunks": (3, "refit dominance"),
        # What only alignments have.
        "model.dim": (16, ""),
        "representation.parts": (["geometry"], ""),
    }
    changes = [{name: value} for name, (value, _) in expected.items()]
    plans = planned_jobs(config, SNAKEFILE, changes, finished=True)
    seen = {name: reruns(planned) for name, planned in zip(expected, plans, strict=True)}
    assert seen == {name: set(rules.split()) for name, (_, rules) in expected.items()}


def test_a_workflow_of_ones_own_takes_every_rule_and_changes_some(tmp_path: Path) -> None:
    write_cohort(tmp_path, subjects=2)
    config = write_config(tmp_path, {"sheet": "sheet.tsv", "outdir": "results"})
    (as_shipped,) = planned_jobs(config, SNAKEFILE)
    stages = sorted({job.rule for job in as_shipped} - {"all"})
    snakefile = tmp_path / "Snakefile"
    lines = [f"module cfdna:\n    snakefile: {str(SNAKEFILE)!r}", "use rule * from cfdna as cfdna_*"]
    # Of each rule another thing is changed.
    for number, stage in enumerate(stages):
        change = ("resources:\n        mem_mb=64_000", "params:\n        settings='of my own'")[number % 2]
        lines.append(f"use rule {stage} from cfdna as cfdna_{stage} with:\n    {change}")
    lines.append("rule report:\n    input:\n        rules.cfdna_all.input\n    output:\n        'mine.txt'")
    lines.append("    default_target: True\n    shell:\n        'touch {output}'")
    snakefile.write_text("\n".join(lines) + "\n")
    (planned,) = planned_jobs(config, snakefile)

    def by_output(jobs: list[PlannedJob]) -> dict[str, PlannedJob]:
        return {job.outputs[0]: job._replace(inputs=sorted(job.inputs)) for job in jobs if job.outputs}

    before, after = by_output(as_shipped), by_output(planned)
    mine = after.pop("mine.txt")
    changed = {stage: 64_000 for stage in stages[::2]}
    assert after == {
        path: job._replace(rule=f"cfdna_{job.rule}", memory=changed.get(job.rule, job.memory))
        for path, job in before.items()
    }
    # A rule from outside is its own, also where it has the name of a stage.
    assert (mine.log, mine.benchmark, mine.memory, mine.command) == ([], None, None, "touch mine.txt")


def test_a_directive_of_a_rule_itself_goes_first(tmp_path: Path) -> None:
    write_cohort(tmp_path, subjects=2)
    config = write_config(tmp_path, {"sheet": "sheet.tsv", "outdir": "results"})
    snakefile, rule = tmp_path / "Snakefile", "rule audit:\n"
    text = SNAKEFILE.read_text()
    assert text.count(rule) == 1
    snakefile.write_text(text.replace(rule, rule + "    log:\n        'mine.log'\n"))
    (planned,) = planned_jobs(config, snakefile)
    (audit,) = (job for job in planned if job.rule == "audit")
    assert (audit.log, audit.memory) == (["mine.log"], 2_000)
    assert audit.benchmark == str(tmp_path / "results/benchmarks/audit.tsv")


def test_a_config_by_another_name_runs_nothing_anew(tmp_path: Path) -> None:
    write_cohort(tmp_path, subjects=2)
    config = write_config(tmp_path, {"sheet": "sheet.tsv", "outdir": "results"})
    planned_jobs(config, SNAKEFILE, finished=True)
    (planned,) = planned_jobs(config.rename(tmp_path / "renamed.yaml"), SNAKEFILE)
    assert reruns(planned) == set()
