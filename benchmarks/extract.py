"""What extraction costs beside `samtools view -c` and beside other programs.

    python benchmarks/extract.py --repeats 5

Makes the BAM files of `big_bam.py`, runs every program on them in turn, again and again, each as a process
of its own whose CPU time and memory the operating system reports, and prints medians as Markdown.
MethylDackel and krewlyzer take part where they are on PATH.
"""

from __future__ import annotations

import argparse
import datetime
import math
import os
import platform
import shutil
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import astuple, dataclass
from importlib.metadata import version
from pathlib import Path

import yaml

# A child is born with the memory of its parent, and its peak counts from there: neither numpy nor the making
# of BAM files may enter this process.

HERE = Path(__file__).parent
OUT = HERE / "out" / "extract"
INTERP = Path(sys.executable).with_name("cfdna-interp")
SMALL = 20_000  # pairs; on them starting up is all there is
VIEW, OURS, OURS_2 = "samtools view -c", "cfdna-interp extract", "cfdna-interp extract, 2 threads"
LOOP = "pysam loop, the same tables"
LENGTHS, MOTIFS = "FinaleToolkit frag-length-bins", "FinaleToolkit end-motifs"
METHYLATION = {"xm": "xm", "mm": "mm", "bwameth": "reference"}  # what extraction is told to read


@dataclass(frozen=True)
class Program:
    """A command to measure on a file."""

    name: str
    bam: Path
    command: tuple[str | Path, ...]


@dataclass(frozen=True)
class Cost:
    """What one run took: seconds and megabytes."""

    cpu: float
    wall: float
    peak: float


def measure(command: Iterable[str | Path], log: Path) -> Cost:
    """Run a command and return its cost.

    Raises
    ------
    RuntimeError
        It fails; the message is the last line that it wrote.
    """
    with open(log, "wb") as output:
        began = time.perf_counter()
        process = subprocess.Popen(
            [str(part) for part in command],
            stdout=output,
            stderr=subprocess.STDOUT,
            env=os.environ | {"OMP_NUM_THREADS": "1"},
        )
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        lines = log.read_text(errors="replace").splitlines() or ["no message"]
        raise RuntimeError(f"exit status {process.returncode}: {lines[-1]}")
    return Cost(usage.ru_utime + usage.ru_stime, wall, usage.ru_maxrss * 1024 / 1e6)


