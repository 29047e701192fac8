"""Settings of a run: what is allowed and what holds by default stand in the types."""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct

from cfdna_interp.config.convert import SettingError, check_distinct
from cfdna_interp.config.table_settings import Column, FeatureTable

Text = Annotated[str, Meta(min_length=1)]
Bases = Annotated[int, Meta(ge=0, le=100)]
# Two numbers, but no tuple of fixed length: beside a number with bounds msgspec 0.23 misreads that one.
Ends = Bases | Annotated[tuple[Bases, ...], Meta(min_length=2, max_length=2)]
Factory = Annotated[
    str,
    Meta(
        pattern="^[A-Za-z_][A-Za-z0-9_.]*:[A-Za-z_][A-Za-z0-9_]*$",
        description="a function as package.module:function",
    ),
]
Digest = Annotated[str, Meta(pattern="^[0-9a-f]{64}$", description="a SHA-256 of 64 hexadecimal digits")]
EncoderKind = Literal["reference", "causal", "transformers", "torch_module", "table"]
TissueMethod = Literal["uxm", "nnls", "em"]
Margin = Annotated[float, Meta(ge=0, le=0.5)]


class Reference(Struct, frozen=True, forbid_unknown_fields=True):
    """Which genome the alignments are on.

    ``build`` is a name in ``resources/builds`` or the path of a two-column table (contig, length);
    ``fasta`` is needed for CRAM, for methylation calls by comparison, for ``extract.motifs: reference``, and
    for motifs and GC of fragment files; where it is set, it tells the CpGs of modified bases (MM) too.
    """

    build: Text = "auto"
    fasta: str | None = None


class Extract(Struct, frozen=True, forbid_unknown_fields=True):
    """How fragments are read from alignments; lengths in bp."""

    fragments_per_sample: Annotated[int, Meta(ge=100, le=1_000_000_000)] = 20_000
    common_fragments: Annotated[int, Meta(ge=100, le=1_000_000_000)] | None = None
    min_mapq: Annotated[int, Meta(ge=0, le=254)] = 20
    mapq_of: Literal["both", "first"] = "both"
    pairs: Literal["inward", "proper"] = "inward"
    duplicates: Literal["drop", "keep"] = "drop"
    min_length: Annotated[int, Meta(ge=20, le=20_000)] = 60
    max_length: Annotated[int, Meta(ge=100, le=20_000)] = 1_000
    contigs: Literal["autosomes", "all"] | Annotated[tuple[str, ...], Meta(min_length=1)] = "autosomes"
    blacklist: str | None = None
    motifs: Literal["reads", "reference"] = "reads"
    methylation: Literal["auto", "xm", "mm", "reference", "none"] = "auto"
    library: Literal["auto", "directional", "pbat", "non-directional"] = "auto"
    mm_threshold: Annotated[float, Meta(gt=0.5, le=1)] = 0.8
    discordant: Literal["drop", "quality"] = "drop"
    known_sites: str | None = None
    opposite_strand: bool = True
    ignore_5p: Ends = 0
    ignore_3p: Ends = 0
    min_fragments: Annotated[int, Meta(ge=0, le=1_000_000_000)] = 2_000
    technical_columns: tuple[str, ...] = ()


def per_mate(bases: int | tuple[int, ...]) -> tuple[int, int]:
    """Return a number of bases for the first and for the second mate, of one for both or one for each."""
    first, second = (bases, bases) if isinstance(bases, int) else bases
    return first, second


class Features(Struct, frozen=True, forbid_unknown_fields=True):
    """What feature tables are made of: window in bp, CpGs a fragment needs inside a marker block.

    ``annotation`` is a BED file whose fourth column names the context of CpGs. ``table`` takes the place of
    alignments, and of everything that is read from them.
    """

    window: Annotated[int, Meta(ge=1_000, le=1_000_000_000)] = 5_000_000
    uxm_min_cpgs: Annotated[int, Meta(ge=1, le=20)] = 3
    min_markers: Annotated[int, Meta(ge=1, le=1_000_000)] = 10
    tissue_method: TissueMethod = "uxm"
    annotation: str | None = None
    table: FeatureTable | None = None


