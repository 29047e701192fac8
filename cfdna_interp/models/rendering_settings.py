"""Settings of how a fragment is written for a sequence model: the content of ``rendering.yaml``."""

from __future__ import annotations

import hashlib
import json
import string
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import jsonschema

from cfdna_interp.config.yaml_file import read_yaml
from cfdna_interp.errors import InputError

_SCHEME = "rendering-1"  # part of the digest; changed when the same settings give another text
_PLACES = ("chromosome", "millions", "thousands", "ones")
_TEXT: dict[str, Any] = {"type": ["string", "null"], "minLength": 1}
_SCHEMA: dict[str, Any] = {
    "type": "object",
    "additionalProperties": False,
    "required": ["methylation"],
    "properties": {
        "methylation": {"enum": ["token", "letter", "token_type", "none"]},
        "methylated": _TEXT,
        "unmethylated": _TEXT,
        "prefix": {"type": "string"},
        "suffix": {"type": "string"},
        "special_tokens": {"type": "boolean"},
        "kmer": {"type": "integer", "minimum": 1, "maximum": 16},
        "separator": {"type": "string"},
        "carrier": {"type": ["integer", "null"], "minimum": 0},
        "last_kmer": {"type": "boolean"},
        "strand": {"enum": ["forward", "molecule"]},
        "build": _TEXT,
    },
}


@dataclass(frozen=True)
class Rendering:
    """How a fragment is written for one model; the keys of its ``rendering.yaml``.

    Attributes
    ----------
    methylation
        ``token``: a token after a called C. ``letter``: a letter in place of a called C. ``token_type``: the
        text has bases only, and states are given as ``token_type_ids``. ``none``: no states.
    methylated, unmethylated
        The token or letter. ``unmethylated`` may be null: an unmethylated C is then written like any C.
    prefix, suffix
        Text around the bases, with ``{chromosome}`` (1, X, MT), ``{millions}``, ``{thousands}`` and
        ``{ones}`` of the fragment's first base on the forward strand, 0-based.
    special_tokens
        Whether the tokenizer adds its own wrappers.
    kmer, separator
        Bases per word and text between two words. Words overlap by all bases but one.
    carrier
        Index of the base that carries the word's state, 0-based; null: the middle one.
    last_kmer
        Whether the last word is written.
    strand
        ``forward``, or ``molecule``: the reverse complement if the molecule comes from the reverse strand.
    build
        Genome build that the model was trained on, or null.
    """

    methylation: str
    methylated: str | None = None
    unmethylated: str | None = None
    prefix: str = ""
    suffix: str = ""
    special_tokens: bool = True
    kmer: int = 1
    separator: str = ""
    carrier: int | None = None
    last_kmer: bool = True
    strand: str = "forward"
    build: str | None = None

    @classmethod
    def load(cls, path: Path | str) -> Rendering:
        """Read and check a ``rendering.yaml``.

        Raises
        ------
        InputError
            The file is missing or isn't YAML, a key is unknown, or values contradict each other.
        """
        values = read_yaml(Path(path), "rendering", "the examples of docs/models.md")
        try:
            jsonschema.validate(values, _SCHEMA)
            rendering = cls(**values)
            rendering._check()
        except jsonschema.ValidationError as error:
            where = ".".join(map(str, error.absolute_path))
            raise InputError(
                f"rendering {path}: {f'{where}: ' if where else ''}{error.message}; see docs/models.md"
            ) from None
        except ValueError as error:
            raise InputError(f"rendering {path}: {error}") from None
        return rendering

    def _check(self) -> None:
        written = self.methylation in ("token", "letter")
        texts = [text for text in (self.methylated, self.unmethylated) if text is not None]
        if written and self.methylated is None:
            raise ValueError(f"methylation: {self.methylation} needs methylated, e.g. methylated: <m>")
        if texts and not written:
            raise ValueError(
                f"methylation: {self.methylation} puts no text; remove methylated and unmethylated"
            )
        if self.methylation == "letter" and any(len(text) != 1 or text in "ACGTN" for text in texts):
            raise ValueError("a letter in place of a C has to be one character other than A C G T N")
        if self.middle >= self.kmer:
            raise ValueError(f"carrier {self.carrier} lies outside of a word of {self.kmer}; count from 0")
        for key in ("prefix", "suffix"):
            for field in _fields(getattr(self, key)):
                if field not in _PLACES:
                    known = ", ".join(f"{{{name}}}" for name in _PLACES)
                    raise ValueError(f"{key} has {{{field}}}; it knows {known}")

    @property
    def middle(self) -> int:
        """Index of the base that carries a word's state."""
        return self.kmer // 2 if self.carrier is None else self.carrier

    @property
    def digest(self) -> str:
        """SHA-256 over everything that decides a text."""
        return hashlib.sha256(json.dumps([_SCHEME, asdict(self)], sort_keys=True).encode()).hexdigest()

    @property
    def consumes(self) -> frozenset[str]:
        """What these texts contain of a fragment (see ``contract.Encoder``)."""
        names = {"sequence", "fragment_length"}
        if self.methylation != "none":
            names |= {"methylation", "tissue_of_origin"}
        if [*_fields(self.prefix), *_fields(self.suffix)]:
            names.add("locus")
        return frozenset(names)


def _fields(template: str) -> list[str]:
    """Return the fields in braces; a field with a format keeps it, so that its name is unknown."""
    fields = []
    for _, name, spec, conversion in string.Formatter().parse(template):
        if name is not None:
            plain = not conversion and (not spec or (spec.startswith("0") and spec.rstrip("d").isdigit()))
            fields.append(name if plain else f"{name}{f'!{conversion}' if conversion else ''}:{spec}")
    return fields
