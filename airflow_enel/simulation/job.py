"""Description of a recurring job for the simulator: its phases and how long each takes.

A job is a sequence of phases; a phase is one component (Spark job) or several equal ones, such as
the iterations of a loop. Users write one as TOML, see :mod:`airflow_enel.simulation.job_file`.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import ceil, inf, isfinite
from typing import ClassVar, Final

from airflow_enel.domain.wire import STRICT

REFERENCE_EXECUTORS: Final = 20
"""Scale-out at which an elasticity changes nothing."""

MAX_COMPONENTS: Final = 10_000


def _check_times(owner: object, *names: str) -> None:
    """Refuse what is no time or spread.

    :param names: of fields of the owner; one that ends with a space begins the message
    """
    where = "".join(name for name in names if name.endswith(" "))
    for name in names:
        value = 0.0 if name.endswith(" ") else getattr(owner, name)
        if not 0 <= value < inf:
            raise ValueError(f"{where}{name} must be finite and not negative, not {value}")


@dataclass(frozen=True, slots=True)
class Blocks:
    """A time that is a whole multiple of a block, as the reading of files in rounds.

    :param seconds: of one block
    :param first: the smallest multiple
    :param probabilities: of ``first``, ``first + 1`` …; they are scaled to a sum of 1
    """

    __pydantic_config__: ClassVar = STRICT

    seconds: float
    first: int
    probabilities: tuple[float, ...]

    def __post_init__(self) -> None:
        _check_times(self, "seconds")
        if self.first < 0:
            raise ValueError(f"first must not be negative, not {self.first}")
        if not self.probabilities or min(self.probabilities) < 0 or not sum(self.probabilities) > 0:
            raise ValueError("probabilities must not be negative, and one must be greater than 0")


@dataclass(frozen=True, slots=True)
class CachePenalty:
    """What a component loses while its cached data do not fit into the executors.

    Below ``executors`` it takes ``seconds · (1 − s/executors) · LN(0, log_sd) + jump_s`` more.
    """

    __pydantic_config__: ClassVar = STRICT

    executors: float
    seconds: float
    log_sd: float = 0.0
    jump_s: float = 0.0

    def __post_init__(self) -> None:
        _check_times(self, "executors", "seconds", "log_sd", "jump_s")


@dataclass(frozen=True, slots=True)
class Phase:
    """One component, or several that follow each other, at s executors.

    ``t(s) = (fixed_s + blocks + parallel_s/s + per_executor_s·s) · (s/20)^elasticity · factor``,
    times noise, plus the cache penalty. With ``tasks`` the parallel part runs in waves: it takes
    ``⌈tasks / slots⌉ · cores · parallel_s / tasks``.

    :param name: equal names are equal components, told apart by their occurrence
    :param count: how many components
    :param parallel_s: executor-seconds of work that is spread over the executors
    :param per_executor_s: seconds that every executor adds, such as for aggregation
    :param elasticity: exponent of the scale-out
    :param factors: of the components in turn, from the first again after the last
    :param tasks: of the parallel part; None if it is divided finely
    :param run_log_sd: spread of the run: shared by all components that are, or are not, io_bound
    :param log_sd: spread of each component
    :param io_bound: True if the I/O load of the cluster, which lasts from run to run, slows it
    :param cached: True if it reads data that earlier components have cached on the executors
    :param input_elasticity: exponent of the input size
    """

    __pydantic_config__: ClassVar = STRICT

    name: str
    count: int = 1
    fixed_s: float = 0.0
    blocks: Blocks | None = None
    parallel_s: float = 0.0
    per_executor_s: float = 0.0
    elasticity: float = 0.0
    factors: tuple[float, ...] = (1.0,)
    tasks: int | None = None
    run_log_sd: float = 0.0
    log_sd: float = 0.0
    io_bound: bool = False
    cached: bool = False
    cache: CachePenalty | None = None
    input_elasticity: float = 1.0

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise ValueError("a phase needs a name")
        where = f"phase {self.name!r}: "
        _check_times(self, "fixed_s", "parallel_s", "per_executor_s", "run_log_sd", "log_sd", where)
        if self.count < 1:
            raise ValueError(f"{where}count must be at least 1, not {self.count}")
        if not self.factors or not all(0 < f < inf for f in self.factors):
            raise ValueError(f"{where}factors must be greater than 0")
        if self.tasks is not None and self.tasks < 1:
            raise ValueError(f"{where}tasks must be at least 1, not {self.tasks}")
        if not (isfinite(self.elasticity) and isfinite(self.input_elasticity)):
            raise ValueError(f"{where}elasticities must be finite")
        if not (self.fixed_s or self.blocks or self.parallel_s or self.per_executor_s):
            raise ValueError(f"{where}it takes no time: set fixed_s, blocks, parallel_s …")

    def factor(self, index: int, input_factor: float) -> float:
        """By how much one of its components takes longer, without chance."""
        grown: float = input_factor**self.input_elasticity
        return self.factors[index % len(self.factors)] * grown

    def seconds(self, blocks: int, executors: float, cores: int) -> float:
        """Seconds of a component of factor 1, without the cache penalty.

        :param blocks: multiple of the block
        :param executors: greater than 0, fractions allowed
        """
        serial_s = self.fixed_s + (self.blocks.seconds * blocks if self.blocks else 0.0)
        spread_s = self.parallel_seconds(executors, cores) + self.per_executor_s * executors
        return (serial_s + spread_s) * self.level(executors)

    def level(self, executors: float) -> float:
        """The factor of its elasticity on all of its time."""
        if not self.elasticity:
            return 1.0
        level: float = (executors / REFERENCE_EXECUTORS) ** self.elasticity
        return level

    def parallel_seconds(self, executors: float, cores: int) -> float:
        """Seconds of the parallel part: in waves of tasks, or divided finely."""
        if self.tasks is None:
            return self.parallel_s / executors
        waves = ceil(self.tasks / max(executors * cores, 1.0))
        return waves * cores * self.parallel_s / self.tasks


@dataclass(frozen=True, slots=True)
class Stall:
    """How long the running component stands still when an executor is killed: log-normal."""

    __pydantic_config__: ClassVar = STRICT

    median_s: float = 15.0
    log_sd: float = 0.75

    def __post_init__(self) -> None:
        _check_times(self, "median_s", "log_sd")


@dataclass(frozen=True, slots=True)
class Reshuffle:
    """What a growth may cost on the published cluster: so many seconds, with a probability."""

    __pydantic_config__: ClassVar = STRICT

    seconds: float = 0.0
    probability: float = 0.0

    def __post_init__(self) -> None:
        _check_times(self, "seconds")
        if not 0 <= self.probability <= 1:
            raise ValueError(f"a probability lies between 0 and 1, not {self.probability}")


@dataclass(frozen=True, slots=True)
class JobDescription:
    """A recurring job.

    :param target_s: runtime target
    :param slow_probability: that a run is ``slow_factor`` times as slow throughout
    :param input_mib: input of a run of factor 1
    :param input_factors: sizes of the input, of which every run has one by chance
    :param executor_cores: tasks that an executor runs at once
    """

    __pydantic_config__: ClassVar = STRICT

    name: str
    target_s: float
    phases: tuple[Phase, ...]
    slow_probability: float = 0.0
    slow_factor: float = 2.0
    input_mib: int = 10_240
    input_factors: tuple[float, ...] = (1.0,)
    executor_cores: int = 4
    stall: Stall = Stall()
    reshuffle: Reshuffle = Reshuffle()

    def __post_init__(self) -> None:
        if not self.name.strip():
            raise ValueError("a job needs a name")
        if not 0 < self.target_s < inf:
            raise ValueError(f"target_s must be greater than 0, not {self.target_s}")
        if not self.phases:
            raise ValueError("a job needs at least one phase")
        if not 0 <= self.slow_probability <= 1:
            raise ValueError(f"slow_probability lies between 0 and 1, not {self.slow_probability}")
        positive = (self.slow_factor, self.input_mib, self.executor_cores, *self.input_factors)
        if not self.input_factors or not all(0 < value < inf for value in positive):
            raise ValueError(
                "slow_factor, input_mib, input_factors and executor_cores must be greater than 0"
            )
        if len(self.components()) > MAX_COMPONENTS:
            raise ValueError(f"a job has at most {MAX_COMPONENTS} components")

    def components(self) -> tuple[tuple[Phase, int], ...]:
        """Its components in order: the phase of each, and which of the phase it is."""
        return tuple((phase, index) for phase in self.phases for index in range(phase.count))
