"""How kernels are compiled, and where the compiled code lies between runs.

The cache lies beside the package. If that folder isn't writable it lies in the user's cache folder, and as a
last resort in a private temporary folder. Its name holds a digest of all kernel sources, since Numba itself
checks only the file of the outermost function. Entries are keyed by processor type, and they are first
written under a temporary name, so machines can share one folder.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, TypeVar

import numba

from cfdna_interp.fragments import filters

F = TypeVar("F", bound=Callable[..., Any])

# For tests: bounds are checked at every access, without vector instructions. It is about twenty times slower.
DEBUG = os.environ.get("CFDNA_INTERP_DEBUG_KERNELS", "") == "1"


@cache
def cache_folder() -> str:
    """Make the folder for compiled kernels, and return it."""
    here = Path(__file__).parent
    digest = sha256()
    # Compiled code contains the flags and the numbers of reasons of `filters`.
    for source in (*sorted(here.glob("*.py")), Path(filters.__file__)):
        digest.update(source.name.encode() + b"\0" + source.read_bytes())
    name = f"kernels-{digest.hexdigest()[:16]}"
    home = os.environ.get("XDG_CACHE_HOME") or os.path.join(os.path.expanduser("~"), ".cache")
    setting = os.environ.get("NUMBA_CACHE_DIR")
    for parent in ([Path(setting)] if setting else []) + [here / "__pycache__", Path(home) / "cfdna-interp"]:
        folder = parent / name
        try:
            folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=folder):
                return str(folder)
        except OSError:
            continue
    return tempfile.mkdtemp(prefix="cfdna-interp-kernels-")


def kernel(function: F) -> F:
    """Compile a function that Python calls. It runs without Python's lock, and its code is cached on disk."""
    return _compile(function, cached=not DEBUG)


def helper(function: F) -> F:
    """Compile a function that only kernels call. It is inlined."""
    return _compile(function, cached=False, forceinline=True)


def _compile(function: F, cached: bool, **options: Any) -> F:
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = cache_folder() if cached else before
    try:
        # Kernels make no arrays, so they need no reference counts, which take half of a loop's time.
        compiled: F = numba.njit(
            cache=cached, nogil=True, boundscheck=DEBUG, error_model="numpy", _nrt=False, **options
        )(function)
    finally:
        numba.config.CACHE_DIR = before
    if cached:
        _load_without_preparing(compiled)
    return compiled


def _load_without_preparing(compiled: Any) -> None:
    """Make Numba look into a kernel's cache before it prepares to compile.

    Numba prepares first, which takes a third of the time of reading a small sample. The machine code in the
    cache doesn't need the preparation, since kernels call no library of Numba's.
    """
    disk_cache: Any = getattr(compiled, "_cache", None)
    if not (
        hasattr(disk_cache, "_load_overload") and hasattr(disk_cache, "_guard_against_spurious_io_errors")
    ):
        return

    def load(signature: Any, context: Any) -> Any:
        with disk_cache._guard_against_spurious_io_errors():
            return disk_cache._load_overload(signature, context)

    disk_cache.load_overload = load
