"""Settings of a run with their defaults; the schema beside this file says what values are allowed."""

from __future__ import annotations

import difflib
import json
from dataclasses import asdict, dataclass, field, fields, is_dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any, get_args, get_origin, get_type_hints

import yaml

from cfdna_interp.config.table import FeatureTable, problem_of
from cfdna_interp.errors import InputError

SCHEMA = Path(__file__).with_name("schema.yaml")


@dataclass(frozen=True)
class Reference:
    """Which genome the alignments are on.

    ``build`` is a name in ``resources/builds`` or the path of a two-column table (contig, length);
    ``fasta`` is needed for CRAM, for methylation calls by comparison, for ``extract.motifs: reference``, and
    for motifs and GC of fragment files; where it is set, it tells the CpGs of modified bases (MM) too.
    """

    build: str = "auto"
    fasta: str | None = None


@dataclass(frozen=True)
class Extract:
    """How fragments are read from alignments; lengths in bp."""

    fragments_per_sample: int = 20_000
    common_fragments: int | None = None
    min_mapq: int = 20
    mapq_of: str = "both"
    pairs: str = "inward"
    duplicates: str = "drop"
    min_length: int = 60
    max_length: int = 1_000
    contigs: tuple[str, ...] | str = "autosomes"
    blacklist: str | None = None
    motifs: str = "reads"
    methylation: str = "auto"
    mm_threshold: float = 0.8
    discordant: str = "drop"
    known_sites: str | None = None
    opposite_strand: bool = True
    ignore_5p: int | tuple[int, ...] = 0
    ignore_3p: int | tuple[int, ...] = 0
    min_fragments: int = 2_000
    technical_columns: tuple[str, ...] = ()


def per_mate(bases: int | tuple[int, ...]) -> tuple[int, int]:
    """Return a number of bases for the first and for the second mate, of one for both or one for each."""
    first, second = (bases, bases) if isinstance(bases, int) else bases
    return first, second


@dataclass(frozen=True)
class Features:
    """What feature tables are made of: window in bp, CpGs a fragment needs inside a marker block.

    ``annotation`` is a BED file whose fourth column names the context of CpGs. ``table`` takes the place of
    alignments, and of everything that is read from them.
    """

    window: int = 5_000_000
    uxm_min_cpgs: int = 3
    min_markers: int = 10
    tissue_method: str = "uxm"
    annotation: str | None = None
    table: FeatureTable | None = None


@dataclass(frozen=True)
class Model:
    """The model under study; ``bag_size`` fragments make a bag.

    ``encoder`` says where embeddings come from: pre-trained here (``reference``, ``causal``), or foreign, in
    ``checkpoint``; ``table``: only the scores of a model are known. Of a foreign encoder ``dim`` principal
    components are kept. ``token_budget`` bounds the tokens of a batch, padding included.
    """

    encoder: str = "reference"
    checkpoint: str | None = None
    factory: str | None = None
    digest: str | None = None
    rendering: str | None = None
    pooling: str = "mean"
    device: str = "auto"
    precision: str = "auto"
    token_budget: int = 16_384
    embed_chunks: int = 1
    dim: int = 32
    bag_size: int = 1_024
    pretrain_fragments: int = 200_000
    pretrain_epochs: int = 6
    folds: int = 5
    ensemble: int = 3


@dataclass(frozen=True)
class Attribution:
    """Interventions, references, donors and refits behind the rule for ``dominant``.

    Refits use ``swap`` with the reference ``discovery``. The other interventions with it have to put the same
    group first; the other references are reported. ``gradient_steps`` is the number of steps of integrated
    gradients.
    """

    interventions: tuple[str, ...] = ("swap", "reweight", "edit")
    references: tuple[str, ...] = ("discovery", "controls", "matched")
    gradient_steps: int = 16
    donors: int = 5
    bootstrap: int = 200
    permutations: int = 99
    chunks: int = 4


@dataclass(frozen=True)
class Representation:
    """What is looked for in the embeddings, and in how many of them.

    ``fragments`` is the most that probes, dictionaries and curves learn from, as many of each sample. A
    dictionary has ``features``, of which ``active`` speak for a fragment. There are as many dictionaries as
    ``seeds``, each also in blocks of ``block`` features. Over ``resamples`` of subjects a feature has to keep
    its contrast.
    """

    parts: tuple[str, ...] = ("probes", "features", "geometry")
    fragments: int = 200_000
    features: int = 512
    active: int = 8
    block: int = 3
    seeds: int = 5
    resamples: int = 1_000


