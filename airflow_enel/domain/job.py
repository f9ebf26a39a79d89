"""Names of recurring jobs."""

from __future__ import annotations


def training_name(dag_id: str, job_key: str) -> str:
    """The name of a recurring job among those of all DAGs."""
    return f"{dag_id}/{job_key}"
