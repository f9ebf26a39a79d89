"""What a task knows while it runs, without its process: context, task instance, state store."""

from __future__ import annotations

import json
from types import SimpleNamespace
from typing import Any


class StateStore(dict[str, Any]):
    """``context["task_state_store"]``: values come back as JSON keeps them."""

    def set(self, key: str, value: Any) -> None:
        """Write the value of a key."""
        self[key] = json.loads(json.dumps(value))

    def delete(self, key: str) -> None:
        """Delete a key, if it is there."""
        self.pop(key, None)


def task_context(
    dag_id: str = "dag",
    run_id: str = "run",
    task_id: str = "job",
    *,
    map_index: int | None = -1,
    try_number: int = 1,
    max_tries: int = 1,
    **others: Any,
) -> Any:
    """The context of a task instance.

    :param others: further entries, such as ``task_state_store``
    """
    ti = SimpleNamespace(
        dag_id=dag_id,
        run_id=run_id,
        task_id=task_id,
        map_index=map_index,
        try_number=try_number,
        max_tries=max_tries,
    )
    return {"ti": ti, **others}
