"""Settings of a run with their defaults; the schema beside this file says what values are allowed."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from cfdna_interp.config.table import FeatureTable


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

    interventions: tuple[Literal["swap", "reweight", "edit"], ...] = ("swap", "reweight", "edit")
    references: tuple[Literal["discovery", "controls", "matched"], ...] = ("discovery", "controls", "matched")
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
class Corrected:
    """Whether values were corrected for batches before they came here: only the user can know.

    ``how`` is ``none``, ``blind`` (labels had no part in it), ``with labels`` (the label stood among the
    covariates, as ComBat allows) or ``unknown``. ``by`` says who did it, or with what. ``over`` is what was
    corrected together: ``both roles``, ``discovery`` alone, or ``each role`` by itself.
    """

    how: str = "unknown"
    by: str = ""
    over: str = "both roles"


@dataclass(frozen=True)
class Validation:
    """Margins fixed before the held-out cohort is opened; AUROC units.

    ``fall_margin`` is the fall of the AUROC that is called none: rungs L4 and L5 ask that holding batches and
    technical columns, or age and sex, takes less than that.
    """

    permutations: int = 9_999
    bootstrap: int = 2_000
    necessity_margin: float = 0.02
    replaceable_margin: float = 0.05
    sufficiency_margin: float = 0.05
    fall_margin: float = 0.03
    signal_ceiling: float = 0.65


@dataclass(frozen=True)
class Config:
    """All settings of a run. Paths are absolute after loading, resolved against the config's folder.

    Samples come from ``sheet``, or from ``features.table``; ``sheet`` is "" then. ``mediators`` and
    ``priority`` name columns of the audit, as the sheet or table calls them.
    """

    outdir: str
    sheet: str = ""
    seed: int = 1
    title: str = "cfDNA interpretation"
    atlas: str | None = None
    on_bad_sample: str = "stop"
    mediators: tuple[str, ...] = ()
    priority: tuple[str, ...] = ()
    corrected: Corrected = field(default_factory=Corrected)
    reference: Reference = field(default_factory=Reference)
    extract: Extract = field(default_factory=Extract)
    features: Features = field(default_factory=Features)
    model: Model = field(default_factory=Model)
    attribution: Attribution = field(default_factory=Attribution)
    representation: Representation = field(default_factory=Representation)
    proxy: ProxySettings = field(default_factory=ProxySettings)
    validation: Validation = field(default_factory=Validation)

    @property
    def source(self) -> str:
        """The file that says who is in the study: the sheet, or the table."""
        return self.sheet if self.features.table is None else self.features.table.path

    def audited(self, key: str) -> list[str]:
        """Return ``mediators`` or ``priority`` as results call them: age and sex have names of their own."""
        table = self.features.table
        own = {} if table is None else {table.columns.age: "age", table.columns.sex: "sex"}
        return [own.get(name, name) for name in getattr(self, key)]

    def as_dict(self) -> dict[str, Any]:
        """Return the settings as nested dictionaries, for the record and for the workflow."""
        return asdict(self)
