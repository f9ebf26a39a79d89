"""HTTP servers that answer as an agent would, or as it never should."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Respond = Callable[[str, str, dict[str, Any]], tuple[int, bytes]]
"""Takes method, path and body; gives status and body."""


def agents() -> Iterator[Callable[[Respond], int]]:
    """Starts HTTP servers that answer as told; gives their ports. To be made a fixture."""
    servers: list[ThreadingHTTPServer] = []

    def start(respond: Respond) -> int:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                self.answer("GET", {})

            def do_POST(self) -> None:
                length = int(self.headers["Content-Length"])
                self.answer("POST", json.loads(self.rfile.read(length)))

            def answer(self, method: str, body: dict[str, Any]) -> None:
                status, content = respond(method, self.path, body)
                self.send_response(status)
                self.send_header("Content-Length", str(len(content)))
                self.end_headers()
                self.wfile.write(content)

            def log_message(self, *_: Any) -> None: ...

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        # How often it looks whether it shall end, for which every test waits.
        threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
        servers.append(server)
        return server.server_port

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def page(events: list[dict[str, Any]], after: int = 0, *, app_id: str = "app-1") -> bytes:
    """The events of an application in one answer, or all in the file that is left at its end.

    :param after: how many of them are known already
    """
    numbered = [{"seq": index, "event": event} for index, event in enumerate(events, start=1)]
    body = {"protocol": 1, "app_id": app_id, "now_ms": 30_000, "first": 1, "last": len(events)}
    return json.dumps({**body, "more": False, "ended": False, "events": numbered[after:]}).encode()
