"""How long attribution takes and how much memory, and the same swap values through Captum on dense bags.

    python benchmarks/attribution_speed.py                  # 100 samples of 20,000 fragments, two processes
    python benchmarks/attribution_speed.py --part linear    # halves and doubles of samples and of fragments
    python benchmarks/attribution_speed.py --part compare   # against Captum

All coalitions x 3 references x 2 interventions, by the code of the stage ``attribute``, on fragments in
memory and a reference encoder and heads of random weights: figures don't depend on what the weights are.
Time is that of drawing bags, donors and reference bags, swapping, raking, encoding and the heads. Each
measurement is a process of its own; its memory is the peak above what it held when the model was loaded.

The comparison starts from the swapped fragments of each bag, and again from their embeddings. Captum's
``ShapleyValues`` gets three switches for each bag; its function puts each bag together fragment by fragment
and runs the model on it, in each step of each order.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path

import click
import numpy as np
import torch
from captum.attr import ShapleyValues

from cfdna_interp.artifacts.layout import Layout
from cfdna_interp.artifacts.sheet import Sample
from cfdna_interp.attribution.attribute import Notes, _Donors, _values
from cfdna_interp.attribution.coalition_values import values_of_versions
from cfdna_interp.attribution.coalitions import versions_of
from cfdna_interp.attribution.embed import embed_bags
from cfdna_interp.attribution.interventions.swap import VERSIONS, swap
from cfdna_interp.attribution.shapley import shapley_of_table
from cfdna_interp.attribution.study import Study
from cfdna_interp.attribution.values import Target
from cfdna_interp.config import Config
from cfdna_interp.config.settings import Attribution, Model
from cfdna_interp.models.bags import ContextMix
from cfdna_interp.models.contract import FragmentInputs
from cfdna_interp.models.head import AttentionHead
from cfdna_interp.models.reference_encoder import ReferenceEncoder
from cfdna_interp.stats.resampling import stream

sys.path.append(str(Path(__file__).parent / "planted_truth"))

from known_fragments import draw_fragments

LOCI, DIM = 4, 32
SMALLEST = 20  # subjects that donors of all references can be made of

Versions = tuple[FragmentInputs, ...]


def make_model(heads: int) -> tuple[ReferenceEncoder, list[AttentionHead]]:
    """Return an encoder and heads of random weights."""
    torch.manual_seed(1)
    encoder = ReferenceEncoder(LOCI, DIM)
    encoder.fit_whitening(draw_fragments(20_000, np.zeros(3), 0.3, stream(1, "speed", "whitening")))
    ensemble = [AttentionHead(encoder.dim, 1.0) for _ in range(heads)]
    with torch.no_grad():
        for head in ensemble:
            head.query.normal_(std=0.3)
            head.region_query.normal_(std=0.3)
            head.weight.normal_(std=0.3)
    return encoder.requires_grad_(False), [head.requires_grad_(False) for head in ensemble]


def make_study(encoder: ReferenceEncoder, samples: int, bag: int) -> Study:
    """Return a cohort in memory, whose samples hold five bags of fragments."""
    attribution = Attribution(interventions=("swap", "reweight"))
    config = Config(sheet="", outdir="", model=Model(bag_size=bag), attribution=attribution)
    people, inputs = [], []
    for row in range(samples):
        rng = stream(1, "speed", "sample", row)
        inputs.append(draw_fragments(attribution.donors * bag, rng.normal(size=3), 0.3, rng))
        age, sex = 50.0 + row * 7 % 30, "FM"[row % 2]
        people.append(
            Sample(f"S{row}", f"P{row}", "", row // 2 % 2, "discovery", site="s", batch="b", age=age, sex=sex)
        )
    return Study(config, Layout.of(Path()), encoder, tuple(people), inputs, ContextMix(inputs))


def attribute(samples: int, rows: list[int], bag: int) -> dict[str, float]:
    """Find all values of some rows of a cohort; return seconds, peak MiB and which share of values exists."""
    encoder, heads = make_model(Model().ensemble)
    before = _memory("VmRSS")
    study = make_study(encoder, max(samples, SMALLEST), bag)
    began = time.perf_counter()
    notes = Notes()
    donors, banks = _Donors(study, notes), study.banks()
    ready = time.perf_counter()
    known: list[float] = []
    for row in rows:
        name = study.samples[row].sample
        bags = study.bags(name, study.inputs[row])
        target = Target(name, heads, embed_bags(encoder, bags, banks), bags)
        for reference in donors.of(row):
            for table in _values(study, target, reference, notes):
                known.append(float(np.isfinite(table["value"]).mean()))
    ended = time.perf_counter()
    assert len(known) == 6 * len(rows)
    return {
        "setup": ready - began,
        "samples": ended - ready,
        "peak": _memory("VmHWM") - before,
        "known": float(np.mean(known)),
    }


def compare(route: str, start: str, samples: int, bag: int) -> dict[str, object]:
    """Find the swap's Shapley values of some samples; return seconds, peak MiB and the values."""
    encoder, heads = make_model(1)
    head = heads[0]
    study = make_study(encoder, max(samples, SMALLEST), bag)
    banks = study.banks()
    made: list[list[Versions]] = []
    for row in range(samples):
        bags = study.bags(study.samples[row].sample, study.inputs[row])
        made.append(
            [swap(bank, one.fragments, one.uniform).versions for bank, one in zip(banks, bags, strict=True)]
        )
    embedded = [_embedded(encoder, versions) for versions in made] if start == "embeddings" else []
    Path("/proc/self/clear_refs").write_text("5")  # the peak starts anew
    before, began = _memory("VmRSS"), time.perf_counter()
    if route == "cfdna-interp":
        found = []
        for row, bags in enumerate(made):
            versions = embedded[row] if embedded else _embedded(encoder, bags)
            values = values_of_versions(head, versions[None], _touches(bags)[None])[0]
            found.append(shapley_of_table(values.T))
        result = np.concatenate(found)
    else:
        result = _dense(encoder, head, made, embedded)
    seconds = time.perf_counter() - began
    return {"seconds": seconds, "peak": _memory("VmHWM") - before, "values": result.tolist()}


