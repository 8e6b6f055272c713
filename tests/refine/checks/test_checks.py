"""Each check by itself: what it keeps, what it rejects, and the reason it gives."""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbik.core.errors import PluginError
from imbik.core.plugins import PluginBlock, available, load_plugin, make
from imbik.core.types import LabelReference, Message, Origin, Sample, Task, Verdict
from imbik.refine.checks import CheckContext
from imbik.refine.checks.shape import repeated_ending
from imbik.tasks.grams import grams, jaccard, text_key, tokens
from imbik.tasks.minhash import PERMUTATIONS, RECALL, band_keys, rows_per_band
from stagekit import make_sample, make_task

CONTEXT = CheckContext(kind=make("tasks/kinds", PluginBlock(use="math")))


def check(name: str, **settings: object) -> object:
    return make("refine/checks", PluginBlock(use=name, raw=settings))


def judge(name: str, sample: Sample, **settings: object) -> Verdict:
    verdict = check(name, **settings).judge(sample, CONTEXT)  # type: ignore[attr-defined]
    assert isinstance(verdict, Verdict)
    return verdict


def decide(
    name: str, samples: Sequence[Sample], held_out: dict[str, list[Task]] | None = None, **settings: object
) -> dict[str, str]:
    """Reasons by sample id, the same for several ways to cut and order the rows."""
    context = CheckContext(kind=CONTEXT.kind, held_out=held_out or {})
    found = []
    for size, order in ((1000, samples), (1, samples), (2, samples[::-1])):
        plugin = check(name, **settings)
        blocks = [order[start : start + size] for start in range(0, len(order), size)]
        sketches = [plugin.sketch(block, context) for block in blocks]  # type: ignore[attr-defined]
        verdicts = plugin.decide(plugin.merge(sketches), context)  # type: ignore[attr-defined]
        assert all(verdict.by == name and not verdict.keep for verdict in verdicts.values())
        found.append({key: verdict.reason for key, verdict in verdicts.items()})
    assert found[0] == found[1] == found[2]
    return found[0]


def test_every_check_declares_scope_version_and_settings() -> None:
    assert set(available("refine/checks")) >= {"shape", "answer", "agreement", "duplicates", "leakage"}
    for name in ("shape", "answer", "agreement", "duplicates", "leakage"):
        plugin = load_plugin("refine/checks", name)
        assert plugin.scope in {"row", "group", "all"}
        assert isinstance(plugin.version, int)


# shape


@pytest.mark.parametrize("kind", [*sorted(available("tasks/kinds"))])
@pytest.mark.parametrize("language", ["tr", "en", "sl", "hu"])
def test_shape_knows_the_form_that_each_prompt_shows(kind: str, language: str) -> None:
    raw = {"labels": ["a", "b"]} if kind == "classification" else {}
    built = make("tasks/kinds", PluginBlock(use=kind, raw=raw))
    task = Task(id="1", kind=kind, messages=(Message(role="user", content="?"),), language=language)
    for reasoning in (True, False):
        text = built.question(task, reasoning=reasoning, instruction=None)[-1].content
        for form in re.findall(r": (<\w+>)$", text, re.MULTILINE):
            told = judge("shape", make_sample(task, answer=form)).reason
            assert told == f"the form '{form}' was given back instead of an answer"
    assert judge("shape", make_sample(task, answer="<br>")).keep


def test_shape_bounds_name_the_measured_length() -> None:
    sample = make_sample(make_task("a"), reasoning="2 + 3 = 5 elma", answer="5 elma")
    assert judge("shape", sample).keep
    assert judge("shape", sample, min_reasoning_tokens=6, max_answer_words=2).keep
    assert judge("shape", sample, min_reasoning_words=7).reason == "the reasoning has 6 words, fewer than 7"
    assert judge("shape", sample, max_answer_characters=5).reason == "the answer has 6 characters, more than 5"
    assert judge("shape", sample, min_reasoning_tokens=7).reason == "the reasoning has 6 tokens, fewer than 7"


def test_shape_rejects_missing_answers_unless_told_otherwise() -> None:
    sample = make_sample(make_task("a"), answer=" ")
    assert judge("shape", sample).reason == "there is no final answer"
    assert judge("shape", sample, empty=True).keep


