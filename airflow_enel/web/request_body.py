"""Request bodies: read up to a limit of bytes, then validated."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from fastapi import Depends, HTTPException, Request

from airflow_enel.history.wire import decode

T = TypeVar("T")

MAX_BODY_BYTES = 8 * 2**20
_TOO_LARGE = 413


async def read_body(request: Request, limit_bytes: int = MAX_BODY_BYTES) -> bytes:
    """Read a body, but never more than the limit, whatever its header says."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > limit_bytes:
            raise HTTPException(
                _TOO_LARGE, f"the body exceeds {limit_bytes} bytes: send it in parts"
            )
    return bytes(body)


def body_of(shape: type[T], limit_bytes: int = MAX_BODY_BYTES) -> Callable[[bytes], T]:
    """Return a dependency that gives the body as a dataclass; it runs in a thread.

    What is wrong becomes `HistoryRefused`, which the application answers with 422.
    """

    async def read(request: Request) -> bytes:
        return await read_body(request, limit_bytes)

    def parse(body: bytes = Depends(read)) -> T:  # Annotated could not name what is local
        return decode(shape, body)

    return parse
