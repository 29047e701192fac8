"""Sparse autoencoders on planted dictionaries and on a million embeddings, beside SAELens.

    python benchmarks/sparse.py                     # planted dictionaries, then the million
    python benchmarks/sparse.py --part planted      # four of them, both programs
    python benchmarks/sparse.py --part million      # 1,000,000 x 256, 2,048 features, two threads
    python benchmarks/sparse.py --part million --rows 100000 --passes 1    # what a step costs

Both programs see the same embeddings in batches of the same size, in the same number of passes, and have as
many codes active. SAELens (TopKTrainingSAE and SAETrainer, in an environment of its own: see the Makefile;
with dense activations, since its sparse ones do not run on the CPU under torch 2.13) learns planted data at
several rates, which fall over the second half as ours does; its row is that of the rate with the best
explained variance. Scores are those on
embeddings that took no part in training: explained variance, and the mean over planted directions of the best
cosine. Every fit is a process of its own; its memory is the process's largest, libraries included, its time
that of training, by the clock and by the processor.

Planted: 60,000 embeddings of 64 directions in 64 dimensions, three active on average, alone, in pairs, or in
a hierarchy where a child is active only with its parent (``tests/representation/planted_codes.py``). With
exponentially distributed codes a child's direction shows. With codes between 0.5 and 1.5 ("narrow") there is
no embedding near it: directions between the child's and the sum of child and parent explain as much.
"""

from __future__ import annotations

import json
import os
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import click
import numpy as np
import torch

sys.path.append(str(Path(__file__).resolve().parents[1] / "tests" / "representation"))

from planted_codes import planted_codes

OUT = Path(__file__).resolve().parent / "out"
PEER = OUT / "saelens" / "bin" / "python"

HELD = 20_000  # embeddings for scores, behind those for training
CHUNK = 20_000  # embeddings made at once
RATES = (1e-3, 3e-3, 1e-2)  # of SAELens
MILLION_RATE = 1e-3
KINDS = (("independent", False), ("correlated", False), ("hierarchy", False), ("hierarchy", True))


@dataclass(frozen=True)
class Task:
    """A dictionary to fit to the first ``n`` embeddings of a folder."""

    folder: str
    n: int
    features: int
    active: int
    passes: int
    size: int
    threads: int


Fitted = tuple[float, float, torch.Tensor, torch.Tensor, torch.Tensor]