@pytest.mark.parametrize(
    ("text", "loop"),
    [
        ("önce topla " + "ve böylece " * 5, "ve böylece"),
        ("dur " * 5, "dur"),
        ("bir iki üç " * 40, "bir iki üç"),
        ("ve böylece " * 4, ""),
        ("0 0 0 0 0 0", ""),
        ("5 + 5 + 5 + 5 + 5 = 25", ""),
        ("", ""),
    ],
)
def test_loops_at_the_end(text: str, loop: str) -> None:
    assert repeated_ending(text, 5) == loop
    verdict = judge("shape", make_sample(make_task("a"), reasoning=text))
    assert verdict.keep is not bool(loop)


def test_shape_refuses_bounds_in_the_wrong_order() -> None:
    with pytest.raises(PluginError, match="min_answer_words is larger"):
        check("shape", min_answer_words=5, max_answer_words=4)


# answer


def test_answer_compares_meaning() -> None:
    task = make_task("a", answer="1.250,50")
    assert judge("answer", make_sample(task, answer="1250,5 TL")).keep
    assert judge("answer", make_sample(task, answer="1250")).reason == "'1250' is not the known '1.250,50'"
    assert "no final answer" in judge("answer", make_sample(task, answer="")).reason


def test_answer_of_a_task_that_nobody_knows() -> None:
    sample = make_sample(make_task("a", answer=None))
    verdict = judge("answer", sample)
    assert verdict.keep
    assert "no known answer" in verdict.reason
    assert not judge("answer", sample, without_reference="reject").keep


# agreement


def agreement(answers: str, **settings: object) -> list[Verdict]:
    samples = [
        make_sample(make_task("a", answer=None), number, answer) for number, answer in enumerate(answers.split())
    ]
    verdicts = check("agreement", **settings).judge(samples, CONTEXT)  # type: ignore[attr-defined]
    assert isinstance(verdicts, list)
    return verdicts


def test_the_majority_stays() -> None:
    verdicts = agreement("5 5,0 7")
    assert [verdict.keep for verdict in verdicts] == [True, True, False]
    assert verdicts[0].score == pytest.approx(2 / 3)
    assert verdicts[2].reason == "'7' where most say '5'"


def test_too_small_a_majority_a_tie_and_too_few_answers_leave_nothing() -> None:
    assert [v.reason for v in agreement("5 5 7", at_least=0.75)] == [
        "the most frequent answer has 67% of 3, less than 75%"
    ] * 3
    assert [v.reason for v in agreement("5 7")] == ["no answer has a majority among 2"] * 2
    assert [v.keep for v in agreement("5", min_answers=2)] == [False]
    assert [v.keep for v in agreement("5")] == [True]


# duplicates

LONG = (
    "Ali pazardan üç kilo elma ile iki kilo armut aldı ve eve dönerken komşusuna bir kilo elma verdi "
    "geriye kaç kilo kaldı"
)


def test_the_same_question_twice_keeps_the_first_by_row_id() -> None:
    first, second = make_task("a", LONG), make_task("b", f"  {LONG.upper()}?! ")
    assert decide("duplicates", [make_sample(second), make_sample(first)]) == {"b#t#0": "the same question as row 'a'"}


def test_the_same_question_with_another_known_answer_is_named_as_such() -> None:
    first, second = make_task("a", LONG, answer="4"), make_task("b", LONG, answer="6")
    reasons = decide("duplicates", [make_sample(first, answer="4"), make_sample(second, answer="6")])
    assert reasons == {"b#t#0": "the same question as row 'a', whose known answer is '4' and not '6'"}


def test_near_questions_go_only_where_the_known_answer_is_the_same() -> None:
    near = LONG.replace("komşusuna", "arkadaşına")
    same, other = make_task("b", near), make_task("c", LONG.replace("üç", "dört"), answer="6")
    found = decide(
        "duplicates", [make_sample(make_task("a", LONG)), make_sample(same), make_sample(other)], threshold=0.6
    )
    assert set(found) == {"b#t#0"}
    assert found["b#t#0"].endswith("% the same question as row 'a'")
    assert decide("duplicates", [make_sample(make_task("a", LONG)), make_sample(same)], threshold=1) == {}


