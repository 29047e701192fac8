"""The whole workflow with a causal language model as the encoder: it ends, and a kill loses little."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
import yaml

from cfdna_interp.artifacts.files import digest_file
from cfdna_interp.records.base import load_record
from cfdna_interp.records.encoder import FragmentEncoder

COMMAND = Path(sys.executable).with_name("cfdna-interp")


def tiny_config(cohort: Path, folder: Path) -> Path:
    """Write settings under which every sample gives 5 bags of 64 fragments of at most 150 bp: short texts."""
    settings = {
        "sheet": str(cohort / "sheet.tsv"),
        "atlas": str(cohort / "atlas.tsv"),
        "outdir": "results",
        "seed": 3,
        "reference": {"build": str(cohort / "build.tsv"), "fasta": str(cohort / "genome.fa")},
        "extract": {"fragments_per_sample": 320, "min_fragments": 320, "max_length": 150},
        "features": {"window": 200_000},
        "model": {
            "encoder": "causal", "dim": 8, "bag_size": 64, "pretrain_fragments": 1_000, "pretrain_epochs": 1,
            "folds": 3, "ensemble": 1,
        },
        "attribution": {
            "interventions": ["swap"], "references": ["discovery"], "bootstrap": 20, "permutations": 19,
            "gradient_steps": 8, "chunks": 1,
        },
        "representation": {"parts": []},
        "validation": {"permutations": 499, "bootstrap": 200},
    }  # fmt: skip
    path = folder / "config.yaml"
    path.write_text(yaml.safe_dump(settings))
    return path


@pytest.fixture(scope="module")
def finished(simulated_cohort: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Results of an undisturbed run."""
    folder = tmp_path_factory.mktemp("foundation")
    config = tiny_config(simulated_cohort, folder)
    done = subprocess.run(
        [COMMAND, "run", "--config", config, "--cores", "2"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3_000:]
    assert done.stdout.strip().splitlines()[-1] == str(folder / "results" / "report.html")
    return folder / "results"


def test_the_record_tells_losses_and_what_token_counts_follow(finished: Path) -> None:
    record = load_record(FragmentEncoder, finished / "encoder.json")
    assert record.consumes == ("fragment_length", "methylation", "sequence", "tissue_of_origin")
    reached = record.causal
    assert reached is not None
    assert reached.parameters <= 100_000
    # 24 batches teach which tokens are common, and hardly more.
    assert reached.loss < reached.loss_unigram + 0.2
    # A fragment has as many tokens as bases and methylated calls, and two wrappers. Lengths spread over tens
    # of bp, methylated calls over a few, so that tokens count bases first.
    assert reached.length_tokens > 0.9
    assert reached.methylated_tokens > reached.length_methylated
    assert "<html" in (finished / "report.html").read_text()


def embeddings(results: Path) -> dict[str, str]:
    """Return the digest of each file of held-out embeddings, and of their index."""
    folder = results / "embeddings"
    files = [*(folder / "heldout").glob("S*.safetensors"), *folder.glob("heldout*.json")]
    return {str(path.relative_to(results)): digest_file(path) for path in files}


def test_killed_while_embedding_and_taken_up_again_gives_the_same_bytes(
    finished: Path, simulated_cohort: Path, tmp_path: Path
) -> None:
    config = tiny_config(simulated_cohort, tmp_path)
    results = tmp_path / "results"
    shutil.copytree(finished, results, ignore=shutil.ignore_patterns("embeddings"))
    arguments = [COMMAND, "embed", "--config", config, "--role", "heldout"]
    process = subprocess.Popen(arguments, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while process.poll() is None and time.monotonic() < deadline:
        if len(list(results.glob("embeddings/heldout/S*.safetensors"))) >= 2:
            break
        time.sleep(0.02)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    before = {path: path.stat().st_mtime_ns for path in results.glob("embeddings/heldout/S*.safetensors")}
    assert 2 <= len(before) < 12
    assert not list(results.glob("embeddings/heldout*.json"))
    subprocess.run(arguments, capture_output=True, check=True)
    assert embeddings(results) == embeddings(finished)
    assert len(embeddings(results)) == 13
    # What was there was kept, not made again.
    assert {path: path.stat().st_mtime_ns for path in before} == before
    # Without the embedded bags, but with the cache, nothing goes through the model again.
    shards = {path: path.stat().st_mtime_ns for path in results.glob("embeddings/cache/*/*.safetensors")}
    shutil.rmtree(results / "embeddings" / "heldout")
    subprocess.run(arguments, capture_output=True, check=True)
    assert embeddings(results) == embeddings(finished)
    assert {path: path.stat().st_mtime_ns for path in shards} == shards
    assert set(results.glob("embeddings/cache/*/[!.]*.safetensors")) <= set(shards)
