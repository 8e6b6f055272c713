"""Whether rows may reach a teacher at all: asked of the gate before the first token is bought.

Enters: a recipe. Leaves: nothing, or a BlockedError that names the key to set and says what that means.
"""

from __future__ import annotations

from imbik.recipe import Recipe


def refuse_unreachable(recipe: Recipe) -> None:
    """Refuse when every row would be held back.

    Raises: BlockedError.
    """
