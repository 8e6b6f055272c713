"""How much a run asks, learns and looks at: questions, answers, tokens, students.

Enters: a recipe, and what is known of its rows. Leaves: counts, at most; what they take in money, seconds and memory is
said elsewhere (`money`, `forecast`, `estimate`).
"""

from __future__ import annotations

from imbik.pipeline.rows import Rows
from imbik.recipe import Recipe
from imbik.tasks.questions import voices_of

REASONING = 80.0  # tokens of a chain of thought and its answer, where the rows show none


def only_recorded(recipe: Recipe) -> bool:
    """Whether every answer is there already, so that nobody is asked anything."""
    names = recipe.answering_teachers()
    return bool(names) and all(recipe.teachers[name].use == "recorded" for name in names)


def samples(recipe: Recipe) -> int:
    """Answers to a task at most: as many as are asked for, or as somebody recorded."""
    if recipe.generate.source == "reference":
        return 1
    several = recipe.most_teachers
    if not only_recorded(recipe):
        return recipe.generate.samples.max * several
    found = [voices_of(recipe, name) for name in recipe.answering_teachers()]
    return several * max(len(voices.names) if voices and voices.names else 1 for voices in found)


def answers(recipe: Recipe, rows: Rows) -> int:
    """Answers to training and validation tasks at most: rows that no teacher may see get none."""
    return round((rows.train + rows.validation) * samples(recipe) * (1 - rows.held_back))


def teacher_calls(recipe: Recipe, rows: Rows) -> int:
    """Questions to teachers at most: tasks times samples, and the test rows once for the report.

    Recorded answers are no calls.
    """
    if recipe.generate.source == "reference" or only_recorded(recipe):
        return 0
    return answers(recipe, rows) + evaluation_calls(recipe, rows)


def evaluation_calls(recipe: Recipe, rows: Rows) -> int:
    """Questions that only the report asks: the test rows, where the teacher is compared."""
    asks = recipe.generate.source == "teacher" and "teacher" in recipe.evaluate.against and not only_recorded(recipe)
    return round(tested_rows(recipe, rows) * (1 - rows.held_back)) if asks else 0


def variants(recipe: Recipe) -> int:
    """Students trained: seeds times (student, controls, and adapters, which share the rows among them)."""
    return len(recipe.train.seeds) * (1 + len(recipe.train.controls) + bool(recipe.train.adapters))


def training_tokens(recipe: Recipe, rows: Rows) -> float:
    """Non-padding tokens that one variant sees."""
    train = recipe.train
    kept = rows.train * samples(recipe) * (1 - rows.held_back)
    seen = train.steps * train.batch_size if train.steps else kept * train.epochs
    return seen * (rows.prompt_tokens + answer_tokens(recipe, rows))


def answer_tokens(recipe: Recipe, rows: Rows) -> float:
    """Tokens of an answer: as the rows' own answers are, with room for reasoning a teacher adds."""
    longest = float(recipe.generate.max_tokens)
    if recipe.generate.source == "reference" or rows.answer_tokens >= 20 or recipe.tasks.kind.use == "classification":
        return min(max(rows.answer_tokens, 1.0), longest)
    return min(REASONING if recipe.generate.reasoning == "steps" else rows.answer_tokens or 20.0, longest)


def asked_tokens(recipe: Recipe, rows: Rows) -> float:
    """Tokens that a teacher writes: as `answer_tokens`, but a served one also writes how it came to a class.

    A model in this process chooses among the classes at once, and the student learns the class alone.
    """
    told = answer_tokens(recipe, rows)
    here = all(recipe.teachers[name].use in {"in_process", "run", "recorded"} for name in recipe.answering_teachers())
    if here or recipe.tasks.kind.use != "classification" or recipe.generate.reasoning != "steps":
        return told
    return min(max(told, REASONING), float(recipe.generate.max_tokens))


def tested_rows(recipe: Recipe, rows: Rows) -> int:
    """Rows of the test set that the report looks at."""
    return min(rows.test, recipe.evaluate.rows) if recipe.evaluate.rows else rows.test
