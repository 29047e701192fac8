"""Addresses of files that are not on this machine, and what of them may be shown."""

from __future__ import annotations

import re

_SECRET = re.compile(r"(?<=://)[^/?#@]*@|[?#].*", re.DOTALL)
_ADDRESS = re.compile(r"""[A-Za-z][\w+.-]*://[^\s'"]+""")


def is_remote(path: str) -> bool:
    """Tell whether a path is an address (``http://``, ``s3://``)."""
    return "://" in path


def shown(path: str) -> str:
    """Return a path or an address as messages and results have it.

    What stands behind ``?`` or ``#`` is left out, as are a user and a password: the signature of a signed
    address opens the file for whoever reads it. A path on this machine stays as it is.
    """
    return _SECRET.sub("", path) if is_remote(path) else path


def hide_secrets(text: str) -> str:
    """Return a text whose addresses are as :func:`shown` has them."""
    return _ADDRESS.sub(lambda found: shown(found[0]), text)


def split_query(address: str) -> tuple[str, str]:
    """Return an address up to its query, and the query with its ``?``; "" where there is none."""
    name, mark, query = address.partition("?")
    return name, mark + query
