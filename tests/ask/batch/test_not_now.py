"""A provider that says "not now" (429) is asked again when it said, measured where the requests arrive."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import pytest

from asking import outcomes, questions
from batchkit import FORMATS, ask, batch_engine
from imbik.core.errors import TeacherUnreachableError
from imbik.core.types import Outcome
from imbik.testing import BatchPlan, FakeTeacher
from imbik.testing.batches import Seen

AFTER = 0.4  # seconds that the server asks for; the policy's own first waits are a few hundredths
# Where the rows of a batch go: OpenAI takes a file first, Anthropic takes them with the batch itself.
UPLOAD = {"openai": ("busy_files", "/v1/files"), "anthropic": ("busy", "/v1/messages/batches")}


@pytest.fixture(params=FORMATS)
def form(request: pytest.FixtureRequest) -> str:
    """Both wire formats."""
    return request.param


def gaps(seen: list[Seen], method: str, path: str) -> tuple[list[int], list[float]]:
    """Statuses of the requests to one place, and the seconds from each to the next."""
    found = [item for item in seen if (item.method, item.path) == (method, path)]
    return [item.status for item in found], [after.at - before.at for before, after in pairwise(found)]


def asked_once(teacher: FakeTeacher, folder: Path, form: str, **more: object) -> None:
    """Five questions are answered, each handed over once."""
    with batch_engine(folder, teacher.base_url, form, **more) as engine:
        assert outcomes(ask(engine, questions(5))) == [Outcome.ANSWERED] * 5
    assert len(teacher.batches.made) == 1
    assert max(teacher.asked.values()) == 1


def test_the_upload_of_a_batchs_file_waits_as_long_as_retry_after_says(tmp_path: Path, form: str) -> None:
    refusal, path = UPLOAD[form]
    with FakeTeacher(batch=BatchPlan(**{refusal: 2}, retry_after=AFTER)) as teacher:
        asked_once(teacher, tmp_path, form)
        statuses, waits = gaps(teacher.batches.seen, "POST", path)
    assert statuses == [429, 429, 200]
    assert all(AFTER <= wait < AFTER + 0.5 for wait in waits), waits


def test_without_retry_after_the_upload_is_tried_again_much_sooner(tmp_path: Path, form: str) -> None:
    """What shows that the test above measures the header and nothing else."""
    refusal, path = UPLOAD[form]
    with FakeTeacher(batch=BatchPlan(**{refusal: 2})) as teacher:
        asked_once(teacher, tmp_path, form)
        statuses, waits = gaps(teacher.batches.seen, "POST", path)
    assert statuses == [429, 429, 200]
    assert max(waits) < AFTER, waits


def test_making_a_batch_of_a_file_waits_too_and_the_file_is_sent_once(tmp_path: Path) -> None:
    with FakeTeacher(batch=BatchPlan(busy=1, retry_after=AFTER)) as teacher:
        asked_once(teacher, tmp_path, "openai")
        uploads, _ = gaps(teacher.batches.seen, "POST", "/v1/files")
        statuses, waits = gaps(teacher.batches.seen, "POST", "/v1/batches")
    assert (uploads, statuses) == ([200], [429, 200])
    assert AFTER <= waits[0] < AFTER + 0.5


def test_looks_at_a_batch_wait_too(tmp_path: Path, form: str) -> None:
    with FakeTeacher(batch=BatchPlan(busy_looks=2, retry_after=AFTER)) as teacher:
        asked_once(teacher, tmp_path, form)
        (name,) = teacher.batches.made
        path = f"/v1/batches/{name}" if form == "openai" else f"/v1/messages/batches/{name}"
        statuses, waits = gaps(teacher.batches.seen, "GET", path)
    assert statuses[:3] == [429, 429, 200]
    assert all(AFTER <= wait < AFTER + 0.5 for wait in waits[:2]), waits


def test_a_wait_beyond_all_patience_ends_the_asking_at_once(tmp_path: Path, form: str) -> None:
    refusal, path = UPLOAD[form]
    with (
        FakeTeacher(batch=BatchPlan(**{refusal: 9}, retry_after=30)) as teacher,
        batch_engine(tmp_path, teacher.base_url, form) as engine,
    ):
        with pytest.raises(TeacherUnreachableError, match="takes no requests for now: .*ate limit") as raised:
            list(engine.ask("buyuk", questions(5), purpose="generation"))
        assert gaps(teacher.batches.seen, "POST", path)[0] == [429]
    assert "type the same command again" in raised.value.next
