"""A model hub on this machine that speaks as much of the real one's protocol as an upload needs, and counts.

Small files come inside the commit, weights go to a storage of another port, as the real hub does it.
"""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import threading
from types import TracebackType

from aiohttp import web


class FakeHub:
    """`files` are what a repository holds after the commit; `requests` every method and path, with its token."""

    def __init__(self, *, redirect: bool = False) -> None:
        self.files: dict[str, bytes] = {}
        self.requests: list[tuple[str, str, str]] = []
        self.stored: dict[str, bytes] = {}
        self.port = self.storage_port = 0
        self._redirect = redirect
        self._ready, self._stop = threading.Event(), asyncio.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    @property
    def url(self) -> str:
        """What `--hub` takes."""
        return f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> FakeHub:
        self._thread.start()
        self._ready.wait()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._loop.call_soon_threadsafe(self._stop.set)
        self._thread.join()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        runners = []
        for handler in (self._hub, self._storage):
            application = web.Application(client_max_size=64 << 20)
            application.router.add_route("*", "/{path:.*}", handler)
            runner = web.AppRunner(application, access_log=None, shutdown_timeout=0.2)
            await runner.setup()
            await web.TCPSite(runner, "127.0.0.1", 0).start()
            runners.append(runner)
        self.port, self.storage_port = (runner.addresses[0][1] for runner in runners)
        self._ready.set()
        await self._stop.wait()
        for runner in runners:
            await runner.cleanup()

    async def _storage(self, request: web.Request) -> web.Response:
        body = await request.read()
        self._note(request)
        self.stored[hashlib.sha256(body).hexdigest()] = body
        return web.Response()

    async def _hub(self, request: web.Request) -> web.Response:
        body = await request.read()
        self._note(request)
        path = request.path
        if self._redirect:
            return web.Response(status=307, headers={"Location": "http://192.0.2.7/elsewhere"})
        if path == "/api/repos/create":
            return web.json_response({"url": f"{self.url}/org/name"})
        if "/preupload/" in path:
            files = json.loads(body)["files"]
            modes = [
                {
                    **one,
                    "uploadMode": "lfs" if one["path"].endswith(".safetensors") else "regular",
                    "shouldIgnore": False,
                }
                for one in files
            ]
            return web.json_response({"files": modes})
        if path.endswith("/info/lfs/objects/batch"):
            return self._batch(json.loads(body))
        if "/commit/" in path:
            self._commit(body)
            return web.json_response({"commitUrl": f"{self.url}/org/name/commit/1", "commitOid": "1", "success": True})
        return web.json_response({"id": "org/name", "sha": "0", "siblings": []})

    def _batch(self, asked: dict[str, list[dict[str, object]]]) -> web.Response:
        objects = [
            {
                **one,
                "actions": {"upload": {"href": f"http://127.0.0.1:{self.storage_port}/{one['oid']}", "header": {}}},
            }
            for one in asked["objects"]
        ]
        return web.json_response({"objects": objects}, content_type="application/vnd.git-lfs+json")

    def _commit(self, body: bytes) -> None:
        for line in body.splitlines():
            item = json.loads(line)
            value = item["value"]
            if item["key"] == "file":
                self.files[value["path"]] = base64.b64decode(value["content"])
            elif item["key"] == "lfsFile":
                self.files[value["path"]] = self.stored[value["oid"]]

    def _note(self, request: web.Request) -> None:
        self.requests.append((request.method, request.path, request.headers.get("Authorization", "")))
