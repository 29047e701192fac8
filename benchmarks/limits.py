"""What each stage does where the machine refuses: a full disk, no rights, few open files, little memory.

    python benchmarks/limits.py --kind table        (as root: it mounts a small file system of its own)

A finished run is copied to a file system of a few MB. Each stage is run there once more under each limit. It
has to end with exit code 2 and one line, or to do its work where the limit is none for it. The results that
were there have to be as they were, without a file that is half written.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import yaml
from tiny_runs import command, environment, write_alignment_run, write_table_run

from cfdna_interp.artifacts.files import digest_file

TABLE = ("cohort", "matrix", "train", "refit", "dominance", "proxy", "validate", "audit", "verdict", "report")
ALIGNMENTS = (
    "cohort", "extract", "matrix", "pretrain", "embed", "train", "refit", "attribute", "probe", "dominance",
    "proxy", "validate", "audit", "verdict", "report",
)  # fmt: skip
OPTIONS = {
    "extract": ("--sample", "S001"),
    "embed": ("--role", "discovery", "--chunk", "0"),
    "refit": ("--chunk", "0"),
    "attribute": ("--chunk", "0"),
}
# Results that a stage leaves as they are where they are there.
KEPT = {"embed": ("embeddings",), "pretrain": ("encoder.safetensors", "encoder.json")}
NOBODY = 65534
# Without these, root has the rights of anybody over the files of another user.
NO_RIGHTS = "-dac_override,-dac_read_search,-fowner,-chown"
OWN = ("logs", "benchmarks", ".snakemake", ".lock", "cache")


def main() -> int:
    """Run each stage under each limit, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kind", choices=("table", "alignments"), required=True)
    parser.add_argument("--finished", type=Path, help="folder of a run made before")
    parser.add_argument("--only", nargs="*", help="limits")
    parser.add_argument("--stages", nargs="*")
    arguments = parser.parse_args()
    faults = 0
    with tempfile.TemporaryDirectory(prefix="limits-") as made:
        folder = arguments.finished or Path(made)
        write = write_table_run if arguments.kind == "table" else write_alignment_run
        config = write(folder)
        if not (folder / "results" / "report.html").is_file():
            subprocess.run(command("run", "--config", config), env=environment(), check=True)
        stages = arguments.stages or [*(TABLE if arguments.kind == "table" else ALIGNMENTS), "run"]
        print("| limit | stage | exit | lines | results | said |\n|---|---|---|---|---|---|")
        for name, limit in LIMITS.items():
            if arguments.only and name not in arguments.only:
                continue
            for stage in stages:
                row, fine = _try(stage, config, limit)
                faults += not fine
                print(f"| {name} | {stage} | {row} |{'' if fine else ' **fault**'}", flush=True)
    print(f"{faults} faults")
    return 1 if faults else 0


def _try(stage: str, config: Path, limit: Callable[[Path], object]) -> tuple[str, bool]:
    with _copy(config, stage) as (copy, results):
        before = _digests(results)
        with limit(results) as options:  # type: ignore[attr-defined]
            words = (stage, "--config", copy, *OPTIONS.get(stage, ()))
            before_command = options.pop("before", ())
            done = subprocess.run(
                [*before_command, *command(*words)],
                capture_output=True, text=True, check=False, env=environment(), cwd=copy.parent,
                stdin=subprocess.DEVNULL, timeout=600, **options,
            )  # fmt: skip
        after = _digests(results)
    lines = [line for line in done.stderr.splitlines() if line.startswith("cfdna-interp")]
    others = [line for line in done.stderr.splitlines() if line and line not in lines]
    whole = all(after.get(name) == digest for name, digest in before.items()) or done.returncode == 0
    clean = not any(".tmp-" in name for name in after)
    traced = any("Traceback" in line for line in others)
    one = len(lines) == 1 and not (stage != "run" and others) and not traced
    fine = whole and clean and ((done.returncode == 0 and not traced) or (done.returncode == 2 and one))
    said = (lines[-1] if lines else " ".join(others)[-300:]).replace(str(results.parent), "...")
    state = ("whole" if whole else "changed") + ("" if clean else ", half-written")
    count = f"{len(lines)}" + (f" + {len(others)}" if others and stage != "run" else "")
    return f"{done.returncode} | {count} | {state} | {said if done.returncode else ''}", fine


