"""Tissue of origin on planted mixtures: errors, coverage of the intervals, absent tissues called present.

    python benchmarks/tissue.py            # the table for benchmarks/README.md, simulated
    python benchmarks/tissue.py --draws 50 # a quick look

The table of expected shares is the public UXM atlas (36 cell types), which doesn't ship with the software:
``$CFDNA_INTERP_REALDATA/atlas/Atlas.U25.l4.hg38.tsv``. A draw plants a mixture (nine types of plasma, two
more of 2-10 %, 25 absent), a number of fragments for each block (Poisson) and their states (binomial).
"""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path

import click
import numpy as np
from scipy.optimize import nnls

from cfdna_interp.artifacts.atlas import Atlas
from cfdna_interp.features.tissue_methods import complete
from cfdna_interp.stats.mixture import Mixture
from cfdna_interp.stats.mixture_intervals import mixture_intervals
from cfdna_interp.stats.resampling import stream

# Of the order of healthy plasma in Loyfer et al. 2023 and Moss et al. 2018, erythroid DNA included.
PLASMA = {
    "Blood-Granul": 0.30, "Megakaryocytes": 0.20, "Blood-Mono+Macro": 0.15, "Eryth-prog": 0.10,
    "Endothel": 0.08, "Blood-T": 0.06, "Blood-NK": 0.05, "Liver-Hep": 0.03, "Blood-B": 0.03,
}  # fmt: skip
NEURON, NEURON_SHARE = "Neuron", 0.005
LARGE = 0.02
RESAMPLES = 200


class Study:
    """The atlas, and draws from it."""

    def __init__(self, path: Path, seed: int):
        atlas = Atlas.load(path)
        expected = complete(atlas)
        self.expected = expected[np.isfinite(expected).all(axis=1)]
        self.types = atlas.cell_types
        self._seed = seed

    def draw(self, depth: float, number: int, neuron: float = 0.0, precision: int | None = None):
        """Return shares, marked and total; ``precision``: of a beta law of cells around the atlas."""
        rng = stream(self._seed, "tissue", str(depth), number, str(neuron), str(precision))
        shares = np.zeros(len(self.types))
        plasma = [self.types.index(name) for name in PLASMA]
        others = np.setdiff1d(np.arange(len(self.types)), [*plasma, self.types.index(NEURON)])
        further = rng.choice(others, size=2, replace=False)
        shares[further] = rng.uniform(LARGE, 0.10, size=2)
        shares[self.types.index(NEURON)] = neuron
        shares[plasma] = rng.dirichlet(60 * np.array(list(PLASMA.values()))) * (1 - shares.sum())
        table = self.expected
        if precision is not None:
            varied = (table > 0) & (table < 1)
            table = table.copy()
            table[varied] = rng.beta(table[varied] * precision, (1 - table[varied]) * precision)
        total = rng.poisson(depth, size=len(table))
        return shares, rng.binomial(total, np.clip(table @ shares, 0, 1)), total


def least_squares(expected: np.ndarray, marked: np.ndarray, total: np.ndarray) -> np.ndarray:
    weight = np.sqrt(total)
    shares, _ = nnls(expected * weight[:, None], weight * marked / np.maximum(total, 1))
    return shares / shares.sum()


def marker_bootstrap(expected, marked, total, rng) -> tuple[np.ndarray, np.ndarray]:
    """Return 2.5 and 97.5 % quantiles of non-negative least squares over resampled blocks."""
    drawn = []
    for _ in range(RESAMPLES):
        times = rng.multinomial(len(total), np.full(len(total), 1 / len(total)))
        weighted = expected * (times * total)[:, None]
        normal = weighted.T @ expected + 1e-9 * np.eye(expected.shape[1])
        lower = np.linalg.cholesky(normal)
        # The same problem on the Cholesky factor of its normal equations.
        shares, _ = nnls(lower.T, np.linalg.solve(lower, expected.T @ (times * marked)))
        drawn.append(shares / shares.sum())
    low, high = np.quantile(drawn, [0.025, 0.975], axis=0)
    return low, high


