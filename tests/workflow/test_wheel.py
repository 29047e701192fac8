"""The wheel carries the workflow: what a checkout has beside the package, an installed package has inside."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    pip = [sys.executable, "-m", "pip", "wheel", "--no-deps", "--no-build-isolation", "--no-index", "--quiet"]
    done = subprocess.run([*pip, "--wheel-dir", folder, ROOT], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (found,) = folder.glob("*.whl")
    return found


@pytest.fixture(scope="module")
def unzipped(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def python(site: Path, cwd: Path, *arguments: str) -> str:
    """Run Python on the unzipped wheel, far from the checkout."""
    done = subprocess.run(
        [sys.executable, *arguments],
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(site)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def kept(folder: Path, pattern: str) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob(pattern)}


def test_the_wheel_holds_what_the_checkout_holds(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = set(archive.namelist())
        snakefile = archive.read("cfdna_interp/workflow/Snakefile")
    assert snakefile == (ROOT / "Snakefile").read_bytes()
    package = {
        f"cfdna_interp/{name}"
        for suffix in ("*.py", "*.yaml", "*.html", "*.css", "*.js", "py.typed")
        for name in kept(ROOT / "cfdna_interp", suffix)
    }
    workflow = {
        f"cfdna_interp/workflow/{folder}/{name}"
        for folder in ("config", "profiles", "resources")
        for name in kept(ROOT / folder, "*.*")
    }
    assert package <= names
    assert workflow <= names
    # Named one by one what a run cannot do without, so that an emptied folder doesn't pass unseen.
    for name in (
        "workflow/profiles/default/config.yaml",
        "workflow/config/config.yaml",
        "workflow/resources/builds/GRCh37.tsv",
        "workflow/resources/builds/GRCh38.tsv",
        "workflow/resources/builds/T2T-CHM13v2.0.tsv",
        "workflow/resources/aliases.tsv",
        "workflow/resources/worlds/length.yaml",
        "workflow/resources/captions/report.rst",
        "report/templates/report.html",
        "cohort/sheet_schema.yaml",
    ):
        assert f"cfdna_interp/{name}" in names


def test_the_wheel_holds_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.split("/")[0] for name in archive.namelist()}
        strays = [name for name in archive.namelist() if name.endswith((".pyc", ".bam", ".parquet"))]
    assert {top for top in tops if not top.endswith(".dist-info")} == {"cfdna_interp"}
    assert strays == []


def test_an_installed_package_finds_its_files_inside_itself(unzipped: Path, tmp_path: Path) -> None:
    code = (
        "from cfdna_interp.config.resources import shipped\n"
        "from cfdna_interp.config import load_config\n"
        "from cfdna_interp.simulation.worlds import shipped_worlds\n"
        "for parts in (['Snakefile'], ['profiles', 'default', 'config.yaml'], ['resources', 'builds']):\n"
        "    print(shipped(*parts))\n"
        "load_config(shipped('config', 'config.yaml'))\n"
        "print(*sorted(shipped_worlds()))\n"
    )
    *paths, worlds = python(unzipped, tmp_path, "-c", code).splitlines()
    workflow = unzipped / "cfdna_interp" / "workflow"
    assert paths == [
        str(workflow / "Snakefile"),
        str(workflow / "profiles/default/config.yaml"),
        str(workflow / "resources/builds"),
    ]
    assert set(worlds.split()) >= {"length", "methylation", "null", "site-confounded"}


def test_an_installed_package_plans_a_run(unzipped: Path, simulated_cohort: Path, tmp_path: Path) -> None:
    config = tmp_path / "config.yaml"
    config.write_text(
        f"sheet: {simulated_cohort / 'sheet.tsv'}\noutdir: out\natlas: {simulated_cohort / 'atlas.tsv'}\n"
        f"reference: {{build: {simulated_cohort / 'build.tsv'}}}\n"
    )
    plan = python(unzipped, tmp_path, "-m", "cfdna_interp.cli", "run", "--dry-run", "--config", str(config))
    # A dry run counts the jobs, above and below their list: one extraction for each sample of the cohort.
    assert {line.split()[1] for line in plan.splitlines() if line.startswith("extract ")} == {"24"}
