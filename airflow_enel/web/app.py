"""The ASGI application that the plugin mounts, built at the first request.

Schedulers, workers and triggerers import plugins too and never serve one: only where a request
arrives are FastAPI, the tables and the routes loaded.
"""

from __future__ import annotations

import asyncio
import threading
from typing import Any


class LazyApp:
    """An ASGI application that becomes the real one when it is called first."""

    def __init__(self) -> None:
        self._app: Any = None
        self._lock = threading.Lock()

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        """Serve a request."""
        if self._app is None:
            # In a thread: the imports would hold up every other request of the server.
            await asyncio.to_thread(self._build)
        await self._app(scope, receive, send)

    def _build(self) -> None:
        with self._lock:
            if self._app is None:
                from airflow_enel.web.api import build_app  # noqa: PLC0415

                self._app = build_app()
