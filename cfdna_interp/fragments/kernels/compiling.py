"""How kernels are compiled, and where the compiled code is kept between runs.

The cache lies beside the package where that folder is writable, otherwise in the user's cache folder, and
as a last resort in a private temporary folder. Its name carries a digest of all kernel sources:
Numba by itself looks only at the file of the outermost function. Entries are keyed by processor type and
written under a temporary name first, so that machines can share one folder.
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

# With bounds checked at every access and without vector instructions: for tests, some twenty times slower.
DEBUG = os.environ.get("CFDNA_INTERP_DEBUG_KERNELS", "") == "1"


@cache
def cache_folder() -> str:
    """Return the folder that compiled kernels are kept in, after making it."""
    here = Path(__file__).parent
    digest = sha256()
    # Compiled code holds the flags and the places of reasons that `filters` lists.
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
    """Compile a function that Python calls; it holds no lock while it runs and is kept between runs."""
    return _compile(function, cached=not DEBUG)


def helper(function: F) -> F:
    """Compile a function that only kernels call; it becomes part of them."""
    return _compile(function, cached=False, forceinline=True)


def _compile(function: F, cached: bool, **options: Any) -> F:
    before = numba.config.CACHE_DIR
    numba.config.CACHE_DIR = cache_folder() if cached else before
    try:
        # Without reference counts: kernels make no arrays, and counting takes half of a loop's time.
        compiled: F = numba.njit(
            cache=cached, nogil=True, boundscheck=DEBUG, error_model="numpy", _nrt=False, **options
        )(function)
    finally:
        numba.config.CACHE_DIR = before
    if cached:
        _load_without_preparing(compiled)
    return compiled


def _load_without_preparing(compiled: Any) -> None:
    """Make a kernel's cache be looked into first, and Numba prepare for compiling only where that fails.

    Numba does it the other way round, which takes a third of the time in which a small sample is read. What
    it keeps is machine code that needs nothing of the preparation: kernels call no library of Numba's.
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
