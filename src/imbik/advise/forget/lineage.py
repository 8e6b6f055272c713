"""Whether every stage's root still verifies: what lies in its folder and its tombstones, hashed again.

Enters: a run. Leaves: for each finished stage yes or no. After an erasure as before it, the leaves of the rows that are
there and those of the rows that were erased give the root that the manifest carries and the next stages stand on.
"""

from __future__ import annotations

from collections.abc import Iterator

from imbik.advise.forget.logits import captured_leaf
from imbik.advise.forget.rows import system_of
from imbik.advise.runs import FOLDERS, manifests
from imbik.core.files import read_json, read_lines
from imbik.core.lineage import leaf, merkle_root, sample_leaf
from imbik.core.runfolder import Manifest, RunFolder, read_parts
from imbik.core.tombstones import tombstones
from imbik.core.types import Record, Sample
from imbik.evaluate.answers import Answer
from imbik.export.stage import model_digest
from imbik.models.logits import LogitStore
from imbik.tasks.read import read_tasks


class _Trained(Record, frozen=True, kw_only=True):
    variant: str
    seed: int
    sha256: str


def roots_verify(run: RunFolder) -> dict[str, bool]:
    """Stage name -> whether its root is that of the rows which are there and those which were erased."""
    found = {}
    for name, manifest in manifests(run).items():
        buried = [stone.leaf for stone in tombstones(run.stage(FOLDERS[manifest.stage]))]
        found[name] = merkle_root([*_leaves(run, manifest), *buried]) == manifest.root
    return found


def _leaves(run: RunFolder, manifest: Manifest) -> Iterator[str]:
    """The leaves of what a stage's folder holds now."""
    folder = run.stage(FOLDERS[manifest.stage])
    if manifest.stage == "tasks":
        yield from (leaf(task.id, {"task": task, "set": name}) for task, name in read_tasks(run))
    elif manifest.stage in {"generate", "refine", "review"}:
        yield from map(sample_leaf, read_parts(folder, Sample))
    elif manifest.stage == "capture":
        store = LogitStore.open(folder)
        yield from (captured_leaf(store, row) for row in store.rows())
    elif manifest.stage == "train":
        for path in folder.glob("*/seed-*/training.json"):
            made = read_json(path, _Trained)
            yield leaf(f"{made.variant}/{made.seed}", made.sha256)
    elif manifest.stage == "export":
        yield from (leaf(made.format, model_digest(run.path / made.path)) for made in manifest.artifacts)
    else:
        for path in sorted((folder / "answers").glob("*.jsonl")):
            name = system_of(path)
            yield from (leaf(f"{name}#{item.seed}#{item.id}", item.answer) for item in read_lines(path, Answer))
