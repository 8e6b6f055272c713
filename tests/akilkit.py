"""recipes/turkce-akil.yaml at a small size, with a teacher that knows the tasks: for its test and for the pictures.

Enters: a folder. Leaves: a finished run in it, of tasks that were grown, answered, checked, judged and learned from,
all over HTTP with a scripted teacher that is wrong in one of eight, and the teacher's books.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from hashlib import blake2b
from itertools import count
from pathlib import Path

import imbik
from imbik.core.runfolder import RunFolder
from imbik.core.types import Sensitivity
from imbik.tasks.strategies import Ground
from imbik.tasks.strategies.templates import Templates
from imbik.tasks.taxonomy import read_taxonomy
from imbik.testing import FakeTeacher, GrowthTeacher
from imbik.testing.answers import Messages
from imbik.testing.judges import judging

RECIPE = Path(__file__).resolve().parents[1] / "recipes" / "turkce-akil.yaml"
SMALL = [
    "generate.samples=2",
    "student={architecture: llama, hidden_size: 16, layers: 1, heads: 2, context: 1024, vocabulary: 300}",
    "train={steps: 4, batch_size: 4, learning_rate: 1.0e-2, precision: fp32, threads: 1, controls: [answers_only]}",
    "evaluate={against: [teacher, baseline, answers_only], metrics: [same_answer], latency_rows: 1, resamples: 100, "
    "max_tokens: 16, rows: 12}",
]


def known() -> dict[str, tuple[str, str]]:
    """Reasoning and answer of what the templates make first, and of the hand-written tasks that have one."""
    made = Templates(Templates.Settings(file="turkce"))
    categories = made.prepare(
        Ground(seeds=(), fields=("question",), base=Path(), language="tr", level=Sensitivity.PUBLIC)
    )
    found: dict[str, tuple[str, str]] = {}
    for category in categories:
        for number in range(3):
            idea = made.idea(category, number)
            for row in idea.rows if idea else ():
                found[row["question"]] = row["reasoning"], row["answer"]
    for branch in read_taxonomy("turkce", Path()).branches:
        for task in branch.tasks:
            if "answer" in task.values:
                found[str(task.values["question"])] = "", str(task.values["answer"])
    return found


OPENINGS = (
    "Önce verilenleri sırayla yazalım, sonra istenen şeyi bulalım.",
    "Soruda ne bilindiğine bakıyoruz; aranan tek bir değer var ve adım adım oraya varılır.",
    "Bilinenlerden başlayıp sonuca doğru ilerlersek her adım bir öncekinden çıkar.",
    "Acele etmeden gidelim: kural nedir, bu olayda neye uygulanır, geriye ne kalır?",
)
OTHER, SLIP, LOOP = "değil, 1", "Sağlaması: 12 * 4 = 46.", "Şimdi sonucu bir kez daha yazalım. "
ENGLISH = "First we look at what the question tells us, and then we work out what it asks for, one step after another."


class Scripted:
    """Right where the answer is known, but for one question in eight, which it gets wrong every other time.

    Its mistakes: another answer, a slip in a sum, reasoning in English, a sentence that repeats itself. `planted`
    counts how often it was asked these questions. Where nobody knows the answer it says so many words.
    """

    def __init__(self) -> None:
        self.known, self.number, self.planted = known(), count(), Counter[str]()

    def __call__(self, messages: Messages) -> str:
        text = messages[-1]["content"]
        question = text.partition("\n\nÖnce adım adım")[0]
        place = blake2b(question.encode(), digest_size=4).digest()[0]
        start = OPENINGS[next(self.number) % len(OPENINGS)]
        if question not in self.known:
            return f"{start} Soru şunu anlatıyor: {question}\nCevap: {('uygundur', 'başvurulmalıdır')[place % 2]}"
        reasoning, answer = self.known[question]
        if place % 8 == 0:
            self.planted[question] += 1
            if self.planted[question] % 2:
                return _mistaken(place // 8 % 4, start, reasoning, answer)
        return f"{start} {reasoning}\nCevap: {answer}"


def _mistaken(kind: int, start: str, reasoning: str, answer: str) -> str:
    match kind:
        case 0:
            return f"{start}\nCevap: {answer} {OTHER}"
        case 1:
            return f"{start} {reasoning} {SLIP}\nCevap: {answer}"
        case 2:
            return f"{ENGLISH} {ENGLISH}\nCevap: {answer}"
        case _:
            return f"{start} {LOOP * 12}\nCevap: {answer}"


def run_small(folder: Path, tasks: int, extra: Sequence[str] = ()) -> tuple[RunFolder, Scripted, FakeTeacher]:
    """The recipe's run in `folder`, grown to `tasks`; the teacher's answers; the teacher, whose server has stopped."""
    scripted = Scripted()
    with FakeTeacher(judging("honest", GrowthTeacher(scripted))) as teacher:
        overrides = [f"tasks.grow.to={tasks}", f"teachers.buyuk.base_url={teacher.base_url}", *SMALL, *extra]
        imbik.run(RECIPE, runs=folder / "runs", overrides=overrides)
    return RunFolder(folder / "runs" / "turkce-akil"), scripted, teacher
