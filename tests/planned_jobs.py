"""The jobs that Snakemake plans for a config, read through its Python interface; nothing is run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import yaml


class PlannedJob(NamedTuple):
    """A job of a dry run.

    ``triggers`` says what of the job itself differs from its last run, whatever runs before it: "outputs"
    that are missing, other "inputs", "params" or "code". ``runs`` says whether it would run, for any reason.
    """

    rule: str
    wildcards: dict[str, str]
    inputs: list[str]
    outputs: list[str]
    log: list[str]
    benchmark: str | None
    memory: int | None
    command: str | None
    triggers: list[str]
    runs: bool


def planned_jobs(
    config: Path,
    snakefile: Path,
    changes: Sequence[dict[str, Any]] = ({},),
    *,
    finished: bool = False,
    version: str | None = None,
    only: Sequence[str] = (),
    edits: Sequence[tuple[str, str, str]] = (),
) -> list[list[PlannedJob]]:
    """Return the jobs of one dry run for each change of the settings, or for each edit of a file.

    Parameters
    ----------
    config
        Settings, as a YAML file.
    snakefile
        The Snakefile.
    changes
        Values by dotted names of settings, e.g. ``{"model.dim": 16}``. Each changes ``config`` by itself.
    finished
        Whether the outputs of all jobs lie there already, made under the settings of ``config``.
    version
        The version that the package says it has in the dry runs.
    only
        With ``finished``, the rules whose jobs have been run; all where none is named.
    edits
        A file's name beside the config, an old text and a new one. Each is an edit by itself, and gives the
        file a time stamp of years ago, as ``cp -p``, ``rsync -a`` and ``unzip`` do.
    """
    request = {
        "config": str(config), "snakefile": str(snakefile), "changes": list(changes),
        "finished": finished, "version": version, "only": list(only),
        "edits": list(edits),
    }  # fmt: skip
    # In a process of its own: Snakemake takes over the logging and the working directory of the one it is in.
    done = subprocess.run(
        [sys.executable, __file__], input=json.dumps(request), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3_000:]
    return [[PlannedJob(**job) for job in jobs] for jobs in json.loads(done.stdout)]


def _plans(request: dict[str, Any]) -> Iterator[list[dict[str, Any]]]:
    import cfdna_interp

    config, snakefile = Path(request["config"]), Path(request["snakefile"])
    text = config.read_text()
    if request["finished"]:
        for job in _jobs(config, snakefile):
            if request["only"] and job["rule"] not in request["only"]:
                continue
            for path in job["outputs"]:
                Path(path).parent.mkdir(parents=True, exist_ok=True)
                Path(path).write_text("as if a job had written it")
        _jobs(config, snakefile, "touch", request["only"])
    if request["version"]:
        cfdna_interp.__version__ = request["version"]
    for name, old, new in request["edits"]:
        file = config.parent / name
        before, state = file.read_text(), file.stat()
        assert old in before
        file.write_text(before.replace(old, new))
        os.utime(file, ns=(10**18, 10**18))
        yield _jobs(config, snakefile)
        file.write_text(before)
        os.utime(file, ns=(state.st_atime_ns, state.st_mtime_ns))
    for change in () if request["edits"] else request["changes"]:
        settings = yaml.safe_load(text)
        for name, value in change.items():
            *path, key = name.split(".")
            place = settings
            for part in path:
                place = place.setdefault(part, {})
            place[key] = value
        config.write_text(yaml.safe_dump(settings))
        yield _jobs(config, snakefile)
    config.write_text(text)


def _jobs(
    config: Path, snakefile: Path, executor: str = "dryrun", only: Sequence[str] = ()
) -> list[dict[str, Any]]:
    from snakemake.api import SnakemakeApi
    from snakemake.settings.types import (
        ConfigSettings,
        DAGSettings,
        OutputSettings,
        Quietness,
        ResourceSettings,
    )

    from cfdna_interp.artifacts.identity import identity

    identity.cache_clear()  # a file may have been edited since
    with SnakemakeApi(OutputSettings(quiet={Quietness.ALL}, dryrun=executor == "dryrun")) as api:
        plan = api.workflow(
            resource_settings=ResourceSettings(cores=1),
            config_settings=ConfigSettings(configfiles=[config]),
            snakefile=snakefile,
            workdir=config.parent,
        )
        # Touched, a job counts as run: Snakemake records the parameters and inputs that it had.
        plan.dag(DAGSettings(forceall=executor == "touch", targets=set(only))).execute_workflow(
            pseudo_executor=executor
        )
        return [
            {
                "rule": job.rule.name,
                "wildcards": dict(job.wildcards.items()),
                "inputs": [str(path) for path in job.input],
                "outputs": [str(path) for path in job.output],
                "log": [str(path) for path in job.log],
                "benchmark": job.benchmark and str(job.benchmark),
                "memory": job.resources.get("mem_mb"),
                "command": job.shellcmd,
                "triggers": _triggers(job, plan._workflow.persistence),
                "runs": plan._workflow.dag.needrun(job),
            }
            for job in plan._workflow.dag.jobs  # the interface has no public way to the jobs
        ]


def _triggers(job: Any, record: Any) -> list[str]:
    changes = {
        "outputs": not all(Path(path).is_file() for path in job.output),
        "inputs": any(record.input_changed(job)),
        "params": record.params_changed(job),
        "code": any(record.code_changed(job)),
    }
    return [name for name, change in changes.items() if change]


if __name__ == "__main__":
    answer = json.dumps(list(_plans(json.load(sys.stdin))))
    print(answer)
