"""Checks of operator arguments when a DAG is parsed, for operators and `agent_conf`."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Final

from airflow_enel.control.policies import Policy
from airflow_enel.control.target import parse_runtime_target
from airflow_enel.domain.context import MAX_ENTRIES, check_entry, read_entry

_SHOWN: Final = 40


def check_target(value: timedelta | float | str | None, policy: Policy) -> None:
    """Refuse a runtime target that cannot be one; a template is checked when it is rendered.

    :raises ValueError: says what to write
    """
    policy.check_target(value)
    if not (isinstance(value, str) and "{" in value):
        parse_runtime_target(value)


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
