"""Runs that are killed at random moments and started again end with the bytes of an undisturbed run.

    python benchmarks/kills.py --kind table --kills 50
    python benchmarks/kills.py --kind alignments --kills 50

A run is started and ended at a random moment, in turn by SIGKILL to its whole process group, by SIGTERM to
`cfdna-interp run` alone, and by SIGINT to it alone. The same command then goes on, and is killed again. The
moment lies between the start and half the time of an undisturbed run (`--within`). A run that ends before its
moment is compared with the undisturbed one, and the next one starts from nothing. After each kill the script
looks for processes that are still there. Every tenth time it tries to start a second run beside the first.
"""

from __future__ import annotations

import argparse
import fcntl
import os
import platform
import random
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import psutil
from tiny_runs import command, environment, write_alignment_run, write_table_run

from cfdna_interp.artifacts.files import digest_file

COMPARED = ("verdict.json", "proxy.json", "protocol.json", "validation.json", "audit.json", "manifest.json")
WAYS = ("SIGKILL to the group", "SIGTERM to `run`", "SIGINT to `run`")
SECOND_EVERY = 10
# A killed process is gone when the kernel has taken down its memory.
PATIENCE = 5.0  # seconds


def main() -> int:
    """Run, kill, run again, compare, print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--kind", choices=("table", "alignments"), required=True)
    parser.add_argument("--kills", type=int, default=50)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--within", type=float, default=0.5, help="share of an undisturbed run's time")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="kills-") as folder:
        chance = random.Random(arguments.seed)
        counts = study(Path(folder), arguments.kind, arguments.kills, chance, arguments.within)
    print(f"{arguments.kind}, {platform.processor() or platform.machine()}, {os.cpu_count()} cores")
    print("\n| what | how often |\n|---|---|")
    for what, count in counts.items():
        print(f"| {what} | {count} |")
    return 1 if any(counts[fault] for fault in FAULTS) else 0


FAULTS = (
    "completed runs with other bytes",
    "runs that did not go on",
    "kills that left a process",
    "second runs that were let in",
    "completed runs that kept hidden files of killed writers",
)


def study(folder: Path, kind: str, kills: int, chance: random.Random, within: float) -> Counter[str]:
    """Return how often what happened."""
    write = write_table_run if kind == "table" else write_alignment_run
    config = write(folder, "undisturbed")
    began = time.monotonic()
    _finish(config)
    lasts = time.monotonic() - began
    wanted = _digests(folder / "undisturbed")
    counts: Counter[str] = Counter({f"kills by {way}": 0 for way in WAYS})
    counts.update({"completed runs compared": 0, **dict.fromkeys(FAULTS, 0)})
    config = write(folder, "disturbed")
    results = folder / "disturbed"
    done = 0
    while done < kills:
        process = _start(config)
        moment = chance.uniform(0, lasts * within)
        if done % SECOND_EVERY == SECOND_EVERY - 1:
            counts["second runs that were let in"] += _second_is_let_in(config, process)
        try:
            code = process.wait(timeout=moment)
        except subprocess.TimeoutExpired:
            counts[f"kills in {_stage(results)}"] += 1
            _kill(process, done % len(WAYS))
            counts[f"kills by {WAYS[done % len(WAYS)]}"] += 1
            done += 1
            counts["kills that left a process"] += _left_behind(results)
            print(f"{done}: {WAYS[(done - 1) % len(WAYS)]} after {moment:.0f} s", file=sys.stderr, flush=True)
            continue
        _compare(code, results, wanted, counts)
        shutil.rmtree(results)
    _compare(_start(config).wait(), results, wanted, counts)
    return counts


def _compare(code: int, results: Path, wanted: dict[str, str], counts: Counter[str]) -> None:
    if code:
        counts["runs that did not go on"] += 1
        return
    counts["completed runs compared"] += 1
    seen = _digests(results)
    if seen != wanted:
        names = [name for name in COMPARED if seen[name] != wanted[name]]
        print(f"other bytes: {', '.join(names)}", file=sys.stderr)
        counts["completed runs with other bytes"] += 1
    counts["completed runs that kept hidden files of killed writers"] += any(results.rglob(".tmp-*"))


def _start(config: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        command("run", "--config", config),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        env=environment(),
        start_new_session=True,
        # A shell starts what runs in its background with SIGINT ignored, and `run` leaves it so.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )


def _finish(config: Path) -> None:
    code = _start(config).wait()
    if code:
        raise SystemExit(f"the undisturbed run of {config} ended with {code}")


def _kill(process: subprocess.Popen[bytes], way: int) -> None:
    if way == 0:
        os.killpg(process.pid, signal.SIGKILL)
    else:
        process.send_signal((signal.SIGTERM, signal.SIGINT)[way - 1])
    process.wait()


def _second_is_let_in(config: Path, first: subprocess.Popen[bytes]) -> bool:
    """Return whether a second run is let in beside a first one that owns the folder."""
    while first.poll() is None and not _is_owned(config.with_suffix("")):
        time.sleep(0.1)
    code = _start(config).wait()
    return code != 2 and first.poll() is None


def _is_owned(results: Path) -> bool:
    try:
        with open(results / ".lock") as handle:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except FileNotFoundError:
        return False
    except BlockingIOError:
        return True
    return False


def _left_behind(results: Path) -> bool:
    """Return whether a process that names the folder lives on."""
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        lines = [" ".join(each.info["cmdline"] or ()) for each in psutil.process_iter(["cmdline"])]
        if not any(str(results) in line for line in lines):
            return False
        time.sleep(0.2)
    return True


def _stage(results: Path) -> str:
    """Return the stage whose log is the newest."""
    logs = sorted((results / "logs").rglob("*.log"), key=lambda log: log.stat().st_mtime_ns)
    return logs[-1].relative_to(results / "logs").parts[0].removesuffix(".log") if logs else "no stage yet"


def _digests(results: Path) -> dict[str, str]:
    return {name: digest_file(results / name) for name in COMPARED}


if __name__ == "__main__":
    raise SystemExit(main())
