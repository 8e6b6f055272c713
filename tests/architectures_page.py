"""docs/architectures.md, written from what the checks of `archchecks` find on every family.

python tests/architectures_page.py
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

PAGE = Path(__file__).parents[1] / "docs" / "architectures.md"
COMMAND = "python tests/architectures_page.py"
_COLUMNS = (
    "Model", "`model_type`", "Tokenizer", "Head", "Trained whole, taught by text and by a teacher's logits",
    "Packed = padded, kernel = logits", "LoRA: adapted matrices; merged = unmerged", "Generates",
)  # fmt: skip
_TOP = """# Architectures

These load and train, each tried on a tiny random folder with the family's real shape: ratios of widths and heads, rope
scaling, sliding windows, soft caps, ties, experts, and a tokenizer of its kind. The table is written by the test that
tries them (`COMMAND` renews it), so a line is here only where all of this holds:

- **trained whole**: all weights learn from text and from the logits of another model of the family, which is an
  `in_process` teacher; the saved folder gives the trained logits;
- **packed = padded**: loss and gradient are the same however rows lie in a batch; **kernel = logits**: the head that
  the losses use gives the model's own logits;
- **LoRA**: adapters reach every matrix of the layers (n of n), and what is saved, and what is merged for other
  programs, gives the logits of the network that was trained;
- **generates**: batched generation with a cache writes what the logits of the whole text say.

"""
_BOTTOM = """
- `Head: tied` means that output head and embeddings are one matrix. An adapter on either of them is merged into a
  matrix of its own, and the exported config says that they are no longer tied.
- The experts of DeepSeek V3 are stacked weights, which PEFT's own `all-linear` passes over, and with them its dense and
  shared layers: imbik adapts them as parameters. Its router is no matrix of a layer and stays as it was.
- Phi-3 mini 128k, Phi-3.5 mini and Phi-4-mini have two sets of rotary factors, and transformers chooses one for a whole
  batch by its longest row. A batch in which a row is longer than `original_max_position_embeddings` (4,096 tokens in
  the published models) turns all of its rows to the long factors: with `train.max_length` up to that number no row's
  loss depends on its neighbours.
- Any other causal language model that transformers knows by itself loads too. Its head is held against its own logits
  before the first step, and refused where they differ.
"""


def lines() -> list[str]:
    """The lines of the table as the page has them."""
    rows = [line for line in PAGE.read_text(encoding="utf-8").splitlines() if line.startswith("|")]
    return rows[2:]


def page(rows: Sequence[str]) -> str:
    """The whole page around these lines of its table."""
    head = f"| {' | '.join(_COLUMNS)} |\n|{'---|' * len(_COLUMNS)}\n"
    return _TOP.replace("COMMAND", COMMAND) + head + "\n".join(rows) + "\n" + _BOTTOM


def main() -> None:
    """Try every family and write the page."""
    import tempfile

    from archchecks import found
    from archkit import FAMILIES
    from imbik.models.load import quiet

    quiet()
    rows = []
    for name in FAMILIES:
        with tempfile.TemporaryDirectory() as folder:
            rows.append(found(name, Path(folder)).line())
        print(rows[-1], file=sys.stderr)
    PAGE.write_text(page(rows), encoding="utf-8")
    print(f"wrote {PAGE}")


if __name__ == "__main__":
    main()
