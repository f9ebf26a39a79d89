"""Checks of operator arguments when a DAG is parsed, for operators and `agent_conf`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import Enum
from typing import Any, Final, TypeVar, cast

from airflow_enel.control.deadline import parse_deadline
from airflow_enel.control.policies import Policy
from airflow_enel.control.target import parse_runtime_target
from airflow_enel.domain.context import MAX_ENTRIES, check_entry, read_entry

_SHOWN: Final = 40


def check_target(
    runtime_target: object, deadline: object, policy: Policy, *, may_have_alert: bool
) -> None:
    """Refuse a target that cannot be one; templates are checked when they are rendered.

    :param may_have_alert: True if the DAG has a deadline of its own, or is not known yet
    :raises ValueError: says what to write
    """
    if runtime_target is None and deadline is None and not may_have_alert:
        policy.check_target(None)
    if not _is_resolved_later(runtime_target):
        parse_runtime_target(cast(Any, runtime_target))
    if not _is_resolved_later(deadline):
        parse_deadline(cast(Any, deadline))


def check_risk(risk: float | None) -> None:
    """Refuse a probability that cannot be one.

    :raises ValueError: says what to write
    """
    if risk is not None and not 0 < risk < 1:
        raise ValueError(f"risk is {risk!r}; write a probability between 0 and 1, such as 0.05")


T = TypeVar("T", bound=Enum)


def check_choice(name: str, value: str, choices: type[T]) -> T:
    """Return one of several values that an argument may have.

    :raises ValueError: lists them
    """
    try:
        return choices(value)
    except ValueError:
        listed = ", ".join(repr(choice.value) for choice in choices)
        raise ValueError(f"{name} is {value!r}; it must be one of {listed}") from None


def check_context(context: object, *, at_run_time: bool = True) -> None:
    """Refuse a context that cannot be one; templates are checked when they are rendered.

    :param at_run_time: False if there is nobody who could resolve outputs of other tasks
    :raises ValueError: says which entry is wrong
    """
    if context is None or (at_run_time and _is_resolved_later(context)):
        return
    if not isinstance(context, Mapping):
        raise ValueError(  # noqa: TRY004 - as for the other arguments
            "context must map names to texts or numbers, such as {'input_mib': 2048}"
        )
    if len(context) > MAX_ENTRIES:
        raise ValueError(f"context has {len(context)} entries, at most {MAX_ENTRIES} are kept")
    for name, value in context.items():
        if _is_template(value) or (at_run_time and _is_resolved_later(value)):
            check_entry(name, "")
        else:
            read_entry(name, value)


def check_input_paths(paths: object, *, at_run_time: bool = True) -> None:
    """Refuse input paths that cannot be any; templates are checked when they are rendered.

    :param at_run_time: False if there is nobody who could resolve outputs of other tasks
    :raises ValueError: says what to write
    """
    if paths is None or (at_run_time and _is_resolved_later(paths)):
        return
    listed = [paths] if isinstance(paths, str) or not isinstance(paths, Sequence) else paths
    for path in listed:
        if at_run_time and _is_resolved_later(path):
            continue
        if not isinstance(path, str) or not path.strip():
            raise ValueError(
                "input_paths must be a path or a list of paths, such as "
                f"'s3://bucket/sales/{{{{ ds }}}}/*.parquet', not {type(path).__name__} "
                f"{str(path)[:_SHOWN]!r}"
            )


def _is_template(value: object) -> bool:
    return isinstance(value, str) and "{" in value


def _is_resolved_later(value: object) -> bool:
    """Outputs of other tasks, which Airflow resolves like templates, or a template of it all."""
    return _is_template(value) or hasattr(value, "resolve")