class Model(Struct, frozen=True, forbid_unknown_fields=True):
    """The model under study; ``bag_size`` fragments make a bag.

    ``encoder`` says where embeddings come from: pre-trained here (``reference``, ``causal``), or foreign, in
    ``checkpoint``; ``table``: only the scores of a model are known. Of a foreign encoder ``dim`` principal
    components are kept. ``token_budget`` bounds the tokens of a batch, padding included.
    """

    encoder: EncoderKind = "reference"
    checkpoint: str | None = None
    factory: Factory | None = None
    digest: Digest | None = None
    rendering: str | None = None
    pooling: Literal["mean", "last", "cls"] = "mean"
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    precision: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    token_budget: Annotated[int, Meta(ge=256, le=1_000_000_000)] = 16_384
    embed_chunks: Annotated[int, Meta(ge=1, le=1_000_000)] = 1
    dim: Annotated[int, Meta(ge=4, le=512)] = 32
    bag_size: Annotated[int, Meta(ge=64, le=1_000_000)] = 1_024
    pretrain_fragments: Annotated[int, Meta(ge=1_000, le=1_000_000_000)] = 200_000
    pretrain_epochs: Annotated[int, Meta(ge=1, le=1_000_000)] = 6
    folds: Annotated[int, Meta(ge=2, le=20)] = 5
    ensemble: Annotated[int, Meta(ge=1, le=50)] = 3


class Attribution(Struct, frozen=True, forbid_unknown_fields=True):
    """Interventions, references, donors and refits behind the rule for ``dominant``.

    Refits use ``swap`` with the reference ``discovery``. The other interventions with it have to put the same
    group first; the other references are reported. ``gradient_steps`` is the number of steps of integrated
    gradients.
    """

    interventions: tuple[Literal["swap", "reweight", "edit"], ...] = ("swap", "reweight", "edit")
    references: tuple[Literal["discovery", "controls", "matched"], ...] = ("discovery", "controls", "matched")
    gradient_steps: Annotated[int, Meta(ge=8, le=512)] = 16
    donors: Annotated[int, Meta(ge=5, le=1_000_000)] = 5
    bootstrap: Annotated[int, Meta(ge=20, le=1_000_000)] = 200
    permutations: Annotated[int, Meta(ge=19, le=1_000_000)] = 99
    chunks: Annotated[int, Meta(ge=1, le=1_000_000)] = 4

    def __post_init__(self) -> None:
        for key, needed in (("interventions", "swap"), ("references", "discovery")):
            values = getattr(self, key)
            check_distinct(key, values)
            if needed not in values:
                raise SettingError(key, f"the rule for dominance needs {needed!r}; add it")


class Representation(Struct, frozen=True, forbid_unknown_fields=True):
    """What is looked for in the embeddings, and in how many of them.

    ``fragments`` is the most that probes, dictionaries and curves learn from, as many of each sample. A
    dictionary has ``features``, of which ``active`` speak for a fragment. There are as many dictionaries as
    ``seeds``, each also in blocks of ``block`` features. Over ``resamples`` of subjects a feature has to keep
    its contrast.
    """

    parts: tuple[Literal["probes", "features", "geometry"], ...] = ("probes", "features", "geometry")
    fragments: Annotated[int, Meta(ge=10_000, le=1_000_000_000)] = 200_000
    features: Annotated[int, Meta(ge=16, le=1_000_000)] = 512
    active: Annotated[int, Meta(ge=1, le=1_000_000)] = 8
    block: Annotated[int, Meta(ge=2, le=4)] = 3
    seeds: Annotated[int, Meta(ge=5, le=1_000_000)] = 5
    resamples: Annotated[int, Meta(ge=100, le=1_000_000)] = 1_000

    def __post_init__(self) -> None:
        check_distinct("parts", self.parts)


