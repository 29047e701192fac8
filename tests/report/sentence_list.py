"""All sentences that can be false; ``python tests/report/sentence_list.py`` writes the page of them."""

from __future__ import annotations

import sys
from pathlib import Path

HERE = Path(__file__).parent
PAGE = HERE.parents[1] / "docs" / "sentences.md"

if __name__ == "__main__":
    sys.path += [str(HERE), str(HERE.parent)]

import sentences_attribution  # noqa: E402
import sentences_audit  # noqa: E402
import sentences_bench  # noqa: E402
import sentences_heldout  # noqa: E402
import sentences_ladder  # noqa: E402
import sentences_leaks  # noqa: E402
import sentences_model  # noqa: E402
import sentences_page  # noqa: E402
from sentence import as_markdown  # noqa: E402

PARTS = (
    ("The ladder", sentences_ladder.SENTENCES),
    ("Handling and the person", sentences_audit.SENTENCES),
    ("Attribution", sentences_attribution.SENTENCES),
    ("Held-out numbers, the proxy, what stands against the verdict", sentences_heldout.SENTENCES),
    ("Leaks and shifts", sentences_leaks.SENTENCES),
    ("The model, hypotheses, the study", sentences_model.SENTENCES),
    ("At the bench", sentences_bench.SENTENCES),
    ("Finished pages", sentences_page.SENTENCES),
)
SENTENCES = tuple(sentence for _, part in PARTS for sentence in part)

if __name__ == "__main__":
    PAGE.write_text(as_markdown(PARTS), encoding="utf-8")