def _dense(
    encoder: ReferenceEncoder, head: AttentionHead, made: list[list[Versions]], embedded: list[torch.Tensor]
) -> np.ndarray:
    bags = [versions for sample in made for versions in sample]
    inside = torch.cat([_touches(sample) for sample in made])  # (bags, fragments)
    if embedded:
        stacked = torch.cat(
            [sample.transpose(0, 1) for sample in embedded]
        )  # (bags, versions, fragments, dim)

    @torch.inference_mode()
    def logits(switches: torch.Tensor) -> torch.Tensor:
        chosen = [versions_of(tuple(row)) for row in switches.bool().tolist()]
        outside, within = torch.tensor(chosen).T[..., None]
        numbers = torch.where(inside, within, outside)
        if embedded:
            dense = stacked[:, 0]
            for version in range(1, len(VERSIONS)):
                dense = torch.where((numbers == version)[..., None], stacked[:, version], dense)
        else:
            parts = [_assembled(*item) for item in zip(bags, numbers.numpy(), strict=True)]
            channels = encoder.channels(FragmentInputs.concatenate(parts))
            dense = encoder.from_channels(channels).unflatten(0, inside.shape)
        logit: torch.Tensor = head(dense)
        return logit

    on = torch.ones(len(bags), 3)
    found: np.ndarray = ShapleyValues(logits).attribute(on, baselines=torch.zeros_like(on)).double().numpy()
    return found


def _assembled(versions: Versions, numbers: np.ndarray) -> FragmentInputs:
    """Return the bag that takes each fragment from the version of that number."""
    rows = np.arange(len(numbers))
    return FragmentInputs.concatenate(list(versions)).take(numbers * len(numbers) + rows)


def _embedded(encoder: ReferenceEncoder, bags: list[Versions]) -> torch.Tensor:
    """Return (versions, donors, fragments, dim)."""
    encoded = encoder.encode(FragmentInputs.concatenate([one for versions in bags for one in versions]))
    return encoded.unflatten(0, (len(bags), len(VERSIONS), -1)).transpose(0, 1).contiguous()


def _touches(bags: list[Versions]) -> torch.Tensor:
    return torch.from_numpy(np.stack([versions[0].locus > 0 for versions in bags]))