@dataclass(frozen=True)
class ProxySettings:
    """How the logistic regression on the dominant group's features is built; see docs/proxy.md.

    ``basis`` is applied to the proxy's own features, the rest to baselines too. ``components`` is a number of
    principal components of a group's features, ``centred`` or not; None keeps the features themselves.
    """

    penalty: str = "l2"
    basis: str = "none"
    spline_functions: int = 12
    components: int | None = None
    centred: bool = True


@dataclass(frozen=True)
class Validation:
    """Margins fixed before the held-out cohort is opened; AUROC units."""

    permutations: int = 9_999
    bootstrap: int = 2_000
    necessity_margin: float = 0.02
    replaceable_margin: float = 0.05
    sufficiency_margin: float = 0.05
    signal_ceiling: float = 0.65


@dataclass(frozen=True)
class Config:
    """All settings of a run. Paths are absolute after loading, resolved against the config's folder.

    Samples come from ``sheet``, or from ``features.table``; ``sheet`` is "" then.
    """

    outdir: str
    sheet: str = ""
    seed: int = 1
    title: str = "cfDNA interpretation"
    atlas: str | None = None
    on_bad_sample: str = "stop"
    reference: Reference = field(default_factory=Reference)
    extract: Extract = field(default_factory=Extract)
    features: Features = field(default_factory=Features)
    model: Model = field(default_factory=Model)
    attribution: Attribution = field(default_factory=Attribution)
    representation: Representation = field(default_factory=Representation)
    proxy: ProxySettings = field(default_factory=ProxySettings)
    validation: Validation = field(default_factory=Validation)

    @property
    def route(self) -> str:
        """Where features come from: ``alignments`` or a ``table``."""
        return "alignments" if self.features.table is None else "table"

    @property
    def source(self) -> str:
        """The file that says who is in the study: the sheet, or the table."""
        return self.sheet if self.features.table is None else self.features.table.path

    def as_dict(self) -> dict[str, Any]:
        """Return the settings as nested dictionaries, for the record and for the workflow."""
        return asdict(self)


def load_config(path: Path | str) -> Config:
    """Read, check and complete a config file.

    Raises
    ------
    InputError
        The file is unreadable, a key is unknown (the nearest known one is named), or a value is not
        allowed.
    """
    file = Path(path)
    try:
        raw = yaml.safe_load(file.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise InputError(f"config {file} does not exist; start from config/config.yaml") from None
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"config {file} cannot be read: {error}") from None
    except yaml.YAMLError as error:
        place = getattr(error, "problem_mark", None)
        where = f", line {place.line + 1}" if place is not None else ""
        raise InputError(f"config {file}{where}: not valid YAML; correct the line") from None
    if not isinstance(raw, dict):
        raise InputError(f"config {file} holds no settings; start from config/config.yaml")
    config: Config = _build(Config, _check(raw, file))
    _check_together(config, file)
    try:
        return _resolve(config, file.resolve().parent)
    except RuntimeError as error:  # a path such as ~nobody/sheet.tsv
        raise InputError(f"config {file}: {error} Write paths out instead of ~") from None


@cache
def _schema() -> dict[str, Any]:
    schema: dict[str, Any] = yaml.safe_load(SCHEMA.read_text(encoding="utf-8"))
    return schema


