"""The paths of all files of a run, for the commands and the Snakefile."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True)
class Layout:
    """Paths under one output folder."""

    root: Path

    @classmethod
    def of(cls, outdir: str | Path) -> Layout:
        """Return the layout of the run with results in ``outdir``."""
        return cls(Path(outdir))

    def samples(self, role: str) -> Path:
        """Return the checked sheet of a role; the held-out one has no labels."""
        return self.root / "cohort" / f"{role}.tsv"

    def fragments(self, sample: str) -> Path:
        """Return the fragment subsample of a sample."""
        return self.root / "fragments" / f"{sample}.parquet"

    def profile(self, sample: str) -> Path:
        """Return the whole-sample counts of a sample."""
        return self.root / "profiles" / f"{sample}.parquet"

    def features(self, sample: str) -> Path:
        """Return the feature list of a sample."""
        return self.root / "features" / f"{sample}.parquet"

    def qc(self, sample: str) -> Path:
        """Return the quality record of a sample."""
        return self.root / "qc" / f"{sample}.json"

    def matrix(self, role: str) -> Path:
        """Return the feature matrix of a role."""
        return self.root / f"features.{role}.h5ad"

    def embeddings(self, role: str, sample: str) -> Path:
        """Return the embedded bags of a sample."""
        return self.root / "embeddings" / role / f"{sample}.safetensors"

    def embedded(self, role: str, chunk: int | str) -> Path:
        """Return the index of the embedded bags of one chunk of a role, written last."""
        return self.root / "embeddings" / f"{role}.{chunk}.json"

    def attributed(self, chunk: int | str) -> Path:
        """Return the coalition values of one chunk of samples under all interventions and references."""
        return self.root / "attributed" / f"{chunk}.parquet"

    def attribution_notes(self, chunk: int | str) -> Path:
        """Return the notes of one chunk of samples: what doesn't apply, and the quality of matches."""
        return self.root / "attributed" / f"{chunk}.json"

    def gradients(self, chunk: int | str) -> Path:
        """Return the integrated gradients of one chunk of samples, summed to maps."""
        return self.root / "attributed" / f"{chunk}.maps.parquet"

    def refits(self, chunk: int | str) -> Path:
        """Return the coalition values and shares of one chunk of refits."""
        return self.root / "refits" / f"{chunk}.parquet"

    def permuted_heads(self, chunk: int | str) -> Path:
        """Return the heads of one chunk of refits with permuted labels."""
        return self.root / "refits" / f"{chunk}.heads.safetensors"

    def dictionary(self, number: int | str) -> Path:
        """Return the quality record of one seed's sparse autoencoders, plain and in blocks."""
        return self.root / "dictionaries" / f"{number}.json"

    def scores(self, writer: str) -> Path:
        """Return the frozen held-out scores written by ``train`` ("model") or ``proxy`` ("proxy")."""
        return self.root / f"scores.{writer}.parquet"

    def opened_protocol(self, digest: str) -> Path:
        """Return the copy of a protocol under which the held-out labels were read."""
        return self.root / "protocols" / f"{digest}.json"

    def file(self, name: str) -> Path:
        """Return a cohort-level file by its name, e.g. ``protocol.json``."""
        return self.root / name

    def log(self, stage: str, job: str = "") -> Path:
        """Return the log of a stage, or of one of its jobs."""
        return self.root / "logs" / (f"{stage}/{job}.log" if job else f"{stage}.log")

    def benchmark(self, stage: str, job: str = "") -> Path:
        """Return the time and memory of a stage, or of one of its jobs, as Snakemake measured them."""
        return self.root / "benchmarks" / (f"{stage}/{job}.tsv" if job else f"{stage}.tsv")