def _memory(name: str) -> float:
    """Return MiB of this process: ``VmRSS`` now, ``VmHWM`` at its peak."""
    status = Path("/proc/self/status").read_text()
    return int(status.split(f"{name}:")[1].split()[0]) / 1024


def child(*arguments: object) -> subprocess.Popen[str]:
    """Start a measurement in a process of its own, where the peak begins anew."""
    words = [sys.executable, __file__, "--child", json.dumps(arguments)]
    single = {f"{name}_NUM_THREADS": "1" for name in ("OMP", "OPENBLAS", "MKL")}
    return subprocess.Popen(words, stdout=subprocess.PIPE, text=True, env=os.environ | single)


def answer(process: subprocess.Popen[str]) -> dict[str, object]:
    """Return what a measurement printed."""
    output, _ = process.communicate()
    if process.returncode:
        raise SystemExit("a measurement failed")
    found: dict[str, object] = json.loads(output)
    return found


def print_run(samples: int, bag: int, jobs: int) -> None:
    """Print time and memory of a cohort whose samples are divided among processes."""
    began = time.perf_counter()
    parts = [
        answer(process)
        for process in [
            child("attribute", samples, list(range(samples))[job::jobs], bag) for job in range(jobs)
        ]
    ]
    wall = time.perf_counter() - began
    slowest = max(float(part["setup"]) + float(part["samples"]) for part in parts)
    peak = max(float(part["peak"]) for part in parts)
    click.echo(
        f"{samples} samples of {5 * bag:,} fragments, {jobs} processes: {slowest:.0f} s (with the making of "
        f"fragments {wall:.0f} s), peak {peak:.0f} MiB above the model in each; "
        f"{np.mean([float(part['known']) for part in parts]):.1%} of the values exist\n"
    )


def print_linear(samples: int, bag: int) -> None:
    """Print time and memory of halves and doubles of samples and fragments, one process."""
    click.echo("| samples attributed | fragments of each | s before | s | s a sample | peak, MiB |")
    click.echo("|---" * 6 + "|")
    cases = [(rows, bag) for rows in (samples // 2, samples, 2 * samples)]
    cases += [(samples, bag // 4), (samples, bag // 2)]
    for rows, size in cases:
        found = answer(child("attribute", 2 * samples, list(range(rows)), size))
        seconds = float(found["samples"])
        click.echo(
            f"| {rows} | {5 * size:,} | {found['setup']:.1f} | {seconds:.1f} | {seconds / rows:.2f} "
            f"| {found['peak']:.0f} |"
        )


def print_compare(samples: int, bag: int) -> None:
    """Print time and memory of both routes from fragments and from embeddings."""
    click.echo("| start | route | s | peak, MiB | time ratio | memory ratio | largest difference |")
    click.echo("|---" * 7 + "|")
    for start in ("fragments", "embeddings"):
        ours, dense = (
            answer(child("compare", route, start, samples, bag)) for route in ("cfdna-interp", "Captum")
        )
        off = float(np.abs(np.subtract(ours["values"], dense["values"])).max())
        for name, found in (("cfdna-interp", ours), ("Captum, dense", dense)):
            ratios = [float(found[key]) / max(float(ours[key]), 1e-9) for key in ("seconds", "peak")]
            click.echo(
                f"| {start} | {name} | {found['seconds']:.2f} | {found['peak']:.0f} | {ratios[0]:.1f} "
                f"| {ratios[1]:.1f} | {off:.1e} |"
            )


@click.command()
@click.option("--part", type=click.Choice(["run", "linear", "compare", "all"]), default="all")
@click.option("--samples", default=100, help="of the run")
@click.option("--bag", default=4_000, help="fragments; a sample has five bags")
@click.option("--jobs", default=2)
@click.option("--few", default=12, help="samples of the other two parts")
@click.option("--child", "task", hidden=True)
def main(part: str, samples: int, bag: int, jobs: int, few: int, task: str | None) -> None:
    torch.set_num_threads(1)
    if task:
        name, *arguments = json.loads(task)
        click.echo(json.dumps({"attribute": attribute, "compare": compare}[name](*arguments)))
        return
    if part in ("run", "all"):
        print_run(samples, bag, jobs)
    if part in ("linear", "all"):
        print_linear(few, bag)
    if part in ("compare", "all"):
        print_compare(few, bag)


if __name__ == "__main__":
    main()
