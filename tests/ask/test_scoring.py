"""Scoring token ids over real HTTP: the model's own distributions, the gate, the books, and where replies lie."""

# ruff: noqa: SIM117 - the inner block shows what lives inside the teacher's life

from __future__ import annotations

import sqlite3
from collections.abc import Sequence
from contextlib import closing
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from asking import make_engine
from imbik.core.errors import RecipeError
from imbik.core.scores import ScoreRequest, TokenScores
from imbik.core.types import Message, Outcome, Sensitivity
from imbik.privacy.addresses import endpoint
from imbik.privacy.audit import read_audit
from imbik.privacy.contents import texts_in
from imbik.privacy.operator import LocalEndpoint, Operator
from imbik.testing import FakeTeacher, Rule
from imbik.testing.completions import Position, scores_of
from imbik.testing.tiny_models import make_model

PURPOSE = "training"


def likely(tokens: Sequence[int], k: int) -> list[Position]:
    """Of every token the next k ids, each half as likely; the token itself where it is none of them."""
    return [
        {token: (-9.0, f"<{token}>")} | {place + item: (-0.7 * (item + 1), f"<{place + item}>") for item in range(k)}
        for place, token in enumerate(tokens[1:], 1)
    ]


def request(tokens: Sequence[int] = (5, 900, 901, 902), row: str = "r1", **more: Any) -> ScoreRequest:
    """A public row's ids."""
    given: dict[str, Any] = {"sensitivity": Sensitivity.PUBLIC, "top_k": 3, "tokenizer": "t", **more}
    words = (Message(role="user", content="Kaç elma var?"),)
    return ScoreRequest(messages=words, row=row, tokens=tuple(tokens), **given)


def own(url: str) -> Operator:
    """An operator's file that says this server is one's own."""
    port = endpoint(url).port
    return Operator(local=(LocalEndpoint(host="127.0.0.1", ports=(port,), attestation="the test's own machine"),))


def score(
    folder: Path, url: str, *requests: ScoreRequest, keep: bool = False, operator: Operator | None = None
) -> list[TokenScores]:
    """What an endpoint says of some requests; the replies are forgotten unless they are to be kept."""
    with make_engine(folder, url, operator=operator or own(url), prompt_logprobs=5) as engine:
        with engine.scoring("buyuk", folder / "scores.db", purpose=PURPOSE) as scorer:
            found = scorer.score(requests)
            if not keep:
                scorer.forget()
            return found


def test_distributions_come_best_first_without_the_token_that_stood_there(tmp_path: Path) -> None:
    with FakeTeacher(score=likely) as teacher:
        [found] = score(tmp_path, teacher.base_url, request())
        assert teacher.bodies[0] == {
            "model": "sahte", "prompt": [5, 900, 901, 902], "max_tokens": 1, "temperature": 0.0, "prompt_logprobs": 3,
        }  # fmt: skip
    assert found.outcome is Outcome.ANSWERED
    assert found.ids == ((1, 2, 3), (2, 3, 4), (3, 4, 5))
    assert found.scores[0] == pytest.approx((-0.7, -1.4, -2.1))
    assert found.pieces == ("<1>", "<2>", "<3>")
    assert found.usage.input_tokens == 4


def test_only_the_tokens_from_start_on_are_given(tmp_path: Path) -> None:
    with FakeTeacher(score=likely) as teacher:
        [found] = score(tmp_path, teacher.base_url, request(start=3, top_k=2))
    assert found.ids == ((3, 4),)
    assert found.pieces == ("<3>",)


def test_replies_lie_in_the_callers_store_until_they_are_forgotten(tmp_path: Path) -> None:
    with FakeTeacher(score=likely) as teacher:
        first = score(tmp_path, teacher.base_url, request(), request(row="r2", tokens=(1, 2)), keep=True)
        assert score(tmp_path, teacher.base_url, request(), keep=True) == first[:1]
        assert teacher.count == 2, "what is stored is not asked again"
        score(tmp_path, teacher.base_url, request())
        assert not (tmp_path / "scores.db").exists(), "an empty store goes"
        score(tmp_path, teacher.base_url, request())
        assert teacher.count == 3
    with closing(sqlite3.connect(next(tmp_path.glob("*.sqlite*")))) as answers:
        assert answers.execute("SELECT count(*) FROM answers").fetchone() == (0,), "never in the answer store"


def test_a_request_differs_by_tokens_tokenizer_and_top_k(tmp_path: Path) -> None:
    different = [request(), request(tokens=(5, 900)), request(tokenizer="u"), request(top_k=2)]
    with FakeTeacher(score=likely) as teacher:
        score(tmp_path, teacher.base_url, *different, *different)
        assert teacher.count == 4


def test_every_row_that_left_is_in_the_audit(tmp_path: Path) -> None:
    with FakeTeacher(score=likely) as teacher:
        score(tmp_path, teacher.base_url, request(), request(row="r2", tokens=(1, 2)))
    lines = [line for line in read_audit(tmp_path / "deneme" / "audit.jsonl") if line.verdict == "allowed"]
    assert {line.purpose for line in lines} == {PURPOSE}
    assert {len(line.rows) for line in lines} == {1}
    assert len(lines) == 2
    assert {line.place for line in lines} == {str(endpoint(teacher.base_url))}


