"""The kind extraction, its check and its metrics."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from imbik.core.plugins import PluginBlock, make
from imbik.core.types import Completion, Message, Sample, Task, TextReference
from imbik.recipe import build
from imbik.refine.checks import CheckContext
from imbik.tasks.meaning import difference, normal_forms
from imbik.tasks.questions import question_of
from imbik.tasks.rows import BadRowError

TEXT = "Ayşe Yılmaz 3 Mayıs'ta Ankara'ya gitti, İstanbul'daki kitabını Irmak A.Ş.'nin deposunda unuttu."
KNOWN = '[{"text": "Ayşe Yılmaz", "type": "kişi"}, {"text": "Ankara", "type": "yer"}]'


def kind(**settings: Any) -> Any:
    return make("tasks/kinds", PluginBlock(use="extraction", raw=settings))


def metric(name: str, **settings: Any) -> Any:
    return make("evaluate/metrics", PluginBlock(use=name, raw=settings))


def task(known: str = KNOWN, language: str = "tr", text: str = TEXT, schema: str = "") -> Task:
    messages = (Message(role="user", content=text),)
    reference = TextReference(text=known) if known else None
    return Task(id="1", kind="extraction", messages=messages, reference=reference, language=language, schema=schema)


def reason(answer: str, of: Task | None = None, settings: dict[str, Any] | None = None, **more: Any) -> str:
    check: Any = make("refine/checks", PluginBlock(use="extracted", raw=more))
    sample = Sample(task=of or task(), teacher="t", number=0, completion=Completion(), answer=answer)
    verdict = check.judge(sample, CheckContext(kind=kind(**settings or {})))
    assert verdict.keep is not bool(verdict.reason)
    return str(verdict.reason)


def one(text: str, kind_of: str = "yer") -> str:
    return json.dumps([{"text": text, "type": kind_of}], ensure_ascii=False)


def test_json_is_found_among_words() -> None:
    def read(text: str) -> tuple[str, str]:
        found: tuple[str, str] = kind().read(Completion(answer=text), task())
        return found

    assert read(KNOWN) == ("", KNOWN)
    assert read(f"İki ad var.\n```json\n{KNOWN}\n```") == ("İki ad var.", KNOWN)
    assert read(f"Adlar [şöyle]: {KNOWN} Bu kadar.") == ("Adlar [şöyle]:", KNOWN)
    assert read(f"Düşünelim.\nCevap: {KNOWN}") == ("Düşünelim.", KNOWN)
    assert read('{"ad": "Ayşe"}') == ("", '{"ad": "Ayşe"}')
    assert read("[]") == ("", "[]")
    assert read("Ad yok.") == ("Ad yok.", "")
    assert read("[" * 50_000)[1] == ""


def test_order_case_and_spelling_of_keys_do_not_count() -> None:
    canonical = kind().canonical
    same = '[["ankara", "YER"], ["AYŞE  YILMAZ", "Kişi"]]'
    assert canonical(same, task()) == canonical(KNOWN, task()) != ""
    assert canonical(one("Ankara"), task()) != canonical(KNOWN, task())
    assert canonical("[]", task()) == "[]"
    assert canonical("Ankara", task()) == ""
    assert canonical('{"a": 5, "b": [1, 2], "c": null}', task()) == canonical('{"b": [2, 1], "a": "5"}', task())
    assert difference(same, KNOWN, kind(), task()) == ""
    assert difference(one("Ankara"), KNOWN, kind(), task()) == "other JSON"
    assert len(set(normal_forms([same, KNOWN], kind(), task()))) == 1


NAMES = st.lists(
    st.tuples(st.sampled_from(["Ankara", "İzmir", "Irmak", "5"]), st.sampled_from(["yer", "kişi"])), max_size=5
)


@given(NAMES)
def test_what_is_rendered_is_read_back(names: list[tuple[str, str]]) -> None:
    answer = json.dumps([{"text": text, "type": what} for text, what in names], ensure_ascii=False)
    for before in ("", "Önce yerler."):
        assert kind().read(Completion(answer=kind().render(before, answer, task())), task()) == (before, answer)


@pytest.mark.parametrize(("language", "word"), [("tr", "adları"), ("en", "names"), ("sl", "imena"), ("hu", "neveket")])
def test_it_is_asked_in_the_tasks_language(language: str, word: str) -> None:
    asked = kind(types=["kişi", "yer"]).question(task(language=language), reasoning=True, instruction=None)[-1].content
    assert word in asked
    assert "kişi, yer" in asked
    fields = (
        kind(fields=["ad", "tutar"]).question(task(language=language), reasoning=True, instruction=None)[-1].content
    )
    assert "ad, tutar" in fields


def test_its_own_words_stand_beside_a_schema() -> None:
    made = build({
        "name": "k", "tasks": {"source": "x", "kind": "extraction", "sensitivity": "public"},
        "teachers": {"t": {"use": "openai", "model": "m"}}, "student": {"architecture": "llama"},
    })  # fmt: skip
    schema = task(schema='{"type": "array"}')
    assert "JSON" in question_of(made, kind(), "t", schema, 0).messages[-1].content
    qa: Any = make("tasks/kinds", PluginBlock(use="qa"))
    assert question_of(made, qa, "t", schema, 0).messages == schema.messages


def test_a_row_without_json_is_refused() -> None:
    assert kind().reference({"answer": '[["Ankara", "yer"]]'}) == TextReference(text=one("Ankara"))
    assert kind().reference({}) is None
    with pytest.raises(BadRowError):
        kind().reference({"answer": "Ankara"})


@pytest.mark.parametrize(
    "text", ["Ankara", "İstanbul", "ISTANBUL".replace("I", "İ", 1), "kitap", "Irmak A.Ş.", "3 Mayıs", "depo"]
)
def test_entities_stand_in_the_text_with_turkish_endings(text: str) -> None:
    assert reason(one(text)) == ""


@pytest.mark.parametrize("text", ["İzmir", "kara", "Ay", "kit", "Mayıs 3"])
def test_entities_that_the_text_does_not_hold(text: str) -> None:
    assert "does not stand in the text" in reason(one(text))
    assert reason(one(text), occur=False) == ""


def test_the_check_says_what_does_not_fit() -> None:
    assert reason("Ankara") == "the answer is no JSON list or object"
    assert "none of those asked for (kişi)" in reason(one("Ankara"), settings={"types": ["kişi"]})
    assert "no field 'yaş'" in reason('{"yaş": 3}', settings={"fields": ["ad"]})
    assert reason('{"ad": "Zeynep"}', settings={"fields": ["ad"]}) == ""
    assert "'zeynep' does not stand" in reason('{"ad": "Zeynep"}', settings={"fields": ["ad"]}, values_occur=True)
    assert "is no entity" in reason('[{"x": 1}]')
    schema = task(schema='{"type": "array", "maxItems": 0}')
    assert "does not fit the schema" in reason(one("Ankara"), schema)
    assert reason("[]", schema) == ""
    assert reason(one("Koper"), task(language="sl", text="V Kopru.")) != ""
    assert reason(one("Maribor"), task(language="sl", text="V Mariboru.")) == ""


def test_micro_f1_is_of_all_entities() -> None:
    f1 = metric("entity_f1")
    rows = [(task(KNOWN), one("Ankara")), (task("[]"), "[]"), (task(one("Van")), one("Van", "kişi"))]
    sums = [f1.statistics(of, answer, kind()) for of, answer in rows]
    names = sorted({name for row in sums for name in row})
    total = np.array([[sum(row.get(name, 0.0) for row in sums) for name in names]])
    assert f1.value(names, total)[0] == pytest.approx(2 * 1 / (3 + 2))  # 3 known, 2 given, 1 right
    assert [f1.score(of, answer, kind()) for of, answer in rows] == pytest.approx([2 / 3, 1.0, 0.0])
    assert metric("entity_f1", types="ignore").score(*rows[2], kind()) == 1.0
    by_type = metric("entity_f1", average="type").value(names, total)[0]
    assert by_type == pytest.approx((2 * 1 / (2 + 1) + 0 / 2) / 2)  # yer: 2 known, 1 given, 1 right; kişi: 1 and 1, 0
    assert f1.value([], np.zeros((1, 0)))[0] == 1.0
    assert f1.score(task("[]"), "yok", kind()) == f1.score(task(), "", kind()) == 0.0


def test_field_f1_is_of_each_row() -> None:
    form = task('{"ad": "Ayşe", "adres": {"il": "Ankara"}, "tel": null}')
    f1 = metric("field_f1")
    assert f1.score(form, '{"adres": {"il": "ANKARA"}, "ad": "ayşe"}', kind()) == 1.0
    assert f1.score(form, '{"ad": "Ayşe"}', kind()) == pytest.approx(2 / 3)
    assert f1.score(form, "Ayşe", kind()) == 0.0
