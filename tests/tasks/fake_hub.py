"""The few addresses of the hub that the library asks for a data set, on the loopback interface.

Sets are given as {OWNER/NAME: {path: content}}. ``gated/…`` is there and closed; everything else is
not there. What the real hub adds (redirects to storage, rate limits, log-in) is not imitated.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import threading
import urllib.parse
from collections.abc import Iterator, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

COMMIT = "a" * 40
Sets = Mapping[str, Mapping[str, bytes]]


class FakeHub(ThreadingHTTPServer):
    """Serves ``sets``; ``asked`` are the paths of all requests so far."""

    daemon_threads = True

    def __init__(self, sets: Sets) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.sets = sets
        self.asked: list[str] = []

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"


@contextlib.contextmanager
def serving(sets: Sets) -> Iterator[FakeHub]:
    with FakeHub(sets) as hub:
        thread = threading.Thread(target=hub.serve_forever)
        thread.start()
        try:
            yield hub
        finally:
            hub.shutdown()
            thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: FakeHub

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._answer({})

    do_HEAD = do_GET

    def do_POST(self) -> None:
        text = self.rfile.read(int(self.headers.get("Content-Length", 0))).decode()
        try:
            found = json.loads(text)
        except ValueError:
            found = urllib.parse.parse_qs(text)
        self._answer(found)

    def _answer(self, body: dict[str, Any]) -> None:
        asked = urllib.parse.urlsplit(self.path)
        path = urllib.parse.unquote(asked.path)
        self.server.asked.append(path)
        for name, files in self.server.sets.items():
            api, resolve = f"/api/datasets/{name}", f"/datasets/{name}/resolve/"
            if path == api or path.startswith(f"{api}/revision/"):
                return self._json(_info(name, files))
            if path.startswith(f"{api}/tree/"):
                under = path.removeprefix(f"{api}/tree/").partition("/")[2]
                found = _tree(files, under, "recursive" in asked.query)
                return self._json(found) if found or not under else self._refuse("EntryNotFound")
            if path.startswith(f"{api}/paths-info/"):
                return self._json([e for p in body["paths"] if (e := _entry(files, p))])
            if path.startswith(resolve):
                file = path.removeprefix(resolve).partition("/")[2]
                return self._file(files[file]) if file in files else self._refuse("EntryNotFound")
        closed = path.removeprefix("/api").startswith("/datasets/gated/")
        return self._refuse("GatedRepo", 403) if closed else self._refuse("RepoNotFound", 401)

    def _file(self, content: bytes) -> None:
        headers = {"ETag": f'"{_digest(content)}"', "Accept-Ranges": "bytes"}
        if (wanted := self.headers.get("Range")) is None:
            return self._send(200, content, headers)
        first, _, last = wanted.removeprefix("bytes=").partition("-")
        end = min(int(last or len(content)), len(content) - 1)
        headers["Content-Range"] = f"bytes {first}-{end}/{len(content)}"
        return self._send(206, content[int(first) : end + 1], headers)

    def _json(self, data: Any) -> None:
        self._send(200, json.dumps(data).encode(), {"Content-Type": "application/json"})

    def _refuse(self, code: str, status: int = 404) -> None:
        self._send(status, b"{}", {"X-Error-Code": code, "X-Error-Message": code})

    def _send(self, status: int, body: bytes, headers: dict[str, str]) -> None:
        self.send_response(status)
        for key, value in {**headers, "X-Repo-Commit": COMMIT}.items():
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


def _info(name: str, files: Mapping[str, bytes]) -> dict[str, Any]:
    day = "2025-01-01T00:00:00.000Z"
    return {
        "_id": "1",
        "id": name,
        "sha": COMMIT,
        "private": False,
        "gated": False,
        "disabled": False,
        "downloads": 0,
        "likes": 0,
        "tags": [],
        "siblings": [{"rfilename": f} for f in files],
        "lastModified": day,
        "createdAt": day,
    }


def _tree(files: Mapping[str, bytes], under: str, deep: bool) -> list[dict[str, Any]]:
    start = f"{under}/" if under else ""
    paths = {p for p in files if p.startswith(start)}
    for path in list(paths):
        parts = path.split("/")
        paths |= {"/".join(parts[:i]) for i in range(1, len(parts))}
    inside = sorted(p for p in paths if p.startswith(start))
    wanted = [p for p in inside if deep or "/" not in p.removeprefix(start)]
    return [entry for p in wanted if (entry := _entry(files, p)) is not None]


def _entry(files: Mapping[str, bytes], path: str) -> dict[str, Any] | None:
    if path in files:
        content = files[path]
        return {"type": "file", "oid": _digest(content), "size": len(content), "path": path}
    if any(p.startswith(f"{path}/") for p in files):
        return {"type": "directory", "oid": COMMIT, "size": 0, "path": path}
    return None


def _digest(content: bytes) -> str:
    return hashlib.sha1(content).hexdigest()