def make_bam(dialect: str, pairs: int, out: Path) -> Path:
    """Return a file of ``big_bam.py``, made where it is not there."""
    subprocess.run(
        [sys.executable, HERE / "big_bam.py", "--dialect", dialect, "--pairs", str(pairs), "--out", out],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    return out / f"{dialect}-{pairs}.bam"


def write_config(bam: Path) -> Path:
    """Write the settings of a study of this one file, run what comes before extraction, return their path."""
    name = bam.stem
    sheet = bam.with_name(f"{name}.tsv")
    # A study has cases and controls in both roles; the files of the others are never opened.
    roles = enumerate(("1\tdiscovery", "0\tdiscovery", "1\theldout", "0\theldout"), start=1)
    files = (bam.name, "2.bam", "3.bam", "4.bam")
    rows = [f"S{n}\tP{n}\t{file}\t{role}\n" for (n, role), file in zip(roles, files, strict=True)]
    sheet.write_text("sample\tsubject\tbam\tlabel\trole\n" + "".join(rows))
    extract: dict[str, object] = {"methylation": METHYLATION[bam.stem.split("-")[0]]}
    settings = {
        "sheet": sheet.name,
        "outdir": f"results-{name}",
        "reference": {"build": "build.tsv", "fasta": "genome.fa"},
        "extract": extract,
    }
    config = bam.with_name(f"{name}.yaml")
    config.write_text(yaml.safe_dump(settings))
    subprocess.run([INTERP, "cohort", "--config", config], check=True)
    return config


def programs(bams: list[Path], peers_on: Path, finaletoolkit: Path) -> list[Program]:
    """Return what to measure: extraction and `samtools view -c` on all files, everything else on one."""
    samtools = shutil.which("samtools")
    if samtools is None:
        raise SystemExit("samtools is not on PATH; install it (Debian: apt-get install samtools)")
    found = []
    for bam in bams:
        found.append(Program(VIEW, bam, (samtools, "view", "-c", bam)))
        config = write_config(bam)
        for name, threads in ((OURS, "1"), (OURS_2, "2")):
            options = ("--config", config, "--sample", "S1", "--threads", threads)
            found.append(Program(name, bam, (INTERP, "extract", *options)))
    config, scratch = write_config(peers_on), peers_on.with_suffix(".peer")
    genome = peers_on.with_name("genome.fa")
    found.append(Program(LOOP, peers_on, (sys.executable, HERE / "pysam_loop.py", config, "S1")))
    if finaletoolkit.exists():
        options = ("-q", "20", "-o", scratch)
        found.append(Program(LENGTHS, peers_on, (finaletoolkit, "frag-length-bins", peers_on, *options)))
        genome_2bit = genome.with_suffix(".2bit")
        found.append(
            Program(MOTIFS, peers_on, (finaletoolkit, "end-motifs", peers_on, genome_2bit, *options))
        )
    if methyldackel := shutil.which("MethylDackel"):
        found.append(
            Program(
                "MethylDackel extract", peers_on, (methyldackel, "extract", "-o", scratch, genome, peers_on)
            )
        )
    if krewlyzer := shutil.which("krewlyzer"):
        command = (
            krewlyzer,
            "extract",
            "-i",
            peers_on,
            "-r",
            genome,
            "-o",
            scratch.with_suffix(".krewlyzer"),
        )
        found.append(Program("krewlyzer extract", peers_on, command))
    return found


def run_all(todo: list[Program], repeats: int, log: Path) -> dict[Program, list[Cost]]:
    """Run every program ``repeats`` times in turn, after a round that fills caches and isn't counted."""
    costs: dict[Program, list[Cost]] = defaultdict(list)
    failed = set()
    for turn in range(repeats + 1):
        for program in todo:
            if program in failed:
                continue
            try:
                cost = measure(program.command, log)
            except RuntimeError as error:
                failed.add(program)
                print(f"left out: {program.name} on {program.bam.name}: {error}", file=sys.stderr)
                continue
            print(f"{turn}/{repeats} {program.name} {program.bam.name} {cost.cpu:.2f} s CPU", file=sys.stderr)
            if turn:
                costs[program].append(cost)
    return {program: all_runs for program, all_runs in costs.items() if program not in failed}


def medians(costs: dict[Program, list[Cost]], name: str, bam: Path) -> Cost:
    """Return the medians of a program on a file; without runs they are no numbers."""
    runs = next((runs for program, runs in costs.items() if (program.name, program.bam) == (name, bam)), [])
    if not runs:
        return Cost(math.nan, math.nan, math.nan)
    columns = zip(*(astuple(run) for run in runs), strict=True)
    return Cost(*(statistics.median(column) for column in columns))


def tables(costs: dict[Program, list[Cost]], small: Path, large: Path) -> str:
    """Return the medians as one Markdown table, and as another what extraction costs in multiples."""
    lines = ["| file | program | CPU, s | × `view -c` | wall, s | peak, MB |", "|---|---|---|---|---|---|"]
    for program in costs:
        cost = medians(costs, program.name, program.bam)
        cells = [program.bam.stem, program.name, f"{cost.cpu:.2f}"]
        cells.append(f"{cost.cpu / medians(costs, VIEW, program.bam).cpu:.2f}")
        lines.append("| " + " | ".join([*cells, f"{cost.wall:.2f}", f"{cost.peak:.0f}"]) + " |")

    ours, first, parallel = (medians(costs, *of) for of in ((OURS, large), (OURS, small), (OURS_2, large)))
    view, first_view = medians(costs, VIEW, large), medians(costs, VIEW, small)
    lengths, motifs, loop = (medians(costs, name, small) for name in (LENGTHS, MOTIFS, LOOP))
    slope = (ours.cpu - first.cpu) / (view.cpu - first_view.cpu)
    multiples = {
        f"CPU of extraction / CPU of `view -c`, {large.stem}": ours.cpu / view.cpu,
        f"the same in the slope from {small.stem}": slope,
        f"peak memory, {large.stem} / {small.stem}": ours.peak / first.peak,
        f"wall of one thread / wall of two, {large.stem}": ours.wall / parallel.wall,
        f"CPU of FinaleToolkit's two commands / CPU of extraction, {small.stem}": (
            (lengths.cpu + motifs.cpu) / first.cpu
        ),
        f"CPU of the pysam loop / CPU of extraction, {small.stem}": loop.cpu / first.cpu,
    }
    lines += ["", "| what | multiple |", "|---|---|"]
    lines += [f"| {what} | {value:.2f} |" for what, value in multiples.items() if not math.isnan(value)]
    return "\n".join(lines)


def machine(finaletoolkit: Path) -> str:
    """Return a line about when, on what and with which versions this was measured."""
    models = [
        line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")
    ]
    cpu = models[0].partition(":")[2].strip() if models else platform.processor()
    packages = [f"{name} {version(name)}" for name in ("cfdna-interp", "pysam", "numba", "deflate")]
    others = ["samtools", str(finaletoolkit)] if finaletoolkit.exists() else ["samtools"]
    versions = [
        subprocess.run([program, "--version"], capture_output=True, check=True)
        .stdout.splitlines()[0]
        .decode()
        for program in others
    ]
    return ", ".join([str(datetime.date.today()), cpu, f"{os.cpu_count()} cores", *packages, *versions])


def main() -> None:
    """Make the files, measure, print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument(
        "--pairs", type=int, nargs=2, default=(1_500_000, 3_000_000), metavar=("SMALL", "LARGE")
    )
    parser.add_argument("--out", type=Path, default=OUT)
    parser.add_argument(
        "--finaletoolkit", type=Path, default=HERE / "out" / "finaletoolkit" / "bin" / "finaletoolkit"
    )
    parser.add_argument(
        "--slope",
        action="store_true",
        help="extraction and view -c on the two XM files only, for more repeats",
    )
    arguments = parser.parse_args()
    few, many = arguments.pairs
    small, large = make_bam("xm", few, arguments.out), make_bam("xm", many, arguments.out)
    others = [make_bam(dialect, few, arguments.out) for dialect in ("mm", "bwameth")]
    start_up = make_bam("xm", SMALL, arguments.out)
    bams = list(dict.fromkeys([start_up, small, large, *others]))
    todo = programs(bams, small, arguments.finaletoolkit)
    if arguments.slope:
        todo = [each for each in todo if each.name in (OURS, VIEW) and each.bam in (small, large)]
    costs = run_all(todo, arguments.repeats, arguments.out / "last.log")
    print(f"{machine(arguments.finaletoolkit)}; medians of {arguments.repeats} runs in turn.\n")
    print(tables(costs, small, large))


if __name__ == "__main__":
    main()
