"""What imbik connects to, as the kernel sees it: strace follows a whole run, whatever opens the connection.

Python's own audit hooks do not see uvloop's connections, nor those of native code; the kernel does. The positive
control is a leak planted in the same process with uvloop: the same reading of the same trace must find it.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from imbik.testing import FakeTeacher

pytestmark = pytest.mark.strace

ELSEWHERE = "192.0.2.7"  # RFC 5737: nobody's
RUN = "from imbik.cli.main import run_command\nraise SystemExit(run_command())\n"
PLANTED = f"""
import asyncio, contextlib, uvloop
async def leak():
    with contextlib.suppress(Exception):
        await asyncio.wait_for(asyncio.open_connection("{ELSEWHERE}", 80), 0.3)
uvloop.run(leak())
"""
_CALL = re.compile(r"\b(?:connect|sendto|sendmsg|sendmmsg)\(.*?sin6?_port=htons\((\d+)\).*?\"([0-9a-fA-F.:]+)\"")


def traced(project: Path, port: int, *, planted: bool) -> tuple[int, set[tuple[str, int]]]:
    """Exit code and the internet addresses that a run spoke to, of all its threads and children."""
    rows = "\n".join(json.dumps({"prompt": f"{n} + 1", "answer": str(n + 1)}) for n in range(20))
    (project / "rows.jsonl").write_text(rows)
    (project / "recipe.yaml").write_text(
        "name: izlenen\ntasks: {source: rows.jsonl, kind: math}\n"
        f"teachers: {{t: {{use: openai, model: m, base_url: 'http://127.0.0.1:{port}/v1'}}}}\n"
        "student: {architecture: llama}\n"
    )
    operator = project / "config" / "imbik" / "operator.yaml"
    operator.parent.mkdir(parents=True)
    operator.write_text(f"local: [{{host: 127.0.0.1, port: {port}, attestation: burada}}]\n")
    trace = project / "trace.txt"
    code = (PLANTED if planted else "") + RUN
    words = ["run", "recipe.yaml", "--until", "generate"]
    command = ["strace", "-f", "-qq", "-e", "trace=connect,sendto,sendmsg,sendmmsg", "-o", str(trace)]
    environment = {**os.environ, "XDG_CONFIG_HOME": str(project / "config")}
    done = subprocess.run(
        [*command, sys.executable, "-c", code, *words], cwd=project, env=environment, capture_output=True, check=False
    )
    found = {(match[2], int(match[1])) for match in _CALL.finditer(trace.read_text())}
    return done.returncode, found


@pytest.mark.parametrize("planted", [False, True])
def test_a_run_speaks_to_its_teacher_and_to_nobody_else(tmp_path: Path, planted: bool) -> None:
    with FakeTeacher(lambda messages: "Cevap: 1") as teacher:
        code, spoken = traced(tmp_path, teacher.port, planted=planted)
        assert code == 0
        assert teacher.count > 10  # not all 20: test rows wait for the report
    expected = {("127.0.0.1", teacher.port)} | ({(ELSEWHERE, 80)} if planted else set())
    assert spoken == expected