def measure(
    study: Study, depth: float, draws: int, plain: int, precision: int | None = None
) -> dict[str, float]:
    found: dict[str, list] = defaultdict(list)
    for number in range(draws):
        shares, marked, total = study.draw(depth, number, precision=precision)
        large, absent = shares >= LARGE, shares == 0
        used = total > 0
        uxm = least_squares(study.expected[used], marked[used], total[used])
        em = Mixture(study.expected, marked, total).shares
        ours = mixture_intervals(study.expected, marked, total, which=np.flatnonzero(large).tolist())
        low, high = np.minimum(ours.low, uxm), np.maximum(ours.high, uxm)
        found["uxm error"].append(np.abs(uxm - shares).mean())
        found["em error"].append(np.abs(em - shares).mean())
        found["covered"] += ((low <= shares) & (shares <= high))[large].tolist()
        found["covered by likelihood"] += ((ours.low <= shares) & (shares <= ours.high))[large].tolist()
        found["width"] += (high - low)[large].tolist()
        found["called"] += ours.present[absent].tolist()
        found["misfit"].append(ours.p < 0.05)
        if number < plain:
            low, high = marker_bootstrap(study.expected, marked, total, stream(1, "resample", number))
            found["plain covered"] += ((low <= shares) & (shares <= high))[large].tolist()
            found["plain width"] += (high - low)[large].tolist()
            found["plain called"] += (low > 0)[absent].tolist()
    return {name: float(np.mean(values)) for name, values in found.items()}


def neuron_found(study: Study, depth: float, draws: int) -> float:
    """Return the share of draws that call .5 % of neurons present."""
    column = study.types.index(NEURON)
    found = []
    for number in range(draws):
        _, marked, total = study.draw(depth, number, neuron=NEURON_SHARE)
        found.append(mixture_intervals(study.expected, marked, total, which=[]).present[column])
    return float(np.mean(found))


@click.command()
@click.option("--draws", default=2_000, show_default=True, help="Mixtures at each depth.")
@click.option("--plain", default=200, show_default=True, help="Of these with the marker bootstrap (slow).")
@click.option("--seed", default=1, show_default=True)
def command(draws: int, plain: int, seed: int) -> None:
    default = Path(__file__).resolve().parents[2] / "shared" / "realdata"
    path = Path(os.environ.get("CFDNA_INTERP_REALDATA", default)) / "atlas" / "Atlas.U25.l4.hg38.tsv"
    if not path.is_file():
        click.echo(f"skipped: no {path}; set CFDNA_INTERP_REALDATA to the folder that holds atlas/")
        return
    study = Study(path, seed)
    click.echo(f"{draws} draws a depth, {len(study.expected)} blocks, {len(study.types)} types; simulated")
    click.echo(
        "| fragments a block | error uxm | error em | coverage >= .02 | of the likelihood alone | width "
        "| absent called present | misfit p < .05 | marker bootstrap: coverage | width | absent called |"
    )
    click.echo("|---" * 11 + "|")
    columns = (
        "uxm error", "em error", "covered", "covered by likelihood", "width", "called", "misfit",
        "plain covered", "plain width", "plain called",
    )  # fmt: skip
    for depth, precision, share in ((1, None, 1), (5, None, 1), (20, None, 1), (20, 100, 0.25)):
        numbers = measure(study, depth, round(draws * share), max(round(plain * share), 1), precision)
        note = "" if precision is None else f", cells vary about the atlas (beta, precision {precision})"
        row = " | ".join(
            f"{numbers[name]:.4f}" if "error" in name else f"{numbers[name]:.3f}" for name in columns
        )
        click.echo(f"| {depth}{note} | {row} |")
    for depth in (5, 20, 50, 100, 200, 400):
        rate = neuron_found(study, depth, draws // 10)
        click.echo(f"neuron at .5 %, {depth} fragments a block: called present in {100 * rate:.0f} %")


if __name__ == "__main__":
    command()
