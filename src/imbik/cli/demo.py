"""imbik demo"""

from __future__ import annotations

from importlib.resources import as_file, files

from imbik.cli.options import DryRun, Quiet, Runs, Set


def demo(set_: Set = None, runs: Runs = None, dry_run: DryRun = False, quiet: Quiet = False) -> None:
    """Run the main job on the embedded problems and teacher: no key, no network, no GPU, a few minutes."""
    from imbik.cli.console import finish, reporter
    from imbik.pipeline import run as run_recipe

    with as_file(files("imbik") / "embedded" / "demo.yaml") as recipe:
        result = run_recipe(recipe, runs=runs, overrides=set_ or (), dry_run=dry_run, reporter=reporter(quiet=quiet))
    finish(result, dry_run=dry_run, quiet=quiet)
