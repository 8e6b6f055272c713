"""A recipe written for a person: every line that was decided for them says why, and what else could stand there.

Enters: an Inspection, a Proposal, the paths. Leaves: the text of recipe.yaml, and of teacher.yaml where there is one.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping

from imbik.advise.propose import Model, Proposal, size_of
from imbik.pipeline.rules import parameters
from imbik.tasks.inspect import Inspection

SENSITIVITY = """\
  # Without this line every row is confidential: nothing of it leaves this machine, and neither may the student.
  # Training and answering here need no more. `public` lets rows go to a teacher behind an API; a column's name marks
  # row by row.
  # sensitivity: public
"""
MARKED = """\
  sensitivity: {column}      # each row is as sensitive as this column says; an empty cell is confidential
"""
INSTEAD = """\
# To let a larger model behind an API answer instead, set `sensitivity: public` above where the rows are, and put the
# lines below in place of `generate:`.
"""
# An API gives text: no probabilities to capture, no tokenizer, and nothing for forward_kl to compare with.
INSTEAD_OF_TEACHER = """\
# To let a larger model behind an API answer instead, set `sensitivity: public` above where the rows are, and put the
# lines below in place of `teachers:`, `generate:` and `capture:`. It teaches by text alone, so also: take out `losses:`
# with its two lines under `train:`, and put `tokenizer: train` in place of `tokenizer: teacher` under `student:`.
"""
API = """\
# The key is never written here: export OPENAI_API_KEY=…   or: keyring set imbik OPENAI_API_KEY
# Only rows marked public go there, unless the operator's file says more (docs/privacy.md).
# Any compatible endpoint: base_url: "https://…/v1", key: IMBIK_MY_KEY (names of your own begin with IMBIK_).
# Its terms limit what may be trained on its answers: read them, and say that you have (`imbik models terms`).
# accept_terms: [openai]
# teachers:
#   buyuk: {use: openai, model: gpt-4o}
# generate: {teacher: buyuk, samples: 1, reasoning: steps, max_tokens: 512}
"""
NO_ANSWERS = """\
# Your rows hold no answers, so somebody has to give them. This teacher is any OpenAI-compatible server of your own
# (vLLM, llama.cpp, Ollama); the operator's file must say that it is local before it sees a row (docs/privacy.md).
# A model folder works too, with no server: {use: in_process, model: PATH}
teachers:
  buyuk: {use: openai, base_url: "http://127.0.0.1:8000/v1", model: MODEL-NAME}
generate: {teacher: buyuk, samples: 1, reasoning: steps, max_tokens: 512}
"""
# A label is one token; a model made from nothing that learns it alone learns little of the language: docs/banking77.md.
WHOLE_TEXT = """\
  loss_on: all             # the questions are learned too: from them a model made from nothing learns the language;
  prompt_weight: 0.04      # each of their tokens counts little, so that they do not drown the one of the label
