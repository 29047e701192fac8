"""``cfdna-interp simulate``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("simulate")
@click.option("--world", "world_name", required=True, help="Name of a shipped world, or a YAML file.")
@click.option(
    "--out", required=True, type=click.Path(path_type=Path, file_okay=False), help="Folder to fill."
)
@click.option("--seed", default=1, show_default=True, type=click.IntRange(0, 2**32 - 1))
@click.option(
    "--fragments",
    type=click.IntRange(min=1_000),
    help="Molecules per sample [default: the world's]. 1,300 are enough for every shipped world; with fewer "
    "the noise of tissue_of_origin alone may exceed what subjects differ by.",
)
@click.option(
    "--discovery",
    type=click.IntRange(min=2),
    help="Discovery subjects [default: the world's]. `run` needs 10 at least.",
)
@click.option("--heldout", type=click.IntRange(min=2), help="Held-out subjects [default: the world's].")
@click.option(
    "--dialect",
    default="xm",
    show_default=True,
    type=click.Choice(["xm", "mm", "reference", "taps"]),
    help="How the same truth is written: Bismark's XM; native bases with MM/ML; bwa-meth, to be compared "
    "with the reference; TAPS.",
)
@click.option("--jobs", default=1, show_default=True, type=click.IntRange(min=1), help="Processes.")
def command(
    world_name: str,
    out: Path,
    seed: int,
    fragments: int | None,
    discovery: int | None,
    heldout: int | None,
    dialect: str,
    jobs: int,
) -> None:
    """Write a simulated cohort of BAM files whose truth is known, with a config for ``run``."""
    from dataclasses import replace

    from cfdna_interp.simulation.cohort import simulate
    from cfdna_interp.simulation.worlds import load_world

    world = load_world(world_name)
    world = replace(
        world,
        fragments=fragments or world.fragments,
        discovery=discovery or world.discovery,
        heldout=heldout or world.heldout,
    )
    click.echo(simulate(world, out, seed=seed, jobs=jobs, dialect=dialect))