@pytest.mark.parametrize("level", list(Sensitivity))
def test_token_ids_go_only_where_confidential_rows_may_go(tmp_path: Path, level: Sensitivity) -> None:
    with FakeTeacher(score=likely) as teacher:
        [found] = score(tmp_path, teacher.base_url, request(sensitivity=level), operator=Operator())
        assert teacher.count == 0
    assert found.outcome is Outcome.BLOCKED
    assert not found.said
    if level is Sensitivity.PUBLIC:
        assert "cannot be read (token ids" in found.reason
    [line] = [line for line in read_audit(tmp_path / "deneme" / "audit.jsonl") if line.verdict]
    assert line.verdict == "blocked"
    assert line.rows


def test_the_door_refuses_ids_whatever_was_said_before(tmp_path: Path) -> None:
    """The transport reads the bytes: a request that nobody looked into beforehand is refused there."""
    assert texts_in(b'{"model": "m", "prompt": [1, 2, 3, 4], "max_tokens": 1}') is None
    assert texts_in(b'{"model": "m", "prompt": [[1, 2], [1, 2, 3, 4, 5]]}') is None
    assert texts_in(b'{"schema": {"enum": [1, 2, 3, 4, 5]}, "stop_token_ids": [1, 2, 3, 4]}') is not None
    assert texts_in(b'{"content": "[1, 2, 3, 4, \\"a\\\\n\\"]"}') is not None, "digits in a text are read as text"


def test_what_a_request_costs_is_booked_under_its_purpose(tmp_path: Path) -> None:
    with (
        FakeTeacher(score=likely) as teacher,
        make_engine(
            tmp_path,
            teacher.base_url,
            operator=own(teacher.base_url),
            prompt_logprobs=5,
            price={"input": 10, "output": 100},
        ) as engine,
    ):
        with engine.scoring("buyuk", tmp_path / "s.db", purpose=PURPOSE) as scorer:
            [found] = scorer.score([request()])
            scorer.forget()
        [line] = engine.spending()
    assert found.cost == Decimal(4 * 10 + 100) / 1_000_000
    assert (line.purpose, line.teacher, line.paid) == (PURPOSE, "buyuk", found.cost)


def test_trouble_is_tried_again_as_with_any_question(tmp_path: Path) -> None:
    with FakeTeacher(score=likely, rules=[Rule("429", times=2), Rule("500", times=1)]) as teacher:
        [found] = score(tmp_path, teacher.base_url, request())
        assert teacher.count == 4
    assert found.said


def test_a_reply_about_another_text_says_nothing(tmp_path: Path) -> None:
    with FakeTeacher(score=lambda tokens, k: likely(tokens, k)[1:]) as teacher:
        [found] = score(tmp_path, teacher.base_url, request())
    assert found.outcome is Outcome.FAILED
    assert "read 3 tokens, and 4 were sent" in found.reason


def test_an_endpoint_without_the_field_says_so(tmp_path: Path) -> None:
    with FakeTeacher(score=lambda tokens, k: []) as teacher:
        [found] = score(tmp_path, teacher.base_url, request())
    assert not found.said
    assert found.outcome is not Outcome.ANSWERED


def test_a_chat_api_is_refused_with_the_reason(tmp_path: Path) -> None:
    with make_engine(tmp_path, "http://127.0.0.1:9/v1") as engine, pytest.raises(RecipeError) as refused:
        engine.scoring("buyuk", tmp_path / "s.db", purpose=PURPOSE)
    assert "chat API" in refused.value.what
    assert "prompt_logprobs" in str(refused.value.next)
    assert not (tmp_path / "s.db").exists()


def test_anthropics_api_is_refused_too(tmp_path: Path) -> None:
    teacher = {"use": "anthropic", "model": "claude-x"}
    with make_engine(tmp_path, teacher=teacher) as engine, pytest.raises(RecipeError, match="chat API"):
        engine.scoring("buyuk", tmp_path / "s.db", purpose=PURPOSE)


def test_vllm_can_score_without_being_told(tmp_path: Path) -> None:
    with FakeTeacher(score=likely) as teacher:
        vllm = {"use": "vllm", "model": "m", "base_url": teacher.base_url}
        with make_engine(tmp_path, teacher=vllm, operator=own(teacher.base_url)) as engine:
            with engine.scoring("buyuk", tmp_path / "s.db", purpose=PURPOSE) as scorer:
                assert scorer.score([request()])[0].said


def test_a_servers_scores_are_its_models_own(tmp_path: Path) -> None:
    import torch
    from transformers import AutoModelForCausalLM

    tiny_folder = tmp_path / "model"
    make_model(tiny_folder)
    tokens = [3, 17, 40, 8, 25]
    with FakeTeacher(score=scores_of(tiny_folder)) as teacher:
        [found] = score(tmp_path, teacher.base_url, request(tokens=tokens, top_k=5))
    network = AutoModelForCausalLM.from_pretrained(tiny_folder, dtype=torch.float32).eval()
    with torch.no_grad():
        logprobs = torch.log_softmax(network(torch.tensor([tokens])).logits[0, :-1], -1)
    best = logprobs.topk(5)
    assert found.ids == tuple(map(tuple, best.indices.tolist()))
    assert torch.allclose(torch.tensor(found.scores), best.values, atol=1e-6)
