"""``cfdna-interp fetch-atlas``."""

from __future__ import annotations

from pathlib import Path

import click


@click.command("fetch-atlas")
@click.argument("name", type=click.Choice(["uxm-hg38"]))
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="File to write [default: the atlas' own name, here].",
)
@click.option("--accept-licence", is_flag=True, help="You have read its licence, and accept it.")
@click.option("--address", help="A mirror to fetch it from; the bytes must be the same.")
def command(name: str, out: Path | None, accept_licence: bool, address: str | None) -> None:
    """Fetch a published atlas from its authors; without --accept-licence only show its licence."""
    from cfdna_interp.artifacts.published import ATLASES, fetch_atlas
    from cfdna_interp.errors import InputError

    published = ATLASES[name]
    click.echo(published.licence + "\n", err=True)
    if not accept_licence:
        raise InputError(f"atlas {name} was not fetched: read its licence above, then add --accept-licence")
    target = out or Path(published.file)
    fetched = fetch_atlas(published, target, address)
    click.echo(f"{target}" if fetched else f"{target} (there already)")
