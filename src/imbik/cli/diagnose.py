"""imbik diagnose RUN"""

from __future__ import annotations

from imbik.cli.options import RunName, Runs


def diagnose(run: RunName, runs: Runs = None) -> None:
    """Say in words what is wrong with a run, and the --set line that mends it."""
    from imbik.advise.diagnose import diagnose as findings
    from imbik.advise.runs import find_run

    found = find_run(run, runs)
    problems = findings(found)
    if not problems:
        print(f"{found.name}: nothing wrong found with memory, speed, overfitting or the result")
    for problem in problems:
        print(f"\n{problem.trouble}: {problem.words}")
        for mend in problem.mends:
            print(f"  {mend.why}\n    imbik run {found.path / 'recipe.yaml'} {mend.line}")