def test_an_augmented_task_may_be_near_its_own_but_not_the_same() -> None:
    task = make_task("a", LONG)
    noisy, copy = (
        make_task(name, text, origin=Origin(by="noise", of=("a",), same_as="a"))
        for name, text in (("a-noise", LONG.replace("komşusuna", "komsusuna")), ("a-copy", LONG.upper()))
    )
    stranger = make_task("b", LONG.replace("komşusuna", "komşuşuna"))
    samples = [make_sample(item) for item in (task, noisy, copy, stranger)]
    assert set(decide("duplicates", samples, threshold=0.6)) == {"a-copy#t#0", "b#t#0"}


def test_different_answers_to_one_task_stay_and_equal_ones_go() -> None:
    task = make_task("a", LONG)
    samples = [
        make_sample(task, 0, reasoning="3 + 2 = 5"),
        make_sample(task, 1, reasoning="3 + 2  =  5."),
        make_sample(task, 2, reasoning="2 + 3 = 5"),
        make_sample(task, 3, reasoning="6 - 1 = 5"),
    ]
    assert decide("duplicates", samples) == {"a#t#1": "the same answer as 'a#t#0'"}
    assert set(decide("duplicates", samples, per_task=2)) == {"a#t#1", "a#t#3"}


def test_sets_are_not_mixed() -> None:
    first, second = make_task("a", LONG), make_task("b", LONG)
    assert decide("duplicates", [make_sample(first), make_sample(second)], {"validation": [second]}) == {}


def test_arithmetic_that_differs_in_a_sign_is_no_duplicate() -> None:
    samples = [make_sample(make_task("a", "5 + 3 kaç eder?", "8")), make_sample(make_task("b", "5 - 3 kaç eder?", "2"))]
    assert decide("duplicates", samples) == {}


def test_candidates_by_minhash_find_what_exact_jaccard_finds() -> None:
    """Against all pairs compared exactly: the same rows go, whatever the bands missed or added."""
    chance = random.Random(3)
    words = [f"kelime{n}" for n in range(400)]
    tasks, truth = [], set()
    for number in range(120):
        if number % 3 and tasks:
            changed = tasks[-1].messages[0].content.split()
            changed[chance.randrange(len(changed))] = chance.choice(words)
        else:
            changed = [chance.choice(words) for _ in range(60)]
        tasks.append(make_task(f"r{number:03d}", " ".join(changed)))
    kept: list[Task] = []
    for task in tasks:
        mine = grams(tokens(task.messages[0].content), 3)
        if any(jaccard(mine, grams(tokens(other.messages[0].content), 3)) >= 0.85 for other in kept):
            truth.add(f"{task.id}#t#0")
        else:
            kept.append(task)
    found = decide("duplicates", [make_sample(task) for task in tasks])
    assert set(found) == truth
    assert 40 < len(truth) < 100


# leakage


def test_training_rows_found_in_held_out_sets_are_rejected_and_named() -> None:
    validation = make_task("v", LONG)
    test = make_task(
        "t", "Bir otobüste yirmi yolcu vardı, durakta beşi indi ve üçü bindi; şimdi otobüste toplam kaç yolcu var?"
    )
    rows = [
        make_task("exact", LONG),
        make_task("cased", LONG.upper() + " !"),
        make_task("inside", f"Şu soruyu dikkatle oku ve çöz lütfen. {test.messages[0].content} Kolay gelsin sana."),
        make_task(
            "fresh", "Ayşe'nin on iki kalemi vardı, dördünü kardeşine, ikisini arkadaşına verdi; kaç kalemi kaldı?"
        ),
    ]
    samples = [make_sample(task) for task in [*rows, validation]]
    found = decide("leakage", samples, {"validation": [validation], "test": [test]})
    assert found == {
        "exact#t#0": "the same text as validation row 'v'",
        "cased#t#0": "the same words as validation row 'v'",
        "inside#t#0": "100% of its 8-word runs stand in test row 't'",
    }
    assert set(decide("leakage", samples, {"validation": [validation], "test": [test]}, against=["test"])) == {
        "inside#t#0"
    }


def test_nearly_the_same_words_leak_unless_the_known_answer_is_another() -> None:
    held_out = {"test": [make_task("t", LONG, answer="4")]}
    near = LONG.replace("geriye", "sonra")
    rows = [
        make_task("same", near, answer="4"),
        make_task("other", near, answer="6"),
        make_task("unknown", near, answer=None),
        make_task("far", "Ali eve döndü ve komşusuna iki kilo armut verdi, kaç kilo kaldı?", answer="4"),
    ]
    samples = [make_sample(task) for task in rows]
    reason = "74% the same words as test row 't'"
    assert decide("leakage", samples, held_out, near=0.7) == {"same#t#0": reason, "unknown#t#0": reason}
    assert decide("leakage", samples, held_out, near=1) == {}
    assert decide("leakage", samples, held_out) == {}


