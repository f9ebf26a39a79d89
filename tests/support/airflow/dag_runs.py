# ruff: noqa: PLC0415 - Airflow must not be imported before its settings are made
"""DAGs and their runs in Airflow's metadata DB, made by Airflow's own code without a scheduler."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

BUNDLE = "test"


def store_dag(dag: Any) -> Any:
    """Write a DAG as the DAG processor does; return it as the scheduler reads it."""
    from airflow.models.dagbundle import DagBundleModel
    from airflow.models.serialized_dag import SerializedDagModel
    from airflow.serialization.definitions.dag import SerializedDAG
    from airflow.serialization.serialized_objects import LazyDeserializedDAG
    from airflow.utils.session import create_session

    with create_session(scoped=False) as session:
        if session.get(DagBundleModel, BUNDLE) is None:
            session.add(DagBundleModel(name=BUNDLE))
            session.flush()
        SerializedDAG.bulk_write_to_db(BUNDLE, None, [dag], session=session)
        SerializedDagModel.write_dag(
            LazyDeserializedDAG.from_dag(dag), bundle_name=BUNDLE, session=session
        )
    with create_session(scoped=False) as session:
        stored = SerializedDagModel.get(dag.dag_id, session=session)
        assert stored is not None
        return stored.dag


def add_dag_run(dag: Any, run_id: str, due: datetime, state: str = "running") -> None:
    """Make a DAG run with its task instances and the deadlines of its ``DeadlineAlert``s.

    :param dag: from `store_dag`
    """
    from airflow.utils.session import create_session
    from airflow.utils.state import DagRunState
    from airflow.utils.types import DagRunTriggeredByType, DagRunType

    with create_session(scoped=False) as session:
        dag.create_dagrun(
            run_id=run_id,
            logical_date=due,
            data_interval=(due, due),
            run_after=due,
            run_type=DagRunType.MANUAL,
            triggered_by=DagRunTriggeredByType.TEST,
            state=DagRunState(state),
            start_date=due,
            session=session,
        )


def add_past_dag_run(
    dag: Any,
    run_id: str,
    due: datetime,
    took_s: Mapping[str, float | str | Sequence[float]],
    *,
    scheduled_before_s: float = 0.0,
) -> None:
    """Make a DAG run that has ended.

    :param took_s: seconds by task id, several for a mapped task, or a state other than success
    :param scheduled_before_s: how long tasks waited between their upstreams and their start
    """
    from airflow.models.dagrun import DagRun
    from airflow.models.taskinstance import TaskInstance
    from airflow.utils.session import create_session

    from airflow_enel.history.http.capability import TaskIdentity
    from tests.support.airflow.task_instances import add_task_instance

    add_dag_run(dag, run_id, due)
    with create_session(scoped=False) as session:
        of_run = {"dag_id": dag.dag_id, "run_id": run_id}
        for task_id, took in took_s.items():
            seconds = [took] if isinstance(took, (float, int, str)) else list(took)
            if len(seconds) > 1 or not isinstance(took, (float, int, str)):
                session.query(TaskInstance).filter_by(**of_run, task_id=task_id).delete()
                session.commit()
                for index in range(len(seconds)):
                    add_task_instance(TaskIdentity(dag.dag_id, run_id, task_id, index, 1))
            for index, one in enumerate(seconds):
                which = {} if len(seconds) == 1 else {"map_index": index}
                row = session.query(TaskInstance).filter_by(**of_run, task_id=task_id, **which)
                row.update(_ended(due, one, scheduled_before_s))
        session.query(DagRun).filter_by(**of_run).update({"state": "success"})


def _ended(due: datetime, took: float | str, scheduled_before_s: float) -> dict[Any, Any]:
    if isinstance(took, str):
        return {"state": took}
    return {
        "state": "success",
        "scheduled_dttm": due - timedelta(seconds=scheduled_before_s),
        "start_date": due,
        "end_date": due + timedelta(seconds=took),
    }
