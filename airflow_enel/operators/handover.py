"""Leaving an application to its keeper, for a task that does not wait."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

from airflow_enel.history.records import AgentSaved
from airflow_enel.operators.watch import AGENT_PATIENCE_S
from airflow_enel.spark.submission.address import read_address

if TYPE_CHECKING:
    from airflow.sdk.types import Logger

    from airflow_enel.domain import RunKey
    from airflow_enel.execution.history_writer import BufferedWriter
    from airflow_enel.operators.charge import Charge
    from airflow_enel.spark.client import AgentAddress
    from airflow_enel.spark.submission.keeper import ClientDriver


def hand_over(
    key: RunKey, charge: Charge, writer: BufferedWriter, log: Logger, poll_interval_s: float
) -> bool:
    """Leave the driver to its keeper once its agent is up.

    :param key: of the run
    :param poll_interval_s: seconds between two looks for the agent
    :returns: False if it has ended already, or if nobody would tell how it ends
    """
    driver = charge.driver
    if driver is None or not driver.folder.home.exists():
        log.warning(
            "Waiting for the application in spite of wait_for_completion=False: without a way "
            "to the history nobody could tell how it ends"
        )
        return False
    address = _agent_address(driver, poll_interval_s)
    if driver.exit_code() is not None:
        return False
    if address is not None:
        writer.write(AgentSaved(key.id, address.host, address.port))
    charge.record(key.submit_try, handed_over=True)
    driver.folder.watcher.unlink(missing_ok=True)
    log.info("Submitted; its keeper will tell the history how it ends")
    return True


def _agent_address(driver: ClientDriver, poll_interval_s: float) -> AgentAddress | None:
    """Where the agent listens, None if the driver has ended before, or is too slow."""
    deadline = time.monotonic() + AGENT_PATIENCE_S
    while (address := read_address(driver.folder.port)) is None:
        if driver.exit_code() is not None or time.monotonic() > deadline:
            return None
        time.sleep(poll_interval_s)
    return address