def _check(raw: dict[str, Any], file: Path) -> dict[str, Any]:
    import jsonschema

    # A round trip through JSON turns YAML dates and non-text keys into what the schema can judge.
    try:
        document: dict[str, Any] = json.loads(json.dumps(raw, default=str, allow_nan=False))
    except (TypeError, ValueError) as reason:
        raise InputError(
            f"config {file}: {reason}; give plain keys and finite numbers as in config/config.yaml"
        ) from None
    errors = sorted(
        jsonschema.Draft202012Validator(_schema()).iter_errors(document), key=lambda e: list(e.absolute_path)
    )
    for error in errors:
        place = ".".join(str(part) for part in error.absolute_path)
        if error.validator == "additionalProperties":
            known = list(error.schema["properties"])
            unknown = sorted(set(error.instance) - set(known))[0]
            near = difflib.get_close_matches(unknown, known, n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"known keys: {', '.join(known)}"
            key = f"{place}.{unknown}" if place else unknown
            raise InputError(f"config {file}: unknown key {key!r}; {hint}")
        raise InputError(f"config {file}: {place or 'top level'}: {error.message}; correct the value")
    return document


def _check_together(config: Config, file: Path) -> None:
    """Check what the schema can't: values that need one another."""
    problem = _problem(config)
    if problem is not None:
        raise InputError(f"config {file}: {problem}")


def _problem(config: Config) -> str | None:
    extract, model, looked = config.extract, config.model, config.representation
    if config.features.table is None and not config.sheet:
        return "no samples; set sheet to a sample sheet, or features.table to a table of features"
    if config.features.table is not None:
        if config.sheet:
            return "both sheet and features.table say who is in the study; leave one of them out"
        if model.encoder != Model().encoder:
            return (
                f"model.encoder: {model.encoder} has no use beside features.table; name the column of your "
                "model's scores in features.table.columns.score, or leave model.encoder out"
            )
        problem = problem_of(config.features.table)
        if problem is not None:
            return problem
    if extract.min_length > extract.max_length:
        return (
            f"extract.min_length {extract.min_length} is above extract.max_length {extract.max_length}; "
            "correct the values"
        )
    if extract.motifs == "reference" and config.reference.fasta is None:
        return "extract.motifs: reference needs the genome's bases; set reference.fasta"
    if model.encoder in ("transformers", "torch_module", "table") and model.checkpoint is None:
        return f"model.encoder: {model.encoder} needs the model; set model.checkpoint"
    if model.encoder == "torch_module" and model.factory is None:
        return "model.encoder: torch_module needs the function that builds it; set model.factory"
    if model.encoder in ("transformers", "causal") and config.reference.fasta is None:
        return f"model.encoder: {model.encoder} reads the genome's bases; set reference.fasta"
    if -(-looked.active // looked.block) > looked.features // looked.block:
        return (
            f"representation.active {looked.active} is more than {looked.features} features in blocks of "
            f"{looked.block} can hold; lower it or raise representation.features"
        )
    return None


def _build(cls: type[Any], raw: dict[str, Any]) -> Any:
    hints = get_type_hints(cls)
    values = {}
    for item in fields(cls):
        if item.name not in raw or raw[item.name] is None:
            continue
        value, hint = raw[item.name], hints[item.name]
        if isinstance(value, dict):
            sections: list[Any] = [kind for kind in (hint, *get_args(hint)) if is_dataclass(kind)]
            if get_origin(hint) is dict:
                value = {name: _build(sections[0], part) for name, part in value.items()}
            else:
                value = _build(sections[0], value)
        elif hint is str:
            # A code such as 1 may stand without quotes.
            value = str(value)
        elif isinstance(value, list):
            value = tuple(value)
        elif hint in (int, float, int | None, int | tuple[int, ...]):
            # To the schema 20000.0 is an integer and 0 a number; to numpy they aren't.
            value = float(value) if hint is float else int(value)
        values[item.name] = value
    return cls(**values)


def _resolve(config: Config, folder: Path) -> Config:
    def absolute(value: str | None) -> str | None:
        if value is None or "://" in value:
            return value
        return str((folder / Path(value).expanduser()).resolve())

    build, table = config.reference.build, config.features.table
    looks_like_path = "/" in build or build.endswith((".tsv", ".fai"))
    return replace(
        config,
        sheet=absolute(config.sheet or None) or "",
        outdir=absolute(config.outdir) or "",
        atlas=absolute(config.atlas),
        reference=replace(
            config.reference,
            build=(absolute(build) or build) if looks_like_path else build,
            fasta=absolute(config.reference.fasta),
        ),
        features=replace(
            config.features,
            annotation=absolute(config.features.annotation),
            table=None if table is None else replace(table, path=absolute(table.path) or ""),
        ),
        model=replace(
            config.model,
            checkpoint=absolute(config.model.checkpoint),
            rendering=absolute(config.model.rendering),
        ),
        extract=replace(
            config.extract,
            blacklist=absolute(config.extract.blacklist),
            known_sites=absolute(config.extract.known_sites),
        ),
    )
