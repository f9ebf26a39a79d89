"""Leaves an application to its supervisor, for a task that does not wait for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from airflow_enel.execution.clock import Clock
from airflow_enel.execution.driver_loop import AGENT_PATIENCE_S
from airflow_enel.history.records import AgentSaved

if TYPE_CHECKING:
    from airflow.sdk.types import Logger

    from airflow_enel.domain import AgentAddress, RunKey
    from airflow_enel.execution.application import TaskApplication
    from airflow_enel.execution.history_writer import BufferedWriter
    from airflow_enel.spark.submission.base import SubmittedApplication


def detach(
    key: RunKey,
    application: TaskApplication,
    writer: BufferedWriter,
    log: Logger,
    poll_interval_s: float,
    clock: Clock,
) -> bool:
    """Leave the driver to its supervisor once its agent is up.

    :param key: of the run
    :param poll_interval_s: seconds between two looks for the agent
    :returns: False if it has ended already, or if nobody could report how it ends
    """
    driver = application.driver
    if driver is None or not driver.folder.reporter_credentials.exists():
        log.warning(
            "Waiting for the application in spite of wait_for_completion=False: without a way "
            "to the history nobody could report how it ends"
        )
        return False
    address = _agent_address(driver, poll_interval_s, clock)
    if driver.get_result() is not None:
        return False
    if address is not None:
        writer.write(AgentSaved(key.id, address))
    application.save_task_state(key.submit_try, handed_over=True)
    driver.folder.follower_pid.unlink(missing_ok=True)
    log.info("Submitted; the supervisor of its driver will report how it ends to the history")
    return True


def _agent_address(
    driver: SubmittedApplication, poll_interval_s: float, clock: Clock
) -> AgentAddress | None:
    """Return where the agent listens, None if the driver has ended before, or is too slow."""
    deadline = clock.now() + AGENT_PATIENCE_S
    while (address := driver.get_agent_address()) is None:
        if driver.get_result() is not None or clock.now() > deadline:
            return None
        clock.sleep(poll_interval_s)
    return address
