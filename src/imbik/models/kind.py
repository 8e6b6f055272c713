"""The recipe's kind with the labels that were found in its rows: for tokenizers here, and for every later stage.

Enters: a recipe and its run folder. Leaves: the kind, built. It stands here because a student's tokenizer needs it
before `tasks` may be imported.
"""

from __future__ import annotations

from typing import Any

from imbik.core.files import read_json
from imbik.core.plugins import PluginBlock, load_plugin, make
from imbik.core.runfolder import RunFolder
from imbik.recipe import Recipe


def found_labels(run: RunFolder) -> list[str]:
    """The labels of a classification, [] for other kinds."""
    path = run.stage("1_tasks") / "labels.json"
    return read_json(path, list[str]) if path.exists() else []


def kind_with_labels(recipe: Recipe, run: RunFolder) -> Any:
    """The recipe's kind, with the labels found in the rows where it takes some."""
    block, labels = recipe.tasks.kind, found_labels(run)
    if labels and "labels" in load_plugin("tasks/kinds", block.use).Settings.model_fields:
        block = PluginBlock(use=block.use, raw={**block.raw, "labels": labels}, where=block.where)
    return make("tasks/kinds", block)
