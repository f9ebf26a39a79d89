"""Models the seconds of a finished component on other numbers of task slots, for policies."""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from typing_extensions import Self

    from airflow_enel.domain import Component, Stage, TaskDigest


@dataclass(frozen=True, slots=True)
class ComponentModel:
    """A finished component, by the durations of its tasks.

    Its stages take as long as the longest chain of them, but no less than all their tasks take
    on all slots. Tasks last as long on any number of slots: caches, shuffles and contention are
    not modelled.

    :param key: the component's
    :param digests: stages with their task durations, parents first
    :param other_s: seconds that the component took besides, when it ran: the driver's
    """

    key: str
    digests: tuple[tuple[Stage, TaskDigest], ...]
    other_s: float = 0.0

    @classmethod
    def of(cls, component: Component, slots_per_executor: float) -> Self | None:
        """The model of a component, None if it did not succeed or a digest is missing."""
        stages = sorted((s for s in component.stages if s.tasks), key=lambda s: s.stage_id)
        digests = tuple((stage, stage.digest) for stage in stages if stage.digest is not None)
        complete = len(digests) == len(stages) > 0 and not any(stage.failure for stage in stages)
        if not (complete and component.succeeded and component.finished_at is not None):
            return None
        model = cls(component.key, digests)
        executors = component.scale_out.mean or component.scale_out.end
        took_s = component.finished_at - component.started_at
        slots = max(int(executors * slots_per_executor), 1)
        return cls(component.key, digests, max(took_s - model.stages_s(slots), 0.0))

    def stages_s(self, slots: int) -> float:
        """Seconds of its stages; no more on more slots."""
        ends: dict[int, float] = {}
        for stage, digest in self.digests:
            begin = max((ends.get(parent, 0.0) for parent in stage.parents), default=0.0)
            ends[stage.stage_id] = begin + stage_s(digest, slots)
        busy_s = sum(digest.total_s for _, digest in self.digests)
        return max(*ends.values(), busy_s / slots)


def stage_s(digest: TaskDigest, slots: int) -> float:
    """Seconds of one stage on so many slots: its largest task, all its tasks, or its waves."""
    waves = ceil(digest.count / slots)
    return max(digest.max_s, digest.total_s / slots, waves * digest.median_s)
