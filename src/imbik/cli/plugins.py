"""imbik plugins"""

from __future__ import annotations

from typing import Annotated

import typer


def plugins(
    group: Annotated[
        str, typer.Argument(metavar="[GROUP]", help="One group, e.g. teachers; without it all.", show_default=False)
    ] = "",
) -> None:
    """List every plug-in with one line each."""
    from imbik.advise.explain import plugin_groups

    for name, members in plugin_groups(group):
        print(name)
        width = max((len(info.name) for info in members), default=0)
        for info in members:
            print(f"  {info.name:<{width}}  {info.summary}")
