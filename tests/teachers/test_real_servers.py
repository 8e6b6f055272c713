"""Real servers of others: what they say through HTTP is what the same weights say in this process."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest

from asking import ask, make_engine, question
from imbik.core.types import Completion, Outcome, Sensitivity
from imbik.privacy.operator import LocalEndpoint, Operator
from imbik.testing.tiny_models import make_model

TEXTS = ["Ayşe'nin 12 elması vardı, kaç elması kaldı?", "Kartım kayboldu", "İki kere iki?"]
SECONDS = 120


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def serving(command: list[str], port: int, log: Path) -> Iterator[None]:
    """A server in a process of its own, from when it accepts connections until the block ends."""
    environment = {**os.environ, "HF_HUB_OFFLINE": "1", "CUDA_VISIBLE_DEVICES": "", "PYTHONWARNINGS": "ignore"}
    with log.open("w") as stream:
        process = subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT, env=environment)
        try:
            deadline = time.monotonic() + SECONDS
            while not _accepts(port):
                assert process.poll() is None, log.read_text()
                assert time.monotonic() < deadline, log.read_text()
                time.sleep(0.2)
            yield
        finally:
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(20)
            process.kill()
            process.wait()


def _accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def listed(port: int) -> Operator:
    return Operator(local=(LocalEndpoint(host="127.0.0.1", ports=(port,), attestation="this machine"),))


def asked_of(folder: Path, port: int, **teacher: Any) -> list[Completion]:
    """Confidential rows, put to a server that the operator's file lists."""
    block = {"base_url": f"http://127.0.0.1:{port}/v1", **teacher}
    with make_engine(folder, teacher=block, operator=listed(port)) as engine:
        rows = [question(text, max_tokens=12, sensitivity=Sensitivity.CONFIDENTIAL) for text in TEXTS]
        return ask(engine, rows)


def in_process(folder: Path, model: Path) -> list[Completion]:
    with make_engine(folder, run="burada", teacher={"use": "in_process", "model": str(model)}) as engine:
        return ask(engine, [question(text, max_tokens=12) for text in TEXTS])


def said(completions: list[Completion]) -> list[tuple[str, Outcome]]:
    return [(completion.answer, completion.outcome) for completion in completions]


def test_transformers_serve(tmp_path: Path) -> None:
    model, port = tmp_path / "model", free_port()
    make_model(model)
    program = Path(sys.executable).with_name("transformers")
    command = [str(program), "serve", str(model), "--port", str(port), "--host", "127.0.0.1", "--device", "cpu"]
    with serving(command, port, tmp_path / "log.txt"):
        served = asked_of(tmp_path, port, use="transformers_serve", model=str(model))
    assert said(served) == said(in_process(tmp_path, model))
    assert all(completion.usage.input_tokens and completion.usage.output_tokens for completion in served)


@pytest.mark.nightly
def test_llama_cpp_server(tmp_path: Path) -> None:
    from tiny_gguf import write_gguf

    folder, port = tmp_path / "model", free_port()
    file = write_gguf(make_model(folder), folder / "model.gguf")
    command = [sys.executable, "-m", "llama_cpp.server", "--model", str(file), "--port", str(port), "--n_ctx", "256"]
    with serving(command, port, tmp_path / "log.txt"):
        served = asked_of(tmp_path, port, use="llamacpp", model="model")
    assert said(served) == said(in_process(tmp_path, file))
