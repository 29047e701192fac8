"""Tissue of origin on planted mixtures: errors, coverage of the intervals, absent tissues called present.

    python benchmarks/tissue.py            # the tables for benchmarks/README.md, simulated
    python benchmarks/tissue.py --draws 50 # a quick look
    python benchmarks/tissue.py --misfit-only --depths 20

The table of expected shares is the public UXM atlas (36 cell types), which doesn't ship with the software:
``$CFDNA_INTERP_REALDATA/atlas/Atlas.U25.l4.hg38.tsv``. A draw plants a mixture (nine types of plasma, two
more of 2-10 %, 25 absent), a number of fragments for each block (Poisson) and their states (binomial).

The second table plants what the atlas doesn't say: cells that vary about it (a beta law in each block and
type), and an unknown type of 10 %, of three kinds. Each draw is read twice: by the software's rule, and by
the residual alone, where a type is present whose interval leaves out 0, as the software had it before.
"""

from __future__ import annotations

import os
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import click
import numpy as np
from scipy.optimize import nnls

from cfdna_interp.artifacts.atlas import Atlas
from cfdna_interp.features.tissue_methods import complete, target_columns
from cfdna_interp.stats.mixture import Mixture
from cfdna_interp.stats.mixture_intervals import MixtureIntervals, Z, mixture_intervals
from cfdna_interp.stats.resampling import stream

# Of the order of healthy plasma in Loyfer et al. 2023 and Moss et al. 2018, erythroid DNA included.
PLASMA = {
    "Blood-Granul": 0.30, "Megakaryocytes": 0.20, "Blood-Mono+Macro": 0.15, "Eryth-prog": 0.10,
    "Endothel": 0.08, "Blood-T": 0.06, "Blood-NK": 0.05, "Liver-Hep": 0.03, "Blood-B": 0.03,
}  # fmt: skip
NEURON, NEURON_SHARE = "Neuron", 0.005
LARGE = 0.02
RESAMPLES = 200


UNKNOWN_SHARE = 0.10
# Kinds of unknown types. "left out": one of the atlas, without its column and its blocks; "column left out":
# its blocks stay; "made up": levels of a beta law of mean .1 in all blocks, unlike any type.
KINDS = ("left out", "column left out", "made up")
WORLDS: tuple[tuple[int | None, str | None], ...] = (
    (None, None), (100, None), (30, None), *((100, kind) for kind in KINDS)
)  # fmt: skip
# Planted shares that count as 5 %.
FIVE = (0.04, 0.06)


class Draw(NamedTuple):
    """What a sample is read with, and what is true of it."""

    shares: np.ndarray
    marked: np.ndarray
    total: np.ndarray
    expected: np.ndarray
    targets: np.ndarray


class Study:
    """The atlas, and draws from it."""

    def __init__(self, path: Path, seed: int):
        atlas = Atlas.load(path)
        expected = complete(atlas)
        full = np.isfinite(expected).all(axis=1)
        self.expected = expected[full]
        self.types = atlas.cell_types
        self.targets = target_columns(atlas)[full]
        self._seed = seed

    def draw(
        self,
        depth: float,
        number: int,
        neuron: float = 0.0,
        precision: int | None = None,
        unknown: str | None = None,
    ) -> Draw:
        """Return a sample; ``precision``: of a beta law of cells around the atlas."""
        rng = stream(self._seed, "tissue", str(depth), number, str(neuron), str(precision), str(unknown))
        shares = np.zeros(len(self.types))
        plasma = [self.types.index(name) for name in PLASMA]
        others = np.setdiff1d(np.arange(len(self.types)), [*plasma, self.types.index(NEURON)])
        *further, hidden = rng.choice(others, size=3, replace=False)
        shares[further] = rng.uniform(LARGE, 0.10, size=2)
        shares[self.types.index(NEURON)] = neuron
        shares[plasma] = rng.dirichlet(60 * np.array(list(PLASMA.values()))) * (1 - shares.sum())
        table = self.expected
        if precision is not None:
            varied = (table > 0) & (table < 1)
            table = table.copy()
            table[varied] = rng.beta(table[varied] * precision, (1 - table[varied]) * precision)
        level = table @ shares
        rows = np.ones(len(table), dtype=bool)
        columns = np.arange(len(shares))
        targets = self.targets
        if unknown is not None:
            other = rng.beta(0.2, 1.8, size=len(table)) if unknown == "made up" else table[:, hidden]
            level = (1 - UNKNOWN_SHARE) * level + UNKNOWN_SHARE * other
            shares = (1 - UNKNOWN_SHARE) * shares
            if unknown != "made up":
                columns = np.delete(columns, hidden)
                targets = np.where(targets == hidden, -1, targets - (targets > hidden))
            if unknown == "left out":
                rows = self.targets != hidden
        total = rng.poisson(depth, size=len(table))
        marked = rng.binomial(total, np.clip(level, 0, 1))
        return Draw(
            shares[columns], marked[rows], total[rows], self.expected[rows][:, columns], targets[rows]
        )


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


