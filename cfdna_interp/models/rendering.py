"""Convert fragments to a sequence model's text: reference bases, call states, wrappers, coordinates.

This is the only place that knows how a fragment is written for a model. The bases are always those of the
reference at the fragment's place, since fragment tables have no sequenced variants.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from cfdna_interp.errors import InputError
from cfdna_interp.fragments.build import bare, find_build
from cfdna_interp.models.contract import FragmentInputs
from cfdna_interp.models.reference_line import ReferenceLine, contig_starts
from cfdna_interp.models.rendering_settings import Rendering

__all__ = ["Rendered", "Renderer", "Rendering", "contig_starts"]

UNMETHYLATED, METHYLATED, NEUTRAL = 0, 1, 2  # token types, as MethylBERT numbers them
_LETTERS = np.frombuffer(b"ACGTN", dtype=np.uint8)  # by code of fragments.reference
_C, _G = 1, 2
_COMPLEMENT = str.maketrans("ACGT", "TGCA")


@dataclass(frozen=True, eq=False)
class Rendered:
    """Texts of n fragments.

    Attributes
    ----------
    texts
        Wrappers and bases, the input of the tokenizer.
    begins
        (n,) number of characters of each text before its first word, that is of the prefix.
    token_types
        For each text an int8 array with a number per word (0 unmethylated, 1 methylated, 2 neutral), wrappers
        not counted; None unless the rendering asks for token types.
    """

    texts: list[str]
    begins: np.ndarray
    token_types: list[np.ndarray] | None


class Renderer:
    """Renders fragments with the bases of a reference.

    Parameters
    ----------
    rendering
        The rendering of the model.
    fasta
        Indexed FASTA file; ``FragmentInputs.place`` counts along its contigs.
    build
        The run's genome build. None or ``auto``: it is found from the reference's contigs.

    Raises
    ------
    InputError
        The file or its index is missing, or the rendering is for another build.
    """

    def __init__(self, rendering: Rendering, fasta: str, build: str | None = None) -> None:
        self.rendering = rendering
        self.line = ReferenceLine(fasta)
        if rendering.build is not None:
            if build in (None, "auto"):
                try:
                    find_build(self.line.contigs, rendering.build, f"reference {fasta}")
                except InputError as error:
                    raise InputError(
                        f"the model's rendering is for build {rendering.build}: {error}"
                    ) from None
            elif Path(str(build)).stem != Path(rendering.build).stem:
                raise InputError(
                    f"the model's rendering is for build {rendering.build}, the run's is {build}; take a "
                    "model of this build, or align to the model's"
                )

    def render(self, fragments: FragmentInputs) -> Rendered:
        """Return the texts of n fragments, in their order.

        Calls beyond ``contract.MAX_CALLS`` of a fragment, and calls where the reference has no CG, are not
        written. A call of a CpG that straddles a fragment's end is written if the rendered strand's C lies
        inside. Bases other than A C G T are N. Molecules of unknown strand are rendered forward.

        Raises
        ------
        InputError
            A fragment lies on no contig of the reference, or ends beyond its contig.
        """
        n = len(fragments)
        texts = [""] * n
        begins = np.zeros(n, dtype=np.int64)
        types: list[np.ndarray] = [np.zeros(0, dtype=np.int8)] * n
        located = self.line.locate(fragments.place, fragments.length)
        # Places are read in file order, so that blocks of a compressed file are read once.
        for row in np.argsort(fragments.place, kind="stable").tolist():
            contig, start = located.names[row], int(located.starts[row])
            around = self.line.codes(contig, start - 1, start + int(fragments.length[row]) + 1)
            calls = (fragments.offsets[row] >= 0) & (fragments.states[row] >= 0)
            reverse = self.rendering.strand == "molecule" and fragments.strand[row] < 0
            bases, places, states = _strand(
                around, fragments.offsets[row][calls], fragments.states[row][calls], reverse
            )
            body, types[row] = self._body(bases, places, states)
            prefix, suffix = self._wrappers(contig, start)
            texts[row] = f"{prefix}{body}{suffix}"
            begins[row] = len(prefix)
        return Rendered(texts, begins, types if self.rendering.methylation == "token_type" else None)

    def _body(self, bases: str, places: list[int], states: list[int]) -> tuple[str, np.ndarray]:
        """Return the words of a fragment as text, and the token type of each."""
        how = self.rendering
        said = {UNMETHYLATED: how.unmethylated, METHYLATED: how.methylated}
        if how.methylation == "letter":
            letters = list(bases)
            for place, state in zip(places, states, strict=True):
                letters[place] = said[state] or "C"
            bases = "".join(letters)
        count = max(len(bases) - how.kmer + int(how.last_kmer), 0)
        words = [bases[i : i + how.kmer] for i in range(count)]
        types = np.full(count, NEUTRAL, dtype=np.int8)
        for place, state in zip(places, states, strict=True):
            word = place - how.middle
            if 0 <= word < count:
                types[word] = state
                if how.methylation == "token" and said[state]:
                    words[word] += f"{how.separator}{said[state]}"
        return how.separator.join(words), types

    def _wrappers(self, contig: str, start: int) -> tuple[str, str]:
        where = {
            "chromosome": bare(contig),
            "millions": start // 1_000_000,
            "thousands": start // 1_000 % 1_000,
            "ones": start % 1_000,
        }
        return self.rendering.prefix.format(**where), self.rendering.suffix.format(**where)


def _strand(
    around: np.ndarray, offsets: Iterable[int], states: Iterable[int], reverse: bool
) -> tuple[str, list[int], list[int]]:
    """Return the bases of the strand to render, and the positions and states of called cytosines on it.

    Parameters
    ----------
    around
        Codes of the fragment's bases and of one base on each side.
    offsets, states
        Calls, at the C of the forward strand.
    reverse
        Whether the reverse strand is rendered. Its C of a CpG is opposite the G, one base further.
    """
    length = len(around) - 2
    bases = _LETTERS[around[1:-1]].tobytes().decode()
    if reverse:
        bases = bases.translate(_COMPLEMENT)[::-1]
    places, rendered_states = [], []
    for offset, state in zip(offsets, states, strict=True):
        # A CpG whose C lies before the fragment has offset 0 instead of -1, on its G (see bags.inputs_of).
        forward = -1 if offset == 0 and around[1] == _G else int(offset)
        if forward >= length or around[forward + 1] != _C or around[forward + 2] != _G:
            continue
        place = length - 2 - forward if reverse else forward
        if 0 <= place < length:
            places.append(place)
            rendered_states.append(int(state))
    return bases, places, rendered_states