class ProxySettings(Struct, frozen=True, forbid_unknown_fields=True):
    """How the logistic regression on the dominant group's features is built; see docs/proxy.md.

    ``basis`` is applied to the proxy's own features, the rest to baselines too. ``components`` is a number of
    principal components of a group's features, ``centred`` or not; None keeps the features themselves.
    """

    penalty: Literal["l2", "l1", "elasticnet", "auto"] = "l2"
    basis: Literal["none", "splines", "ilr"] = "none"
    spline_functions: Annotated[int, Meta(ge=4, le=100)] = 12
    components: Annotated[int, Meta(ge=1, le=1_000_000)] | None = None
    centred: bool = True


class Corrected(Struct, frozen=True, forbid_unknown_fields=True):
    """Whether values were corrected for batches before they came here: only the user can know.

    ``how`` is ``none``, ``blind`` (labels had no part in it), ``with labels`` (the label stood among the
    covariates, as ComBat allows) or ``unknown``. ``by`` says who did it, or with what. ``over`` is what was
    corrected together: ``both roles``, ``discovery`` alone, or ``each role`` by itself.
    """

    how: Literal["unknown", "none", "blind", "with labels"]
    by: str = ""
    over: Literal["both roles", "discovery", "each role"] = "both roles"


class Validation(Struct, frozen=True, forbid_unknown_fields=True):
    """Margins fixed before the held-out cohort is opened; AUROC units.

    ``fall_margin`` is the fall of the AUROC that is called none: rungs L4 and L5 ask that holding batches and
    technical columns, or age and sex, takes less than that.
    """

    permutations: Annotated[int, Meta(ge=199, le=1_000_000)] = 9_999
    bootstrap: Annotated[int, Meta(ge=200, le=1_000_000)] = 2_000
    necessity_margin: Margin = 0.02
    replaceable_margin: Margin = 0.05
    sufficiency_margin: Margin = 0.05
    fall_margin: Annotated[float, Meta(gt=0, le=0.5)] = 0.03
    signal_ceiling: Annotated[float, Meta(ge=0.5, le=1)] = 0.65


class Config(Struct, frozen=True, forbid_unknown_fields=True):
    """All settings of a run. Paths are absolute after loading, resolved against the config's folder.

    Samples come from ``sheet``, or from ``features.table``; ``sheet`` is "" then. ``atlas`` is a table of
    marker blocks by cell types; without it there is no tissue of origin. ``mediators`` and ``priority`` name
    columns of the audit, as the sheet or table calls them: those on the way from disease to the signal, which
    the audit never holds, and those that it holds first.
    """

    outdir: Text
    sheet: str = ""
    seed: Annotated[int, Meta(ge=0, le=4_294_967_295)] = 1
    title: str = "cfDNA interpretation"
    atlas: str | None = None
    on_bad_sample: Literal["stop", "exclude"] = "stop"
    mediators: tuple[Column, ...] = ()
    priority: tuple[Column, ...] = ()
    corrected: Corrected = Corrected("unknown")
    reference: Reference = Reference()
    extract: Extract = Extract()
    features: Features = Features()
    model: Model = Model()
    attribution: Attribution = Attribution()
    representation: Representation = Representation()
    proxy: ProxySettings = ProxySettings()
    validation: Validation = Validation()

    def __post_init__(self) -> None:
        check_distinct("mediators", self.mediators)
        check_distinct("priority", self.priority)

    @property
    def source(self) -> str:
        """The file that says who is in the study: the sheet, or the table."""
        return self.sheet if self.features.table is None else self.features.table.path

    def audited(self, key: str) -> list[str]:
        """Return ``mediators`` or ``priority`` as results call them: age and sex have names of their own."""
        table = self.features.table
        own = {} if table is None else {table.columns.age: "age", table.columns.sex: "sex"}
        return [own.get(name, name) for name in getattr(self, key)]
