"""Published atlases, which are never shipped. Users who accept the licence fetch them from their authors."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from cfdna_interp.artifacts.files import atomic_path, digest_file
from cfdna_interp.errors import InputError

TIMEOUT = 60  # seconds without an answer


@dataclass(frozen=True)
class Published:
    """A file at a public address.

    Attributes
    ----------
    address
        Address of exactly these bytes: it names a commit, not a branch.
    sha256
        SHA-256 of the bytes, hexadecimal.
    file
        Its usual name.
    licence
        Licence terms and citation.
    """

    address: str
    sha256: str
    file: str
    licence: str


ATLASES = {
    "uxm-hg38": Published(
        address="https://raw.githubusercontent.com/nloyfer/UXM_deconv/"
        "592702ae935e7ba8791d0e7878a761dc03c49c24/supplemental/Atlas.U25.l4.hg38.tsv",
        sha256="0581dfb6113974395e6c17e139e1059d969a5991a662ffb37684450c11cf0dff",
        file="Atlas.U25.l4.hg38.tsv",
        licence="""\
UXM atlas of 36 cell types, 25 marker blocks each, GRCh38 (Atlas.U25.l4.hg38.tsv)

It belongs to its authors (Loyfer et al., Hebrew University of Jerusalem), not to cfdna-interp, and
cfdna-interp's own licence does not extend to it. It is for research use only. The authors' terms
decide: https://github.com/nloyfer/UXM_deconv and https://github.com/nloyfer/wgbs_tools.

Cite: Loyfer et al., A DNA methylation atlas of normal human cell types, Nature 613:355-364 (2023),
https://doi.org/10.1038/s41586-022-05580-6""",
    ),
}


def fetch_atlas(published: Published, target: Path, address: str | None = None) -> bool:
    """Write a published atlas to ``target`` atomically.

    Parameters
    ----------
    published
        One of ``ATLASES``.
    target
        File to write. If it already is the atlas, nothing is fetched.
    address
        A mirror in place of the authors' address (``http://`` or ``https://``), with the same bytes.

    Returns
    -------
    Whether it was fetched.

    Raises
    ------
    InputError
        Another file has this name, the address gives other bytes or can't be read, or the folder can't be
        written.
    """
    source = address or published.address
    if not source.startswith(("http://", "https://")):
        raise InputError(f"{source} is not a web address; give one that begins with https://")
    try:
        if target.exists():
            if target.is_file() and digest_file(target) == published.sha256:
                return False
            raise InputError(f"{target} exists and is another file; move it, or give another --out")
        with atomic_path(target) as temporary:
            _download(source, temporary, published.sha256)
    except OSError as error:
        raise InputError(f"{target} cannot be written ({error}); give another --out") from None
    return True


def _download(source: str, target: Path, sha256: str) -> None:
    # This import takes a second and only this command needs it.
    import pooch
    import requests

    pooch.get_logger().setLevel(logging.WARNING)  # its messages would name the temporary file
    try:
        pooch.retrieve(
            source,
            known_hash=f"sha256:{sha256}",
            fname=target.name,
            path=target.parent,
            downloader=pooch.HTTPDownloader(timeout=TIMEOUT),
        )
    except requests.exceptions.RequestException as error:
        raise InputError(
            f"{source} cannot be fetched ({error}); check the network, or give a mirror with --address"
        ) from None
    except ValueError:  # pooch raises this for another checksum
        raise InputError(
            f"{source} does not hold the atlas expected (its SHA-256 is not {sha256}); try again, or give a "
            "mirror with --address"
        ) from None
