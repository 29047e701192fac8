"""The arrows between packages: each imports only from packages to its left."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

ORDER = [
    "errors", "stats", "config", "artifacts", "records", "cohort", "fragments", "features", "models",
    "attribution", "representation", "proxy", "audit", "verdict", "report", "workflow",
    "cli",
]  # fmt: skip
SIMULATION_MAY_IMPORT = {"errors", "stats", "config", "artifacts", "records", "simulation"}
PACKAGE = Path(__file__).resolve().parents[1] / "cfdna_interp"
FILES = sorted(PACKAGE.rglob("*.py"))


def imported(file: Path) -> set[str]:
    """Return the sub-packages of cfdna_interp that a file imports, anywhere in it."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module and node.level == 0:
            names.add(node.module)
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
        elif isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
    parts = [name.split(".") for name in names if name.startswith("cfdna_interp.")]
    return {part[1] for part in parts if part[1] in {*ORDER, "simulation"}}


def room(file: Path) -> str:
    relative = file.relative_to(PACKAGE).parts
    return relative[0].removesuffix(".py")


@pytest.mark.parametrize("file", FILES, ids=lambda file: str(file.relative_to(PACKAGE)))
def test_imports_point_left(file: Path) -> None:
    here = room(file)
    if here == "__init__":
        assert imported(file) == set()
    elif here == "simulation":
        assert imported(file) <= SIMULATION_MAY_IMPORT
    else:
        allowed = set(ORDER[: ORDER.index(here) + 1]) | ({"simulation"} if here == "cli" else set())
        assert imported(file) <= allowed


@pytest.mark.parametrize(
    "file", [f for f in FILES if room(f) in ORDER[: ORDER.index("models")]], ids=lambda f: f.stem
)
def test_nothing_left_of_models_knows_torch(file: Path) -> None:
    for node in ast.walk(ast.parse(file.read_text())):
        modules = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        if isinstance(node, ast.ImportFrom):
            modules = [node.module or ""]
        assert not any(module.split(".")[0] in {"torch", "captum"} for module in modules)


def test_no_unsafe_loading_anywhere() -> None:
    # Untrusted files stay data: no pickle, no code from a checkpoint, no YAML that builds objects.
    unsafe = re.compile(
        r"import\s+pickle|joblib\.load|weights_only\s*=\s*(?!True)|trust_remote_code\s*=\s*(?!False)"
        r"|yaml\.load\b"
    )
    for file in FILES:
        found = unsafe.search(file.read_text())
        assert found is None, f"{file.name}: {found}"
