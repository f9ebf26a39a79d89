"""Dependencies and JSON responses that all routes share."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Response

from airflow_enel.history import wire
from airflow_enel.history.sql.repository import SqlHistory


def history() -> SqlHistory:
    """Return the history in the metadata DB of this API server, for bodies that were decoded."""
    return SqlHistory(decoded=True)


HistoryDep = Annotated[SqlHistory, Depends(history)]


def json_of(shape: Any, value: object) -> Response:
    """Return a value as an answer."""
    return Response(wire.encode(shape, value), media_type="application/json")
