"""What the fake teacher says can be read back as an answer, so that a recipe gets past refine."""

from __future__ import annotations

from pathlib import Path

import pytest

from imbik.core.errors import InputError
from imbik.tasks.markers import split_answer
from imbik.testing import FakeTeacher, from_file, solve
from testing.test_fake_teacher import post


def said(text: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": text}]


@pytest.mark.parametrize(
    ("text", "reasoning", "answer"),
    [
        ("4 + 3 kaç eder?\n\nCevap: <sonuç>", "4 + 3 = 7", "7"),
        ("7-12?", "7 - 12 = -5", "-5"),
        ("10 − 2 + 5 = ?", "10 - 2 + 5 = 13", "13"),
        ("Sonuç nedir: 4+3.", "4 + 3 = 7", "7"),
    ],
)
def test_plain_sums_are_solved(text: str, reasoning: str, answer: str) -> None:
    assert split_answer(solve(said(text))) == (reasoning, answer)


def test_the_marker_is_the_one_asked_for() -> None:
    assert solve(said("1 + 1?\n\nAnswer: <result>")) == "1 + 1 = 2\nAnswer: 2"


@pytest.mark.parametrize("text", ["Merhaba", "1,5 + 2 kaç?", "iade 9:00-17:00 arası mı?"])
def test_anything_else_is_said_again(text: str) -> None:
    assert solve(said(text)) == f"Duydum: {text}"


async def test_answers_of_a_file_over_http(tmp_path: Path) -> None:
    rows = 'question,answer\nKaç elma var?,5\nKaç elma var? Peki armut?,"Say.\n#### 8"\n'
    (tmp_path / "a.csv").write_text(rows, encoding="utf-8")
    with FakeTeacher(from_file(tmp_path / "a.csv")) as teacher:
        contents = []
        for question in ("Kaç elma var?", "Kaç elma var?  Peki armut?", "2 + 2?", "Kim?"):
            _, _, body = await post(teacher, question)
            contents.append(body["choices"][0]["message"]["content"])
    reasoning, answer = split_answer(contents[0])
    assert reasoning
    assert answer == "5"
    assert contents[1:] == ["Say.\nCevap: 8", "2 + 2 = 4\nCevap: 4", "Duydum: Kim?"]


def test_json_lines_with_reasoning(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"question": "Kim?", "reasoning": "Bakalım.", "answer": "Ali"}\n')
    assert from_file(tmp_path / "a.jsonl")(said("Kim?")) == "Bakalım.\nCevap: Ali"


def test_a_json_document_stands_alone(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text('{"question": "Kim?", "answer": "{\\"ad\\": \\"İlker\\"}"}\n', encoding="utf-8")
    assert from_file(tmp_path / "a.jsonl")(said("Kim?")) == '{"ad": "İlker"}'


def test_rows_without_an_answer_are_named(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text("question,answer\nKim?,\n", encoding="utf-8")
    with pytest.raises(InputError, match="without a question or an answer"):
        from_file(tmp_path / "a.csv")
