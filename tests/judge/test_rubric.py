"""Rubrics: names that ship, names that do not, a user's own words, and files."""

from __future__ import annotations

from pathlib import Path

import pytest

from imbik.core.errors import RecipeError
from imbik.judge.rubric import MARKS, rubric_of, shipped
from imbik.judge.scoring import wording

HERE = Path()


def test_every_shipped_criterion_has_all_anchors_in_both_languages() -> None:
    for name in shipped():
        rubric = rubric_of([name], HERE)
        for language in ("tr", "en"):
            (criterion,) = rubric.of(language)
            assert tuple(criterion.anchors) == MARKS
            assert all(len(text) > 10 for text in (criterion.what, *criterion.anchors.values()))
        assert rubric.of("tr")[0].anchors != rubric.of("en")[0].anchors


def test_names_are_found_without_case_and_keep_the_users_spelling() -> None:
    rubric = rubric_of(["DOĞRULUK", "Kültürel Uygunluk", "AÇIKLIK", "Clarity"], HERE)
    assert rubric.names == ("DOĞRULUK", "Kültürel Uygunluk", "AÇIKLIK", "Clarity")
    assert "sayıları" in rubric.of("tr")[0].what
    assert "institutions" in rubric.of("sl")[1].anchors[2]
    decomposed = rubric_of(["ac\u0327\u0131kl\u0131k"], HERE)  # NFD, as some keyboards and macOS write it
    assert decomposed.of("tr")[0].what == rubric.of("tr")[2].what


def test_an_unknown_name_is_a_criterion_with_general_anchors() -> None:
    (criterion,) = rubric_of(["nezaket"], HERE).of("tr")
    assert (criterion.what, criterion.anchors[1], len(criterion.anchors)) == ("nezaket", "hiç karşılamıyor", 5)


def test_a_users_own_words_are_put_as_they_are_in_every_language() -> None:
    own = {"kısalık": {"what": "En çok iki cümle mi?", "anchors": {1: "dört cümle", 5: "bir cümle"}}, "doğruluk": None}
    rubric = rubric_of(own, HERE)
    assert rubric.of("en")[0].anchors == {1: "dört cümle", 5: "bir cümle"}
    assert rubric.of("en")[1].what.startswith("Are the facts")


def test_a_file_holds_the_same_and_its_words_change_the_wording(tmp_path: Path) -> None:
    file = tmp_path / "rubrik.yaml"
    file.write_text("kısalık:\n  what: En çok iki cümle mi?\n  anchors: {1: dört, 5: bir}\n", encoding="utf-8")
    before = wording(rubric_of("rubrik.yaml", tmp_path))
    assert wording(
        rubric_of({"kısalık": {"what": "En çok iki cümle mi?", "anchors": {1: "dört", 5: "bir"}}}, HERE)
    ) == (before)
    file.write_text("kısalık:\n  what: En çok üç cümle mi?\n  anchors: {1: dört, 5: bir}\n", encoding="utf-8")
    assert wording(rubric_of("rubrik.yaml", tmp_path)) != before
    file.write_text("[doğruluk, açıklık]", encoding="utf-8")
    assert rubric_of("rubrik.yaml", tmp_path).names == ("doğruluk", "açıklık")


def test_a_name_that_was_made_a_path_in_a_run_folders_recipe_is_still_the_name() -> None:
    assert rubric_of(["/home/x/doğruluk"], HERE).names == ("doğruluk",)


@pytest.mark.parametrize(
    ("value", "said"),
    [
        ("missing.yaml", "cannot be read"),
        ([], "one or more"),
        (["açıklık", "açıklık"], "different criteria"),
        ({"x": {"wat": "?"}}, "unknown key 'wat'; did you mean 'what'"),
        ({"x": {"anchors": {1: "no"}}}, "is not written as"),
        ({"x": {"what": "?", "anchors": {6: "much"}}}, "marks 1 to 5"),
        ({"x": {"what": "?", "anchors": {"low": "much"}}}, "marks 1 to 5"),
        (["a" * 61], "1 to 60 characters"),
    ],
)
def test_what_is_no_rubric_is_refused_with_words(value: object, said: str) -> None:
    with pytest.raises(RecipeError, match=said):
        rubric_of(value, HERE)  # type: ignore[arg-type]
