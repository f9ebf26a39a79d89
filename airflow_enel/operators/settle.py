"""What a try does about the application of an earlier one, once that is known for certain."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Final

from airflow.providers.common.compat.sdk import AirflowException, conf

from airflow_enel.control.lifetime import Action, first_action
from airflow_enel.operators.attach import Earlier, Record, StateStore, earlier_application
from airflow_enel.operators.submit import work_dir

if TYPE_CHECKING:
    from airflow.sdk.types import Logger

    from airflow_enel.domain import RunKey
    from airflow_enel.history.base import History

_LOOK_AGAIN_S: Final = 5.0


def settle(
    key: RunKey,
    store: StateStore | None,
    history: History | None,
    log: Logger,
    is_killed: Callable[[], bool],
    *,
    durable: bool,
    sleep: Callable[[float], None] = time.sleep,
) -> tuple[Earlier | None, Action]:
    """The application of an earlier try, if any, and what to do about it.

    :param key: of the present try
    :param durable: see `first_action`
    :param sleep: waits for seconds before the next look at what is unknown
    :raises AirflowException: if it stays unknown whether an application runs
    """
    deadline = time.monotonic() + patience_s()
    told = False
    while True:
        record = Record.read(store) if store else None
        earlier = earlier_application(key, work_dir(), record, history)
        action = first_action(earlier.evidence if earlier else None, durable=durable)
        if action is not Action.WAIT or earlier is None:
            return earlier, action
        if is_killed() or time.monotonic() > deadline:
            raise AirflowException(unknown(earlier.key))
        if not told:
            told = True
            log.warning(
                "Try %d has submitted an application on %s. Whether it runs is not known; "
                "waiting %.0f s to learn it, as a second one must not run beside it",
                earlier.key.submit_try,
                record.host if record else "another worker",
                patience_s(),
            )
        sleep(_LOOK_AGAIN_S)


def patience_s() -> float:
    """``[enel] unknown_patience``: how long to wait for what is unknown."""
    return float(conf.getfloat("enel", "unknown_patience", fallback=600.0))


def unknown(key: RunKey) -> str:
    """What to tell when it stays unknown whether the application of a run is alive."""
    return (
        f"Try {key.submit_try} has submitted an application on another worker, and whether it "
        "still runs cannot be learned: neither its agent nor the history tells. No second one is "
        f"started. If it is certain that it is gone: airflow enel mark-lost {key.id}, and clear "
        "the task."
    )
