"""Letters of the MM/ML dialect in plain Python, from the text of the SAM tags specification.

https://samtools.github.io/hts-specs/SAMtags.pdf. All of it in the orientation of the sequencer; only
the results are turned round for reverse reads.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass, field

MALFORMED = -2
COMPLEMENT = str.maketrans("ACGTMRSVTWYHKDBN", "TGCAKYSBAWRDMHVN")
LIST = re.compile(r"([ACGTUN])([+-])([A-Za-z]+|[0-9]+)([.?]?)((?:,[0-9]+)+|,?);")
NAMES = {"m": "m", "27551": "m", "h": "h", "76792": "h"}


@dataclass
class Slow:
    """What the lists of a read say.

    ``calls``: one per base: m, h, none, unclear, or unknown; of the cytosine there on either strand.
    """

    strand: int = 0
    letters: str = ""
    calls: list[str] = field(default_factory=list)
    counts: Counter[str] = field(default_factory=Counter)


class Wrong(Exception):
    """The lists can't be right."""


def parse(sequence: str, lists: str, values: list[int] | None):
    """Yield (fundamental base, strand, code, unlisted are unmodified, position -> value) for each code."""
    if not re.fullmatch(f"(?:{LIST.pattern})*", lists):
        raise Wrong
    found, used = [], 0
    for base, strand, codes, mode, deltas in LIST.findall(lists):
        each = [codes] if codes.isdigit() else list(codes)
        letter = "T" if base == "U" else base
        places = [i for i, read in enumerate(sequence) if letter in ("N", read)]
        listed: list[dict[int, int]] = [{} for _ in each]
        rank = -1
        for delta in deltas.split(",")[1:]:
            if delta == "":
                continue
            rank += int(delta) + 1
            if rank >= len(places):
                raise Wrong
            for of_code in listed:
                if values is not None and used >= len(values):
                    raise Wrong
                of_code[places[rank]] = 255 if values is None else values[used]
                used += 1
        found += [(letter, strand, code, mode != "?", of) for code, of in zip(each, listed, strict=True)]
    if (values is not None and used != len(values)) or len(found) > 255:
        raise Wrong
    return found


def judge(chances: dict[str, int], low: int, high: int) -> str:
    """The likeliest of several modifications and none, if it is likely enough."""
    m, h, other = (chances.get(name, 0) for name in ("m", "h", "other"))
    none = 255 - m - h - other
    best = max(m, h, other)
    if none > best:
        call = "none" if m + h + other <= low else "unclear"
    elif [m, h, other].count(best) > 1 or best == other or best < high:
        call = "unclear"
    else:
        call = "m" if best == m else "h"
    if "m" not in chances and call != "h":
        return "unknown"
    return call


def slow(
    bases: str,
    reverse: bool,
    lists: str | None,
    values: list[int] | None,
    low: int,
    high: int,
    mn: int | None = None,
    hard_clipped: bool = False,
) -> Slow:
    """``bases`` as in the BAM; ``low`` and ``high`` as in the kernel."""
    nothing = Slow(letters="." * len(bases))
    cut = hard_clipped if mn is None else mn != len(bases)
    if lists is None or not bases or cut:
        return nothing
    sequence = bases.translate(COMPLEMENT)[::-1] if reverse else bases
    try:
        found = parse(sequence, lists, values)
    except Wrong:
        return Slow(MALFORMED)

    chances: list[dict[str, int]] = [{} for _ in sequence]
    strands_of_5mc = set()
    for base, strand, code, implicit, listed in found:
        cytosine = "C" if strand == "+" else "G"
        if base not in (cytosine, "N"):
            continue
        name = NAMES.get(code.lstrip("0") if code.isdigit() else code, "other")
        if name == "m":
            strands_of_5mc.add(strand)
        for at, read in enumerate(sequence):
            if read == cytosine and (at in listed or implicit):
                chances[at][name] = chances[at].get(name, 0) + listed.get(at, 0)
    if not strands_of_5mc:
        return nothing

    calls = [judge(here, low, high) if here else "unknown" for here in chances]
    # Where 5mC is listed on the opposite strand alone, that strand is looked at as if it had been sequenced.
    if "+" not in strands_of_5mc:
        reverse = not reverse
        sequence, calls = sequence.translate(COMPLEMENT)[::-1], calls[::-1]
    letters, counts = ["."] * len(sequence), Counter[str]()
    for at, read in enumerate(sequence):
        if read != "C":
            continue
        call, after = calls[at], sequence[at + 1 : at + 3]
        if after[:1] == "G":
            letter = "z"
            call = of_cpg(call, calls[at + 1], counts)
        elif after[:1] not in ("A", "C", "T") or after[1:] not in ("A", "C", "G", "T"):
            letter = "u"
        else:
            letter = "x" if after[1] == "G" else "h"
        if call in ("m", "none"):
            letters[at] = letter.upper() if call == "m" else letter
    if reverse:
        letters, calls = letters[::-1], calls[::-1]
    return Slow(-1 if reverse else 1, "".join(letters), calls, counts)


def of_cpg(own: str, opposite: str, counts: Counter[str]) -> str:
    """The call of a CpG from those of its two strands."""
    both = {own, opposite}
    if "h" in both:
        counts["hydroxy"] += 1
        return "unknown"
    if both == {"m", "none"}:
        counts["hemi"] += 1
        return "unknown"
    for clear in ("m", "none"):
        if clear in both:
            return clear
    if "unclear" in both:
        counts["between"] += 1
    return "unknown"
