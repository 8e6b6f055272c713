"""What tests of the experts' review share: a run with refined rows, the review served on this machine, a browser."""

from __future__ import annotations

import contextlib
import http.client
import json
import shutil
import socket
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from imbik.core.files import write_text
from imbik.core.results import Books
from imbik.core.runfolder import RunFolder, write_parts
from imbik.core.types import Sample, Sensitivity, Task
from imbik.evaluate.answers import Answer, Ran, keep
from imbik.evaluate.scores import SystemScores
from imbik.recipe import load_recipe
from imbik.review.compare import comparison, ring_of
from imbik.review.server import Room, application, room_of
from imbik.review.shown import pick, write_shown
from imbik.stage import StageResult
from imbik.web.serving import Place, listen, server
from stagekit import finish, make_run, train

if TYPE_CHECKING:
    from fastapi import FastAPI
    from playwright.sync_api import Browser, Page

BROWSER = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)
RECIPE = """
name: deneme
tasks: {source: rows.jsonl, kind: math, sensitivity: public}
teachers: {t: {use: openai, model: m}}
student: {architecture: llama}
"""


def review_run(folder: Path, samples: Sequence[Sample], review: str = "{sample: 1, doubtful: 0}") -> RunFolder:
    """A run whose samples are kept and, by its recipe, shown."""
    run = make_run(folder, train(list({sample.task.id: sample.task for sample in samples}.values())), samples)
    write_text(run.path / "recipe.yaml", f"{RECIPE}review: {review}\n")
    refine(run, samples)
    return run


def refine(run: RunFolder, samples: Sequence[Sample]) -> None:
    """Make these the kept samples (again), and choose those that are shown."""
    for stage in ("3_refined", "4_reviewed"):
        if run.stage(stage).exists():
            run.retire(stage)
    write_parts(run.begin("3_refined", "h"), iter(samples))
    books = Books(rows_in=len(samples), rows_out=len(samples))
    finish(run, "3_refined", StageResult(books, [], Sensitivity.PUBLIC))
    review = load_recipe(run.path / "recipe.yaml").review
    assert review is not None
    run.begin("4_reviewed", "h")
    write_shown(run, pick(samples, review.sample, review.doubtful, review.double))


def compare_run(
    folder: Path,
    rows: Sequence[tuple[Task, Mapping[str, str]]],
    level: Sensitivity = Sensitivity.PUBLIC,
    recipe: str = RECIPE,
) -> RunFolder:
    """A run whose report kept these answers to its test rows, by system; `level` is that of the systems."""
    run = make_run(folder, [(task, "test") for task, _ in rows])
    write_text(run.path / "recipe.yaml", recipe)
    answer(run, rows, level)
    return run


def answer(
    run: RunFolder, rows: Sequence[tuple[Task, Mapping[str, str]]], level: Sensitivity = Sensitivity.PUBLIC
) -> None:
    """Make these the systems' answers (again), as evaluation keeps them."""
    if run.stage("8_report").exists():
        run.retire("8_report")
    report = run.begin("8_report", "h")
    (report / "answers").mkdir()
    for system in {name: None for _, said in rows for name in said}:
        kept = [Answer(id=task.id, set="test", answer=said[system]) for task, said in rows if system in said]
        keep(report, system, kept, Ran(cost_to_run=SystemScores(), sensitivity=level))
    finish(run, "8_report", StageResult(Books(rows_in=len(rows), rows_out=len(rows)), [], level))


def free_port() -> int:
    """A port that nobody has just now."""
    with socket.socket() as made:
        made.bind(("127.0.0.1", 0))
        return int(made.getsockname()[1])


class Served:
    """A review on a port of this machine."""

    def __init__(self, room: Room, place: Place) -> None:
        self.room, self.place = room, place

    @property
    def address(self) -> str:
        return self.place.address

    def link(self, name: str) -> str:
        """A new invitation."""
        return f"{self.address}/join#{self.room.members.invite(name, again=True)}"


@contextmanager
def served(run: RunFolder, place: Place | None = None) -> Iterator[Served]:
    """The review of a run, served while the block lasts."""
    place = place or Place(port=free_port())
    room = room_of(run, load_recipe(run.path / "recipe.yaml"), place)
    with _served(room, application(room), place) as found:
        yield found


@contextmanager
def served_comparison(run: RunFolder, systems: Sequence[str], rows: int = 100) -> Iterator[Served]:
    """The comparison of a run's systems, served while the block lasts."""
    place = Place(port=free_port())
    room = ring_of(run, load_recipe(run.path / "recipe.yaml"), place, systems, rows)
    with _served(room, comparison(room), place) as found:
        yield found


@contextmanager
def _served(room: Room, app: FastAPI, place: Place) -> Iterator[Served]:
    bound, made = listen(place), server(app, place)
    thread = threading.Thread(target=made.run, kwargs={"sockets": [bound]})
    thread.start()
    try:
        while not made.started and thread.is_alive():
            time.sleep(0.01)
        yield Served(room, place)
    finally:
        made.should_exit = True
        thread.join()
        bound.close()
        room.close()


@contextmanager
def browser() -> Iterator[Browser]:
    """A real browser."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        made = playwright.chromium.launch(executable_path=BROWSER, args=["--no-sandbox"])
        try:
            yield made
        finally:
            made.close()


class Watched:
    """A page with all that it said on its console, all errors, and every address that it asked for."""

    def __init__(self, made: Browser, language: str = "tr", **settings: Any) -> None:
        self.context = made.new_context(locale=language, **{"viewport": {"width": 1280, "height": 860}, **settings})
        self.context.set_default_timeout(10_000)
        self.page: Page = self.context.new_page()
        self.said: list[str] = []
        self.asked: list[str] = []
        self.page.on("console", lambda message: self.said.append(message.text))
        self.page.on("pageerror", lambda error: self.said.append(str(error)))
        self.page.on("request", lambda request: self.asked.append(request.url))

    def join(self, link: str) -> Page:
        """Open an invitation and wait for the first row, or the page that says that there is none."""
        self.page.goto(link)
        self.page.wait_for_selector("#sheet:not([hidden]), #done:not([hidden])")
        return self.page


class Caller:
    """A browser as far as HTTP goes: keeps the cookie and the page's proof."""

    def __init__(self, where: Served, link: str) -> None:
        self.host, self.cookie, self.proof = where.address.removeprefix("http://"), "", ""
        self.ask("/api/join", {"token": link.partition("#")[2]})
        self.status, page = self.get("/")
        self.proof = page.partition('name="imbik-page" content="')[2].partition('"')[0]

    def get(self, path: str) -> tuple[int, str]:
        return self._send("GET", path, None, {})

    def ask(self, path: str, body: object = None, **headers: str) -> tuple[int, Any]:
        given = {
            "Origin": f"http://{self.host}", "Content-Type": "application/json", "X-Imbik-Page": self.proof,
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }  # fmt: skip
        status, text = self._send("POST", path, json.dumps({} if body is None else body).encode(), given)
        return status, json.loads(text) if text.startswith("{") else text

    def _send(self, method: str, path: str, body: bytes | None, headers: dict[str, str]) -> tuple[int, str]:
        with contextlib.closing(http.client.HTTPConnection(self.host, timeout=30)) as connection:
            connection.request(method, path, body, {**headers, **({"Cookie": self.cookie} if self.cookie else {})})
            with connection.getresponse() as answer:
                if given := answer.getheader("set-cookie"):
                    self.cookie = given.partition(";")[0]
                return answer.status, answer.read().decode()
