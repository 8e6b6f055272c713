"""A student and its adapters: each task is answered by the adapter that it belongs to, the others by the student.

Enters: a run whose recipe has `train.adapters`. Leaves: the answers of `serve.student.Student`. A model is loaded when
the first task asks for it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from imbik.core import students
from imbik.core.errors import RunFolderError
from imbik.core.runfolder import RunFolder
from imbik.core.types import Sensitivity, Task
from imbik.privacy.sensitivity import highest
from imbik.serve.student import Answered, Student
from imbik.tasks.adapters import adapters_of
from imbik.tasks.kinds import Kind

AUTO = "auto"


class Routed:
    """Answers as `Student` does.

    Raises: RunFolderError where the run has no adapters.
    """

    def __init__(self, run: RunFolder) -> None:
        self._student = Student(run)
        self._run, self._loaded = run, {"": self._student}
        self._there = set(students.adapters(run))
        if not self._there:
            raise RunFolderError(
                "this run has no adapters to choose from", where=str(run.path), next="leave --adapter out"
            )

    @property
    def kind(self) -> Kind:
        """The run's kind."""
        return self._student.kind

    @property
    def sensitivity(self) -> Sensitivity:
        """The highest of the models that were asked so far."""
        return highest([student.sensitivity for student in self._loaded.values()])

    def answer(self, tasks: Sequence[Task]) -> list[Answered]:
        """Answers in the order of the tasks; of several adapters that take one the first answers."""
        places: dict[str, list[int]] = defaultdict(list)
        for place, task in enumerate(tasks):
            taking = adapters_of(self._student.recipe.train.adapters, task)
            places[next((name for name in taking if name in self._there), "")].append(place)
        found: dict[int, Answered] = {}
        for name, mine in places.items():
            if name not in self._loaded:
                self._loaded[name] = Student(self._run, name)
            found.update(zip(mine, self._loaded[name].answer([tasks[place] for place in mine]), strict=True))
        return [found[place] for place in range(len(tasks))]