def test_other_test_sets_are_test_sets() -> None:
    assert decide("leakage", [make_sample(make_task("a", LONG))], {"B": [make_task("b", LONG)]})
    assert not decide(
        "leakage", [make_sample(make_task("a", LONG))], {"B": [make_task("b", LONG)]}, against=["validation"]
    )


def test_a_shared_template_or_system_prompt_is_no_leak() -> None:
    system = Message(
        role="system", content="Sen sabırlı bir matematik öğretmenisin ve her soruyu adım adım açıklayarak çözersin"
    )
    intro = (
        "Aşağıdaki soruyu dikkatle oku, önce verilenleri yaz, sonra işlemleri sırayla yap ve en sonunda sonucu söyle:"
    )

    def task(name: str, number: int) -> Task:
        user = Message(role="user", content=f"{intro} {number} elmanın {number + 1} katı kaçtır?")
        return Task(id=name, kind="math", messages=(system, user))

    held_out = {"test": [task(f"t{n}", 1000 + n) for n in range(20)]}
    assert decide("leakage", [make_sample(task(f"r{n}", n)) for n in range(5)], held_out) == {}


def test_short_messages_leak_by_words_only() -> None:
    held_out = {"test": [make_task("t", "Kartım gelmedi")]}
    samples = [make_sample(make_task("a", "kartım GELMEDİ!")), make_sample(make_task("b", "Kartım ne zaman gelir"))]
    assert set(decide("leakage", samples, held_out)) == {"a#t#0"}


# Turkish letters, composed or not, in any case


@pytest.mark.parametrize("form", ["NFC", "NFD", "NFKD"])
@pytest.mark.parametrize(
    "change", [str.upper, str.lower, str.title, lambda text: text.replace("i", "İ").replace("ı", "I")]
)
def test_turkish_spellings_of_one_text_are_one(form: str, change: object) -> None:
    text = "İstanbul'da ılık bir gün; Iğdır'ın çiçeği, şöför ve güğüm kaç tane?"
    other = unicodedata.normalize(form, change(text))  # type: ignore[operator,arg-type]
    assert text_key(other) == text_key(text)
    twin = decide("duplicates", [make_sample(make_task("a", text)), make_sample(make_task("b", other))])
    assert set(twin) == {"b#t#0"}
    assert decide("leakage", [make_sample(make_task("a", other))], {"test": [make_task("t", text)]})


def test_labels_are_compared_by_their_kind() -> None:
    kind = make("tasks/kinds", PluginBlock(use="classification", raw={"labels": ["İade", "Kart"]}))
    task = Task(
        id="a",
        kind="classification",
        messages=(Message(role="user", content="x"),),
        reference=LabelReference(text="İade"),
    )
    assert check("answer").judge(make_sample(task, answer="iade"), CheckContext(kind=kind)).keep  # type: ignore[attr-defined]


# grams and bands


@given(st.lists(st.sampled_from("abcdefgh"), max_size=30), st.integers(1, 6))
def test_grams_are_the_set_of_runs(words: list[str], size: int) -> None:
    runs = {tuple(words[start : start + size]) for start in range(max(len(words) - size + 1, 1 if words else 0))}
    assert grams(words, size).size == len(runs)


@pytest.mark.parametrize("threshold", [0.3, 0.5, 0.7, 0.85, 0.95])
def test_bands_are_as_long_as_recall_allows(threshold: float) -> None:
    rows = rows_per_band(threshold)
    assert 1 - (1 - threshold**rows) ** (PERMUTATIONS // rows) >= RECALL


def test_equal_sets_share_all_bands_and_strangers_none() -> None:
    one, two = grams(list("abcdefghijklmno"), 2), grams(list("ponmlkjihgfedcba"), 2)
    first, again, stranger = band_keys([one, one, two], 0.85)
    assert first == again
    assert not set(first) & set(stranger)
    assert band_keys([grams([], 3)], 0.85) == [()]
