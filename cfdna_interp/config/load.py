"""Reading a config file: checked against the types, completed, its paths made absolute."""

from __future__ import annotations

import json
import os
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from cfdna_interp.config.convert import SettingError, decode
from cfdna_interp.config.settings import Config, Model
from cfdna_interp.config.table_settings import problems_of
from cfdna_interp.config.yaml_file import read_yaml
from cfdna_interp.errors import InputError, Mistakes


def load_config(path: Path | str) -> Config:
    """Read, check and complete a config file.

    Raises
    ------
    InputError
        The file is unreadable, a key is unknown (the nearest known one is named), or a value is not
        allowed.
    """
    file = Path(path)
    raw = read_yaml(file, "config", "config/config.yaml")
    if not isinstance(raw, dict):
        raise InputError(f"config {file} holds no settings; start from config/config.yaml")
    try:
        config = decode(_plain(raw, file), Config)
    except SettingError as error:
        mistakes = Mistakes()
        for each in (error, *error.more):
            mistakes.add(f"config {file}: {each}")
        mistakes.stop()
        raise
    return _checked(config, file)


def _plain(raw: dict[str, Any], file: Path) -> dict[str, Any]:
    """Return what YAML holds as JSON would: dates and keys as text, 20000.0 as a whole number."""
    try:
        document: dict[str, Any] = json.loads(
            json.dumps(raw, default=str, allow_nan=False), parse_float=_number
        )
    except (TypeError, ValueError) as reason:
        raise InputError(
            f"config {file}: {reason}; give plain keys and finite numbers as in config/config.yaml"
        ) from None
    mistakes = Mistakes()
    for place, text in _texts(document):
        unwritable = next((sign for sign in text if "\ud800" <= sign <= "\udfff"), None)
        if unwritable is not None:
            mistakes.add(
                f"config {file}: {place!a} holds {unwritable!a}, half of a character, which no file can "
                "hold; write the character itself"
            )
        control = next((sign for sign in text if unicodedata.category(sign) == "Cc"), None)
        if place == "title" and control is not None:
            mistakes.add(
                f"config {file}: title holds {control!a}, a control character, which no page shows; "
                "leave it out"
            )
    mistakes.stop()
    if isinstance(document.get("corrected"), str):
        # The one word that matters may stand alone.
        document["corrected"] = {"how": document["corrected"]}
    if document.get("sheet", "") is None:
        del document["sheet"]
    return document


def _texts(value: Any, place: str = "") -> Iterator[tuple[str, str]]:
    """Yield the place and the text of all keys and values that are texts."""
    if isinstance(value, str):
        yield place, value
    parts = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, part in parts:
        where = f"{place}.{key}".removeprefix(".")
        if isinstance(key, str):
            yield where, key
        yield from _texts(part, where)


def _number(text: str) -> int | float:
    number = float(text)
    return int(number) if number.is_integer() else number


def _checked(config: Config, file: Path) -> Config:
    """Check what no type can, values that need one another and paths, and complete the config."""
    mistakes = Mistakes()
    for problem in _problems(config):
        mistakes.add(f"config {file}: {problem}")
    with mistakes.kept():
        config = _resolve(config, file)
    mistakes.stop()
    return config


def _problems(config: Config) -> Iterator[str]:
    extract, model, looked = config.extract, config.model, config.representation
    if config.features.table is None and not config.sheet:
        yield "no samples; set sheet to a sample sheet, or features.table to a table of features"
    if config.features.table is not None:
        if config.sheet:
            yield "both sheet and features.table say who is in the study; leave one of them out"
        if model.encoder != Model().encoder:
            yield (
                f"model.encoder: {model.encoder} has no use beside features.table; name the column of your "
                "model's scores in features.table.columns.score, or leave model.encoder out"
            )
        yield from problems_of(config.features.table)
    if extract.min_length > extract.max_length:
        yield (
            f"extract.min_length {extract.min_length} is above extract.max_length {extract.max_length}; "
            "correct the values"
        )
    if extract.motifs == "reference" and config.reference.fasta is None:
        yield "extract.motifs: reference needs the genome's bases; set reference.fasta"
    if model.encoder in ("transformers", "torch_module", "table") and model.checkpoint is None:
        yield f"model.encoder: {model.encoder} needs the model; set model.checkpoint"
    if model.encoder == "torch_module" and model.factory is None:
        yield "model.encoder: torch_module needs the function that builds it; set model.factory"
    if model.encoder in ("transformers", "causal") and config.reference.fasta is None:
        yield f"model.encoder: {model.encoder} reads the genome's bases; set reference.fasta"
    if -(-looked.active // looked.block) > looked.features // looked.block:
        yield (
            f"representation.active {looked.active} is more than {looked.features} features in blocks of "
            f"{looked.block} can hold; lower it or raise representation.features"
        )


def _resolve(config: Config, file: Path) -> Config:
    folder = Path(os.path.realpath(file)).parent
    mistakes = Mistakes()

    def absolute(key: str, value: str | None) -> str | None:
        if value is None or "://" in value:
            return value
        try:
            path = str((folder / Path(value).expanduser()).resolve())
        except RuntimeError as error:  # a path such as ~nobody/sheet.tsv
            mistakes.add(f"config {file}: {key}: {error} Write paths out instead of ~")
            return value
        except ValueError as error:  # letters that no file name has, such as NUL
            mistakes.add(f"config {file}: {key}: {value!r} is no path ({error}); correct it")
            return value
        if "{" in path or "}" in path:
            mistakes.add(
                f"config {file}: {key}: the path {path} has a brace, which Snakemake takes for a wildcard; "
                "give the folder or the file another name"
            )
        return path

    if "://" in config.outdir:
        mistakes.add(f"config {file}: outdir: {config.outdir} is an address; give a local folder")
    build, table = config.reference.build, config.features.table
    looks_like_path = "/" in build or build.endswith((".tsv", ".fai"))
    resolved = replace(
        config,
        sheet=absolute("sheet", config.sheet or None) or "",
        outdir=absolute("outdir", config.outdir) or "",
        atlas=absolute("atlas", config.atlas),
        reference=replace(
            config.reference,
            build=(absolute("reference.build", build) or build) if looks_like_path else build,
            fasta=absolute("reference.fasta", config.reference.fasta),
        ),
        features=replace(
            config.features,
            annotation=absolute("features.annotation", config.features.annotation),
            table=None
            if table is None
            else replace(table, path=absolute("features.table.path", table.path) or ""),
        ),
        model=replace(
            config.model,
            checkpoint=absolute("model.checkpoint", config.model.checkpoint),
            rendering=absolute("model.rendering", config.model.rendering),
        ),
        extract=replace(
            config.extract,
            blacklist=absolute("extract.blacklist", config.extract.blacklist),
            known_sites=absolute("extract.known_sites", config.extract.known_sites),
        ),
    )
    mistakes.stop()
    return resolved
