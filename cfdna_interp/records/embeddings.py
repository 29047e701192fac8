"""``embeddings/{role}.{chunk}.json``: the embedded samples of one chunk of a role, written last."""

from __future__ import annotations

from typing import ClassVar

from cfdna_interp.records.base import ResultFile


class EmbeddingIndex(ResultFile, frozen=True, kw_only=True):
    """Which embeddings of a chunk of samples are finished.

    Attributes
    ----------
    files
        Sample -> SHA-256 of its ``embeddings/{role}/{sample}.safetensors``.
    """

    FILE: ClassVar[str] = "embeddings/{role}.{chunk}.json"
    STAGE: ClassVar[str] = "embed"

    files: dict[str, str]