"""
HEADER = """\
# Made by `imbik init` from {path}
# ({rows:,} rows, {format}{encoding}). Change what you like: `imbik explain KEY` says what a key does, and the same
# command again does only what your change made necessary.
"""


def quoted(text: str) -> str:
    """A text as YAML reads it back: JSON strings are YAML."""
    return json.dumps(text, ensure_ascii=False)


def flow(values: Mapping[str, object]) -> str:
    """`{a: 1, b: "x"}`."""
    cells = (f"{key}: {quoted(value) if isinstance(value, str) else value}" for key, value in values.items())
    return "{" + ", ".join(cells) + "}"


def recipe_text(name: str, source: str, test: str, found: Inspection, proposal: Proposal) -> str:
    """The text of recipe.yaml."""
    teacher = proposal.teacher
    labels = found.kind == "classification" and proposal.way in {"plain fine-tuning", "teacher trained here"}
    parts = [_header(found), f"name: {name}\n", _tasks(source, test, found, proposal, whole=labels)]
    if teacher is not None:
        parts.append(_taught_here(teacher))
    elif proposal.way == "recorded answers":
        parts.append(_recorded(found))
    elif proposal.way == "a teacher is needed":
        parts.append(NO_ANSWERS)
    else:
        parts.append(
            "generate: {from: reference}      # the rows' own answers are learned: plain fine-tuning, no teacher\n"
        )
    checks = "[shape, answer]" if found.answered else "[shape]"
    parts.append(
        f"refine: {checks}          # what is learned must have an answer, and the right one where it is known\n"
    )
    parts.append("".join(_student(proposal.model, found, tokenizer="teacher" if teacher else "train")))
    parts.append("".join(_train(proposal.model, kd=teacher is not None, labels=labels)))
    parts.append(_evaluate(found))
    if proposal.way in {"plain fine-tuning", "teacher trained here"}:
        parts.append("\n" + (INSTEAD_OF_TEACHER if teacher else INSTEAD) + API)
    return "".join(parts)


def teacher_text(name: str, source: str, test: str, found: Inspection, proposal: Proposal) -> str:
    """The text of teacher.yaml."""
    assert proposal.teacher is not None
    return "".join(
        [
            "# The teacher, trained here on your own labels. recipe.yaml runs this one by itself when it needs it.\n",
            f"name: {name}-teacher\n",
            _tasks(source, test, found, proposal, whole=True),
            "generate: {from: reference}      # it learns the labels of the rows\n",
            "refine: [shape, answer]\n",
            *_student(proposal.teacher, found, tokenizer="train"),
            *_train(proposal.teacher, kd=False, labels=True),
            _evaluate(found),
        ]
    )


def _header(found: Inspection) -> str:
    encoding = f" ({found.encoding}{', ' + repr(found.delimiter) if found.delimiter else ''})" if found.encoding else ""
    return HEADER.format(path=found.path, rows=found.rows, format=found.format, encoding=encoding)


def _tasks(source: str, test: str, found: Inspection, proposal: Proposal, *, whole: bool) -> str:
    lines = ["tasks:\n", f"  source: {quoted(source)}\n"]
    if test:
        lines.append(f"  test_source: {quoted(test)}\n")
    lines.append(f"  kind: {found.kind}{_labels(found)}\n")
    if found.mapping:
        judged = ", judged from the values: correct what is wrong" if found.guessed else ""
        lines.append(f"  columns: {flow(found.mapping)}      # field: your column{judged}\n")
    lines.append(f"  language: {found.language}\n")
    if whole:
        lines.append(WHOLE_TEXT)
    lines.append(MARKED.format(column=quoted(found.sensitivity)) if found.sensitivity else SENSITIVITY)
    split = {"validation": proposal.validation, "test": proposal.test}
    lines.append(
        f"  split: {flow(split)}      # a row keeps its set when rows are added; `by: COLUMN` keeps groups whole\n"
    )
    return "".join(lines)


def _labels(found: Inspection) -> str:
    """The commonest labels as a comment: what the model may answer."""
    if not found.labels:
        return ""
    few = [f"{label} {count:,}" for label, count in list(found.labels.items())[:5]]
    more = f", … {len(found.labels)} in all" if len(found.labels) > len(few) else ""
    return "      # " + " ".join(", ".join(few).split())[:90] + more


def _taught_here(teacher: Model) -> str:
    size = parameters(size_of(teacher).parameters)
    return (
        "teachers:\n"
        f"  buyuk: {{use: run, recipe: teacher.yaml}}      # {size} parameters, trained here on your labels\n"
        'generate: {teacher: buyuk, instruction: "", reasoning: none, max_tokens: 4}      # asked the bare text\n'
        "capture: {teacher: buyuk, top_k: 20}      # its probabilities, learned beside its answers\n"
    )


def _recorded(found: Inspection) -> str:
    names = ", ".join(found.recorded)
    return (
        f"teachers:\n  kayitli: {{use: recorded}}      # answers that the file holds already: {names}\n"
        "generate: {teacher: kayitli}\n"
    )


def _student(model: Model, found: Inspection, *, tokenizer: str) -> Iterator[str]:
    size = parameters(size_of(model).parameters)
    yield f"student:      # made from nothing, {size} parameters: sized to {found.rows:,} rows and this machine\n"
    for key, value in model.student.items():
        if key != "vocabulary" or tokenizer == "train":
            yield f"  {key}: {value}\n"
    told = "its tokenizer is the teacher's" if tokenizer == "teacher" else "trained on these rows"
    yield f"  tokenizer: {tokenizer}      # {told}\n"
    if tokenizer == "train" and found.kind != "classification":
        yield "  # a model that knows the language already does far better on words: model: OWNER/NAME in place\n"
        yield "  # of all above, with train: {method: lora, learning_rate: 2.0e-4, epochs: 3}\n"


def _train(model: Model, *, kd: bool, labels: bool) -> Iterator[str]:
    yield "train:\n"
    if kd:
        yield "  losses:\n"
        yield "    - {use: forward_kl, weight: 0.5, temperature: 2.0}      # the teacher's probabilities\n"
        yield "    - {use: cross_entropy, weight: 0.5}                     # its answers\n"
    yield f"  epochs: {model.epochs:g}\n"
    yield f"  batch_size: {model.batch_size}\n"
    yield f"  learning_rate: {model.learning_rate:.1e}\n"
    yield "  weight_decay: 0.1\n"
    if labels and not kd:
        yield "  dropout: 0.1\n"
    if labels:
        yield "  schedule: warmup_stable_decay\n"
        yield "  keep: last      # accuracy goes on rising after the validation loss has turned\n"
    if kd:
        yield "  # controls: [text_only]      # the same student without the probabilities: is the signal worth it?\n"


def _evaluate(found: Inspection) -> str:
    if found.kind == "classification":
        return "evaluate: {max_tokens: 4}\n"
    return "evaluate: {max_tokens: 256}\n"