@contextmanager
def _copy(config: Path, stage: str) -> Iterator[tuple[Path, Path]]:
    """Yield a copy of a config, and of its results on a file system of their own."""
    with tempfile.TemporaryDirectory(prefix="limits-") as name:
        folder = Path(name)
        os.chmod(folder, 0o755)
        disk = folder / "disk"
        disk.mkdir()
        size = sum(path.stat().st_size for path in config.with_suffix("").rglob("*") if path.is_file())
        subprocess.run(
            ["mount", "-t", "tmpfs", "-o", f"size={2 * size + 2**22}", "limits", str(disk)], check=True
        )
        try:
            results = disk / "results"
            shutil.copytree(config.with_suffix(""), results, symlinks=True)
            for kept in KEPT.get(stage, ()):
                place = results / kept
                shutil.rmtree(place) if place.is_dir() else place.unlink()
            if stage == "run":  # from the first stage on
                shutil.rmtree(results)
                results.mkdir()
            settings = yaml.safe_load(config.read_text()) | {"outdir": str(results)}
            copy = folder / "config.yaml"
            copy.write_text(yaml.safe_dump(settings))
            yield copy, results
        finally:
            subprocess.run(["umount", str(disk)], check=True)


@contextmanager
def _full(results: Path, spare: int = 0) -> Iterator[dict[str, object]]:
    filler = results.parent / "filler"
    free = shutil.disk_usage(results).free
    with open(filler, "wb") as handle:
        os.posix_fallocate(handle.fileno(), 0, max(free - spare, 1))
    try:
        yield {}
    finally:
        filler.unlink()


@contextmanager
def _nearly_full(results: Path) -> Iterator[dict[str, object]]:
    with _full(results, 4096) as options:  # the mark of a job, and none of its results
        yield options


@contextmanager
def _filling(results: Path) -> Iterator[dict[str, object]]:
    with _full(results, 200 * 1024) as options:
        yield options


@contextmanager
def _read_only(results: Path) -> Iterator[dict[str, object]]:
    subprocess.run(["mount", "-o", "remount,ro", str(results.parent)], check=True)
    try:
        yield {}
    finally:
        subprocess.run(["mount", "-o", "remount,rw", str(results.parent)], check=True)


@contextmanager
def _unprivileged(results: Path) -> Iterator[dict[str, object]]:
    for path in (results, *results.rglob("*")):
        os.chown(path, NOBODY, NOBODY)
    yield {"before": ("setpriv", f"--bounding-set={NO_RIGHTS}", f"--inh-caps={NO_RIGHTS}")}


def _with(kind: int, value: int) -> Callable[[Path], object]:
    @contextmanager
    def limited(results: Path) -> Iterator[dict[str, object]]:
        yield {"preexec_fn": lambda: resource.setrlimit(kind, (value, value))}

    return limited


LIMITS: dict[str, Callable[[Path], object]] = {
    "full disk": _full,
    "4 KiB free": _nearly_full,
    "200 KiB free": _filling,
    "read-only": _read_only,
    "another user": _unprivileged,
    "32 open files": _with(resource.RLIMIT_NOFILE, 32),
    "8 open files": _with(resource.RLIMIT_NOFILE, 8),
    "files of 10 kB": _with(resource.RLIMIT_FSIZE, 10_000),
    "ulimit -v 2 GB": _with(resource.RLIMIT_AS, 2_000_000_000),
    "ulimit -v 600 MB": _with(resource.RLIMIT_AS, 600_000_000),
}


def _digests(results: Path) -> dict[str, str]:
    """Return the digests of all results; logs and the workflow's own records are none."""
    return {
        str(path.relative_to(results)): digest_file(path)
        for path in sorted(results.rglob("*"))
        if path.is_file()
        and path.relative_to(results).parts[0] not in OWN
        and not path.name.startswith(".job.")
    }


if __name__ == "__main__":
    raise SystemExit(main())
