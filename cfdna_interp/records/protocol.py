"""``protocol.json``: everything that is fixed before the held-out labels are read."""

from __future__ import annotations

from typing import ClassVar, Literal

from cfdna_interp.config.settings import Corrected, ProxySettings, Validation
from cfdna_interp.records.base import Record, ResultFile
from cfdna_interp.records.dominance import Outcome
from cfdna_interp.records.missing import Missing
from cfdna_interp.records.values import Counts

# Of whom a column can be known too seldom.
Who = Literal["discovery cases", "discovery controls", "held-out subjects"]


class ColumnKnown(Record, frozen=True, kw_only=True):
    """A column that too few subjects have a value of.

    Attributes
    ----------
    who
        Of whom it is known too seldom.
    known, of
        How many of them have a value, and how many there are.
    """

    who: Who
    known: int
    of: int


class FrozenProtocol(ResultFile, frozen=True, kw_only=True):
    """What is measured, by which rules and on which files.

    ``validate`` stops where a digest, the seed, a margin, ``mediators``, ``priority`` or ``corrected`` no
    longer matches.

    Attributes
    ----------
    software
        Version of the program.
    seed
        Seed of the run.
    outcome, group
        What the attribution came to, and the dominant group; null where there is none.
    groups
        Feature groups that the model under study can see.
    features
        Feature group -> its features that vary among the discovery samples.
    absent
        Score -> why there is no such baseline.
    left_out
        Covariate or technical column -> why it is in no baseline: it is known of less than 80 % of the
        discovery cases, of the controls or of the held-out subjects, so that its median would stand for the
        rest.
    corrected
        Whether values were corrected for batches before they came here.
    metrics
        Everything that will be measured, by its key in ``validation.json``.
    margins
        Section ``validation`` of the settings.
    mediators, priority
        Columns that the audit doesn't hold, and those that it holds first.
    proxy
        Section ``proxy`` of the settings.
    discovery
        Discovery subjects.
    simulated
        Whether the discovery alignments were made by the simulator.
    digests
        File -> SHA-256 of its bytes.
    """

    FILE: ClassVar[str] = "protocol.json"
    STAGE: ClassVar[str] = "proxy"
    FORMAT: ClassVar[int] = 2

    software: str
    seed: int
    outcome: Outcome
    group: str | None
    groups: tuple[str, ...]
    features: dict[str, tuple[str, ...]]
    absent: dict[str, Missing]
    left_out: dict[str, ColumnKnown]
    corrected: Corrected
    metrics: tuple[str, ...]
    margins: Validation
    mediators: tuple[str, ...]
    priority: tuple[str, ...]
    proxy: ProxySettings
    discovery: Counts
    simulated: bool
    digests: dict[str, str]
