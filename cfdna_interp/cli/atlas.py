"""``cfdna-interp atlas check`` and ``cfdna-interp atlas unknown``."""

from __future__ import annotations

from pathlib import Path

import click

from cfdna_interp.cli.options import FiniteRange, config_option


@click.group("atlas")
def command() -> None:
    """Look at an atlas, or add to it, before trusting tissue of origin."""


@command.command("check")
@click.option(
    "--config",
    "config_path",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Settings of a run: its atlas, and the samples extracted so far.",
)
@click.option(
    "--atlas", "atlas_path", type=click.Path(path_type=Path, dir_okay=False), help="An atlas by itself."
)
@click.option(
    "--depth",
    type=FiniteRange(min=0, max=1e9, min_open=True),
    help="Fragments (or calls) a block to judge by [default: the samples' median, 10 without samples].",
)
@click.option(
    "--share",
    type=FiniteRange(min=0, max=1, min_open=True, max_open=True),
    default=0.05,
    show_default=True,
    help="Share of two cell types that are to be told apart.",
)
def check(config_path: Path | None, atlas_path: Path | None, depth: float | None, share: float) -> None:
    """Print markers per cell type, how many samples cover, and which types can't be told apart."""
    from cfdna_interp.artifacts.atlas import Atlas
    from cfdna_interp.config import load_config
    from cfdna_interp.config.settings import Features
    from cfdna_interp.features.atlas_report import atlas_lines

    if (config_path is None) == (atlas_path is None):
        raise click.UsageError("give either --config or --atlas")
    profiles: list[Path] = []
    settings = Features()
    if config_path is not None:
        config = load_config(config_path)
        if config.atlas is None:
            raise click.UsageError(f"config {config_path} sets no atlas")
        atlas_path, settings = Path(config.atlas), config.features
        profiles = sorted(Path(config.outdir, "profiles").glob("[!.]*.parquet"))
    for line in atlas_lines(Atlas.load(str(atlas_path)), profiles, settings.min_markers, depth, share):
        click.echo(line)


@command.command("unknown")
@config_option
@click.option("--count", type=click.IntRange(1, 5), default=1, show_default=True, help="Cell types to add.")
@click.option("--out", required=True, type=click.Path(path_type=Path, dir_okay=False), help="Atlas to write.")
def unknown(config_path: Path, count: int, out: Path) -> None:
    """Estimate cell types that the atlas lacks from the discovery samples, and write the atlas with them.

    With the new file as ``atlas`` in the config, extraction gives their shares too.
    """
    from cfdna_interp.config import load_config
    from cfdna_interp.features.unknown_tissue import add_unknown

    atlas, found = add_unknown(load_config(config_path), count)
    atlas.save(out)
    means = found.shares[:, -count:].mean(axis=0)
    for name, mean in zip(atlas.cell_types[-count:], means, strict=True):
        click.echo(f"{name}: {100 * mean:.1f} % of {len(found.shares)} discovery samples on average")
    click.echo(
        f"over-dispersion that is left (spread): {atlas.spread:.3g}, or {1 + 99 * atlas.spread:.2f} times "
        "binomial variance at 100 counts a block; compare other --count"
    )
    apart = max(found.levels) - sorted(found.levels)[-2]
    click.echo(
        f"{len(found.levels)} starts, the best two {apart:.2g} apart in log-likelihood"
        f"{'' if found.converged else '; the best one had not settled'}; written: {out}"
    )