def by_residual_alone(
    expected: np.ndarray, marked: np.ndarray, total: np.ndarray, which: list[int]
) -> tuple[np.ndarray, np.ndarray]:
    """Return bounds that are widened by the residual of the whole fit and by nothing else."""
    full = Mixture(expected, marked, total)
    scale = max(full.residual().ratio, 1.0)
    low = np.array([full.bound(column, Z, scale, upper=False) for column in range(expected.shape[1])])
    held = np.flatnonzero(low > 0).tolist()
    few = Mixture(expected[:, held], marked, total)
    for place, column in enumerate(held):
        low[column] = min(low[column], few.bound(place, Z, scale, upper=False))
    high = np.full(len(low), np.nan)
    for column in which:
        wide = full.bound(column, Z, scale, upper=True)
        members = held if column in held else [*held, column]
        narrow = Mixture(expected[:, members], marked, total)
        high[column] = max(wide, narrow.bound(members.index(column), Z, scale, upper=True))
    return low, high


def measure(study: Study, depth: float, draws: int, plain: int) -> dict[str, float]:
    """Return the figures of the first table: the model holds."""
    found: dict[str, list] = defaultdict(list)
    for number in range(draws):
        sample = study.draw(depth, number)
        shares, marked, total = sample.shares, sample.marked, sample.total
        large, absent = shares >= LARGE, shares == 0
        used = total > 0
        uxm = least_squares(study.expected[used], marked[used], total[used])
        em = Mixture(study.expected, marked, total).shares
        ours = intervals_of(sample, np.flatnonzero(large).tolist())
        low, high = np.minimum(ours.low, uxm), np.maximum(ours.high, uxm)
        found["uxm error"].append(np.abs(uxm - shares).mean())
        found["em error"].append(np.abs(em - shares).mean())
        found["covered"] += ((low <= shares) & (shares <= high))[large].tolist()
        found["width"] += (high - low)[large].tolist()
        found["called"] += (ours.shown & ours.explained)[absent].tolist()
        found["misfit"].append(not ours.explained)
        if number < plain:
            low, high = marker_bootstrap(study.expected, marked, total, stream(1, "resample", number))
            found["plain covered"] += ((low <= shares) & (shares <= high))[large].tolist()
            found["plain width"] += (high - low)[large].tolist()
            found["plain called"] += (low > 0)[absent].tolist()
    return {name: float(np.mean(values)) for name, values in found.items()}


def measure_misfit(
    study: Study, depth: float, draws: int, precision: int | None, unknown: str | None
) -> dict[str, float]:
    """Return the figures of the second table, of this rule and of the residual alone (``before``)."""
    found: dict[str, list] = defaultdict(list)
    for number in range(draws):
        sample = study.draw(depth, number, precision=precision, unknown=unknown)
        shares = sample.shares
        large, absent = shares >= LARGE, shares == 0
        five = (shares >= FIVE[0]) & (shares <= FIVE[1])
        which = np.flatnonzero(large).tolist()
        ours = intervals_of(sample, which)
        called = ours.shown & ours.explained
        before = by_residual_alone(sample.expected, sample.marked, sample.total, which)
        # Of all DNA, and of the DNA of known types: either is a fair reading of a share.
        known = shares / (1 if unknown is None else 1 - UNKNOWN_SHARE)
        found["residual"].append(ours.dispersion)
        found["unknown"].append(ours.unknown)
        found["unexplained"].append(not ours.explained)
        for name, (low, high), present in (
            ("now", (ours.low, ours.high), called), ("before", before, before[0] > 0)
        ):  # fmt: skip
            found[f"called {name}"] += present[absent].tolist()
            found[f"any {name}"].append(present[absent].any())
            found[f"five {name}"] += present[five].tolist()
            found[f"covered {name}"] += ((low <= shares) & (shares <= high))[large].tolist()
            found[f"known {name}"] += ((low <= known) & (known <= high))[large].tolist()
            found[f"width {name}"] += (high - low)[large].tolist()
    return {name: float(np.mean(values)) for name, values in found.items()}