def make(name: str, n: int, dim: int, directions: int, kind: str, active: float, narrow: bool) -> Path:
    """Write embeddings and their directions once; return the folder."""
    folder = OUT / "sparse" / name
    if not (folder / "truth.npy").exists():
        folder.mkdir(parents=True, exist_ok=True)
        x = np.lib.format.open_memmap(folder / "x.npy", mode="w+", dtype=np.float32, shape=(n + HELD, dim))
        for part in range((n + HELD) // CHUNK):
            made, truth = planted_codes(
                CHUNK, dim, directions, kind, 1, part=part, active=active, narrow=narrow
            )
            x[part * CHUNK : (part + 1) * CHUNK] = made.numpy()
        x.flush()
        np.save(folder / "truth.npy", truth.numpy())
    return folder


def fit(program: str, rate: float, task: Task) -> dict[str, float]:
    """Fit one dictionary and score it."""
    x = np.load(Path(task.folder) / "x.npy", mmap_mode="r")
    truth = torch.from_numpy(np.load(Path(task.folder) / "truth.npy"))
    torch.set_num_threads(task.threads)
    held = torch.from_numpy(x[-HELD:].copy())
    if program == "cfdna-interp":
        seconds, cpu, decoder, codes, made = ours(x[: task.n], held, task)
    else:
        seconds, cpu, decoder, codes, made = peer(x[: task.n], held, task, rate)
    left, whole = (held - made).square().sum(), (held - held.mean(dim=0)).square().sum()
    cosine = (truth @ torch.nn.functional.normalize(decoder, dim=1).T).amax(dim=1)
    return {
        "seconds": seconds,
        "cpu": cpu,
        "peak": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        "explained": float(1 - left / whole),
        "cosine": float(cosine.mean()),
        "codes": float((codes != 0).sum(dim=1).float().mean()),
        "dead": float((codes == 0).all(dim=0).float().mean()),
    }


def ours(x: np.ndarray, held: torch.Tensor, task: Task) -> Fitted:
    """Return time, time of the processor, decoder, held-out codes and reconstructions."""
    from cfdna_interp.representation.sparse_source import shuffled
    from cfdna_interp.representation.sparse_training import fit_sparse

    began = time.perf_counter(), time.process_time()
    model = fit_sparse(
        shuffled(x, seed=1, size=task.size),
        x.shape[1],
        features=task.features,
        active=task.active,
        passes=task.passes,
        seed=1,
    )
    took = time.perf_counter() - began[0], time.process_time() - began[1]
    return *took, model.decoder, model.dense(held), model.decode(*model.encode(held))


def peer(x: np.ndarray, held: torch.Tensor, task: Task, rate: float) -> Fitted:
    """Return what SAELens makes, as :func:`ours`."""
    from sae_lens import SAETrainer, TopKTrainingSAE, TopKTrainingSAEConfig
    from sae_lens.config import SAETrainerConfig

    sae = TopKTrainingSAE(TopKTrainingSAEConfig(d_in=x.shape[1], d_sae=task.features, k=task.active))
    steps = len(x) // task.size * task.passes
    trainer = SAETrainer(
        SAETrainerConfig(
            total_training_samples=steps * task.size,
            train_batch_size_samples=task.size,
            lr=rate,
            lr_end=0.0,
            lr_warm_up_steps=20,
            lr_decay_steps=steps // 2,
            dead_feature_window=64,
        ),
        sae,
        peer_batches(x, task.size),
    )
    began = time.perf_counter(), time.process_time()
    trainer.fit()
    took = time.perf_counter() - began[0], time.process_time() - began[1]
    with torch.inference_mode():
        return *took, sae.W_dec.detach(), sae.encode(held), sae(held)


def peer_batches(x: np.ndarray, size: int) -> Iterator[torch.Tensor]:
    """Yield shuffled batches for ever: stretches of rows in a random order, shuffled among 16 of them."""
    rng = np.random.default_rng(1)
    stretch = 16 * size
    while True:
        for start in rng.permutation(-(-len(x) // stretch)) * stretch:
            rows = x[start : start + stretch]
            rows = rows[rng.permutation(len(rows))]
            yield from torch.from_numpy(rows[: len(rows) // size * size]).split(size)


def child(program: str, rate: float, task: Task) -> dict[str, float]:
    """Run one fit in a process of its own."""
    python = sys.executable if program == "cfdna-interp" else str(PEER)
    words = [python, __file__, "--child", json.dumps([program, rate, asdict(task)])]
    threads = {f"{name}_NUM_THREADS": str(task.threads) for name in ("OMP", "OPENBLAS", "MKL")}
    quiet = threads | {"TQDM_DISABLE": "1"}
    made = subprocess.run(words, stdout=subprocess.PIPE, text=True, env=os.environ | quiet, check=True)
    found: dict[str, float] = json.loads(made.stdout.splitlines()[-1])
    return found


def heading() -> None:
    click.echo("| data | program | rate | s | s processor | peak, MiB | explained | cosine | codes | dead |")
    click.echo("|---" * 10 + "|")


def row(name: str, program: str, rate: float, found: dict[str, float]) -> None:
    click.echo(
        f"| {name} | {program} | {'own' if program == 'cfdna-interp' else f'{rate:g}'} "
        f"| {found['seconds']:.0f} | {found['cpu']:.0f} | {found['peak']:,.0f} | {found['explained']:.3f} "
        f"| {found['cosine']:.3f} | {found['codes']:.1f} | {found['dead']:.2f} |"
    )


def planted(programs: tuple[str, ...]) -> None:
    """Print time, memory and scores on planted dictionaries."""
    heading()
    for kind, narrow in KINDS:
        name = kind + ("_narrow" if narrow else "")
        folder = make(name, 60_000, 64, 64, kind, 3, narrow)
        task = Task(str(folder), 60_000, features=128, active=6, passes=8, size=512, threads=1)
        for program in programs:
            rates = RATES[:1] if program == "cfdna-interp" else RATES
            fits = [(child(program, rate, task), rate) for rate in rates]
            row(name.replace("_", ", "), program, *max(fits, key=lambda pair: pair[0]["explained"])[::-1])


def million(programs: tuple[str, ...], rows: int, passes: int) -> None:
    """Print time, memory and scores of a million embeddings."""
    heading()
    folder = make("million", 1_000_000, 256, 1_024, "independent", 16, False)
    task = Task(str(folder), rows, features=2_048, active=32, passes=passes, size=4_096, threads=2)
    for program in programs:
        row(f"{rows:,} x 256, passes: {passes}", program, MILLION_RATE, child(program, MILLION_RATE, task))


@click.command()
@click.option("--part", type=click.Choice(["planted", "million", "all"]), default="all")
@click.option("--program", "programs", multiple=True, help="default both")
@click.option("--rows", default=1_000_000, help="of the million, to learn from")
@click.option("--passes", default=4, help="over them")
@click.option("--child", "task", hidden=True)
def main(part: str, programs: tuple[str, ...], rows: int, passes: int, task: str | None) -> None:
    if task:
        program, rate, settings = json.loads(task)
        click.echo(json.dumps(fit(program, rate, Task(**settings))))
        return
    programs = programs or ("cfdna-interp", "SAELens")
    if part in ("planted", "all"):
        planted(programs)
    if part in ("million", "all"):
        million(programs, rows, passes)


if __name__ == "__main__":
    main()
