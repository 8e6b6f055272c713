"""The recipe: one YAML file that says what to do at each stage.

Enters: YAML, `--set` overrides or plain data. Leaves: a frozen, typed Recipe, its JSON Schema, and its text with every
default written out. Knows nothing of what plug-ins do.
"""

from imbik.recipe.load import build, load_recipe
from imbik.recipe.meaning import explain
from imbik.recipe.schema import json_schema, schema_text
from imbik.recipe.sections import Recipe
from imbik.recipe.write import to_yaml

__all__ = ["Recipe", "build", "explain", "json_schema", "load_recipe", "schema_text", "to_yaml"]