def intervals_of(sample: Draw, which: list[int]) -> MixtureIntervals:
    return mixture_intervals(
        sample.expected, sample.marked, sample.total, which=which, targets=sample.targets
    )


def neuron_found(study: Study, depth: float, draws: int) -> float:
    """Return the share of draws that call .5 % of neurons present."""
    column = study.types.index(NEURON)
    found = []
    for number in range(draws):
        read = intervals_of(study.draw(depth, number, neuron=NEURON_SHARE), [])
        found.append(read.shown[column] and read.explained)
    return float(np.mean(found))


def first_table(study: Study, draws: int, plain: int) -> None:
    click.echo(
        "| fragments a block | error uxm | error em | coverage >= .02 | width | absent called present "
        "| unexplained | marker bootstrap: coverage | width | absent called |"
    )
    click.echo("|---" * 10 + "|")
    columns = (
        "uxm error", "em error", "covered", "width", "called", "misfit",
        "plain covered", "plain width", "plain called",
    )  # fmt: skip
    for depth in (1, 5, 20):
        numbers = measure(study, depth, draws, plain)
        row = " | ".join(
            f"{numbers[name]:.4f}" if "error" in name else f"{numbers[name]:.3f}" for name in columns
        )
        click.echo(f"| {depth} | {row} |")
    for depth in (20, 50, 100, 200, 400, 800, 1600):
        rate = neuron_found(study, depth, max(draws // 10, 1))
        click.echo(f"neuron at .5 %, {depth} fragments a block: called present in {100 * rate:.0f} %")


def second_table(study: Study, draws: int, depths: tuple[float, ...], only: str) -> None:
    click.echo(
        "| fragments a block | planted | draws | residual | as of an unknown type of | unexplained "
        "| absent called, before | now | draws with any called, before | now "
        "| 5 % called, before | now | coverage of all DNA, before | now | of known types, before | now "
        "| width, before | now |"
    )
    click.echo("|---" * 18 + "|")
    for depth in depths:
        for precision, unknown in WORLDS:
            planted = [f"cells vary ({precision})"] if precision is not None else []
            planted += [f"unknown 10 %: {unknown}"] if unknown is not None else []
            name = "; ".join(planted) or "the model holds"
            if only not in name:
                continue
            numbers = measure_misfit(study, depth, draws, precision, unknown)
            cells = [f"{depth:g}", name, str(draws)]
            cells += [f"{numbers[name]:.2f}" for name in ("residual", "unknown", "unexplained")]
            cells += [
                f"{numbers[f'{name} {when}']:.3f}"
                for name in ("called", "any", "five", "covered", "known", "width")
                for when in ("before", "now")
            ]
            click.echo("| " + " | ".join(cells) + " |")


@click.command()
@click.option("--draws", default=500, show_default=True, help="Mixtures in each row.")
@click.option("--plain", default=50, show_default=True, help="Of these with the marker bootstrap (slow).")
@click.option("--seed", default=1, show_default=True)
@click.option("--misfit-only", is_flag=True, help="Leave out the table of samples that the model fits.")
@click.option("--depths", default="20,100", show_default=True, help="Fragments a block of the second table.")
@click.option("--only", default="", help="Rows of the second table whose name holds this.")
def command(draws: int, plain: int, seed: int, misfit_only: bool, depths: str, only: str) -> None:
    default = Path(__file__).resolve().parents[2] / "shared" / "realdata"
    path = Path(os.environ.get("CFDNA_INTERP_REALDATA", default)) / "atlas" / "Atlas.U25.l4.hg38.tsv"
    if not path.is_file():
        click.echo(f"skipped: no {path}; set CFDNA_INTERP_REALDATA to the folder that holds atlas/")
        return
    study = Study(path, seed)
    click.echo(f"{draws} draws a row, {len(study.expected)} blocks, {len(study.types)} types; simulated")
    if not misfit_only:
        first_table(study, draws, plain)
    second_table(study, draws, tuple(float(depth) for depth in depths.split(",") if depth), only)


if __name__ == "__main__":
    command()
