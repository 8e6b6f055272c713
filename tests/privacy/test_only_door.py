"""No other module opens a connection: the source is read, and the exceptions are named with their reason."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

DOOR = "privacy/transport.py"
# What may reach a server, and why it is not a way for rows to leave.
EXCEPTIONS = {
    "models/load.py": "downloads weights from a hub by name; sends no rows",
    "tasks/sources/hub.py": "downloads a data set from a hub by name; sends no rows",
    "privacy/hub.py": "hands weights to a hub; the gate decides for each host, see tests/serve/test_push.py",
    "cli/fake_teacher.py": "starts the fake teacher, a server",
    "testing/fake_teacher.py": "is a server",
}
CLIENTS = {
    "aiohttp",
    "httpx",
    "requests",
    "urllib3",
    "pycurl",
    "websockets",
    "grpc",
    "paramiko",
    "ftplib",
    "smtplib",
    "telnetlib",
}
CLIENTS |= {"openai", "anthropic", "litellm", "http.client", "urllib.request", "xmlrpc", "httpx2", "huggingface_hub"}
CALLS = {"ClientSession", "create_connection", "open_connection", "connect_ex", "urlopen", "snapshot_download"}
CALLS |= {"hf_hub_download", "sock_connect", "TCPConnector", "load_dataset", "push_to_hub"}


def findings(source: str) -> Iterator[str]:
    """Imports of clients and calls that open connections."""
    tree = ast.parse(source)
    sockets = False
    for node in ast.walk(tree):
        names: list[str] = []
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            names = [node.module or "", *(f"{node.module}.{alias.name}" for alias in node.names)]
        sockets = sockets or "socket" in names
        yield from (name for name in names if any(name == bad or name.startswith(bad + ".") for bad in CLIENTS))
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            called = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
            if called in CALLS or (sockets and called == "connect"):
                yield called


def test_only_the_transport_opens_connections(root: Path) -> None:
    package = root / "src" / "imbik"
    found = {}
    for path in sorted(package.rglob("*.py")):
        name = str(path.relative_to(package))
        opened = sorted(set(findings(path.read_text(encoding="utf-8"))))
        if opened and name != DOOR and name not in EXCEPTIONS:
            found[name] = opened
    assert not found, f"only {DOOR} may open connections: {found}"


def test_the_transport_itself_is_caught_by_the_same_search(root: Path) -> None:
    source = (root / "src" / "imbik" / DOOR).read_text(encoding="utf-8")
    assert "ClientSession" in set(findings(source))


@pytest.mark.parametrize(
    "source",
    [
        "import httpx",
        "from requests import get",
        "import urllib.request",
        "def f():\n    from huggingface_hub import snapshot_download",
        "import aiohttp\naiohttp.request('POST', 'http://a')",
        "import httpx\ndef f(u, b):\n    return httpx.post(u, content=b)",
        "import socket\nsocket.socket().connect(('a', 1))",
        "async def f():\n    await asyncio.open_connection('a', 1)",
    ],
)
def test_planted_ways_around_are_found(source: str) -> None:
    assert list(findings(source))
