"""`EnelSparkSensor`, which DAG authors write.

Kept light, because every DAG that uses it imports it: `SensorPoll` does what a poke does.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import TYPE_CHECKING, Any

from airflow.providers.common.compat.sdk import BaseSensorOperator

from airflow_enel.execution.miss_callbacks import (
    MissCallback,
    MissCallbacks,
    check_miss_callbacks,
)

if TYPE_CHECKING:
    from airflow.sdk import Context

    from airflow_enel.execution.observer_cache import ObserverCache


class EnelSparkSensor(BaseSensorOperator):
    """Observe and scale the Spark application of another task until it has ended.

    The other task is of the same DAG run. It is an
    :class:`~airflow_enel.operators.spark.EnelSparkOperator` with ``wait_for_completion=False``, or
    any operator that adds :func:`airflow_enel.spark.agent_conf` to its Spark configuration, which
    may well run beside the sensor. Target, bounds and policy are those of the application.

    Every poke reads the application, decides where a new barrier has been reached, asks Spark for
    executors, and records. The next one needs nothing of it, so ``mode="reschedule"`` works just as
    well and another worker may go on; in the same process it reads only what is new. While the
    history or the agent cannot be reached the application runs on at its present size, and the
    sensor waits.

    It succeeds when the application has succeeded, fails when it has failed and its task has no
    retry left, and times out as every sensor does. An application of another operator than ours
    has succeeded when its task has.

    :param external_task_id: the task that submits the application (templated)
    :param external_map_index: its map index, if it is mapped
    :param agent_address: ``host:port`` of an agent on another machine, which was given a fixed
        port by ``agent_conf`` (templated). Not needed on the driver's own machine, nor for an
        ``EnelSparkOperator``.
    :param poke_interval: seconds between two looks, which is also how late a decision may come
    :param on_expected_miss: as of :class:`~airflow_enel.operators.spark.EnelSparkOperator`
    :param expected_miss_threshold: likewise
    """

    template_fields: Sequence[str] = ("external_task_id", "agent_address")

    def __init__(
        self,
        *,
        external_task_id: str,
        external_map_index: int = -1,
        agent_address: str | None = None,
        poke_interval: timedelta | float = 5.0,
        on_expected_miss: MissCallback | Sequence[MissCallback] | None = None,
        expected_miss_threshold: float = 0.5,
        **kwargs: Any,
    ) -> None:
        super().__init__(poke_interval=poke_interval, **kwargs)
        self.external_task_id = external_task_id
        self.external_map_index = external_map_index
        self.agent_address = agent_address
        self.on_expected_miss = check_miss_callbacks(on_expected_miss, expected_miss_threshold)
        self.expected_miss_threshold = expected_miss_threshold
        self._cache: ObserverCache | None = None

    def poke(self, context: Context) -> bool:
        """Look once; True if the application has succeeded.

        :raises AirflowFailException: if it has failed, or will never be submitted
        """
        from airflow_enel.execution.observer_cache import ObserverCache  # noqa: PLC0415 - as above
        from airflow_enel.execution.sensor_poll import (  # noqa: PLC0415 - numpy and httpx
            SensorPoll,
            SubmittingTask,
            parse_address,
        )

        if self._cache is None:
            wanted = MissCallbacks(self.on_expected_miss, self.expected_miss_threshold, context)
            self._cache = ObserverCache(wanted)
        task = SubmittingTask(
            self.external_task_id, self.external_map_index, parse_address(self.agent_address)
        )
        return SensorPoll(task, context, self._cache, self.log).poll()
