"""The arguments ``on_expected_miss`` and ``expected_miss_threshold`` of operator and sensor.

Kept light, because every DAG imports it with them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeAlias, cast

if TYPE_CHECKING:
    from airflow.sdk import Context

_SHOWN: Final = 40

MissCallback: TypeAlias = Callable[[Any], object]
"""A notifier of Airflow, or a function that takes the context of a task."""


@dataclass(frozen=True, slots=True)
class MissCallbacks:
    """What the author of a DAG wants to happen when a miss is expected.

    :param callbacks: notifiers of Airflow, or functions of a context
    :param threshold: probability to miss above which they are called
    :param context: of the task instance that calls them
    """

    callbacks: Sequence[MissCallback]
    threshold: float
    context: Context


def check_miss_callbacks(callbacks: object, threshold: float) -> tuple[MissCallback, ...]:
    """Return what is to be called when a miss is expected, as a tuple.

    :param callbacks: one, several, or None
    :raises ValueError: says what to write
    """
    if isinstance(threshold, bool) or not isinstance(threshold, int | float):
        raise ValueError("expected_miss_threshold must be a number")  # noqa: TRY004 - as for other arguments
    if not 0 <= threshold < 1:
        raise ValueError(f"expected_miss_threshold is {threshold}; it must be from 0 to below 1")
    listed: Sequence[object] = () if callbacks is None else (callbacks,)
    if isinstance(callbacks, list | tuple):
        listed = callbacks
    for callback in listed:
        if not callable(callback):
            raise ValueError(  # noqa: TRY004
                "on_expected_miss must be a notifier or a function of the context, or a list of "
                f"them, not {type(callback).__name__} {str(callback)[:_SHOWN]!r}"
            )
    return tuple(cast(Sequence[MissCallback], listed))
