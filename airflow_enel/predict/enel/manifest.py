"""Manifest of a trained network: configuration, gates, errors on held-out runs; as JSON."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import asdict, dataclass, fields
from math import isfinite
from typing import TYPE_CHECKING, Any, Final

from airflow_enel.domain.model import ModelUnusable
from airflow_enel.predict.enel.config import LARGEST_LOG_CORRECTION, PROPERTY_LENGTH
from airflow_enel.predict.enel.gate import Gate, Gates

if TYPE_CHECKING:
    from collections.abc import Iterable

    from typing_extensions import Self

KIND: Final = "enel"
"""Kind of the models that :class:`~airflow_enel.predict.enel.forecaster.Enel` can use."""
SCHEMA_VERSION: Final = 3
"""Of the manifest and the weights together."""
ENCODER: Final = f"bits-and-char-ngrams-{PROPERTY_LENGTH}"
"""Version of the encoder of properties; codes of another one cannot be compared."""

_ONE: Final = 1.0 + 1e-9  # weights are rounded
_DIGITS: Final = 8
"""Of a run's mark, hexadecimal: of 50 runs of a job two are the same once in 3.5 million."""


@dataclass(frozen=True, slots=True)
class JobGate:
    """Gates of the network for one recurring job, with the errors they come from.

    :param job: its name
    :param runs: past runs it was trained on
    :param held_out: newest runs that it was judged on before it had learned from them
    :param gates: how far the network's log correction is used
    :param prior_percent: mean error of the prior on the runs held out, None without such
    :param network_percent: of the whole correction, as if the gates were 1
    :param learned: what :func:`marks_of` makes of those runs: numbers alone do not tell which of
        the runs that are there now, after an import or when others were removed, are new
    """

    job: str
    runs: int
    held_out: int
    gates: Gates
    prior_percent: float | None
    network_percent: float | None
    learned: str = ""

    def has_learned(self, run_id: str) -> bool:
        """Whether a run of the job is among those that it was trained on."""
        return marks_of(self.job, [run_id]) in _split(self.learned)


@dataclass(frozen=True, slots=True)
class Manifest:
    """Metadata of a trained network.

    :param config: name of its configuration
    :param encoder: :data:`ENCODER` when it was trained
    :param largest_executors: scale-out whose features are 1; those of one executor are 0
    :param created_at: seconds since the epoch
    :param from_scratch_at: the same of the model that it was fine-tuned from, or its own
    :param training_runs: runs it has learned from
    :param latest_run_at: start of the latest of them
    :param data_hash: SHA-256 over them
    :param epochs: how often it has seen them
    :param jobs: by name
    :param pooled: gates for jobs that are not among them
    :param walk_forward_prior_percent: mean error of the prior on all runs held out, None
        without such
    :param walk_forward_network_percent: of the whole correction
    """

    config: str
    encoder: str
    largest_executors: int
    seed: int
    created_at: float
    from_scratch_at: float
    training_runs: int
    latest_run_at: float
    data_hash: str
    epochs: int
    jobs: tuple[JobGate, ...]
    pooled: Gates
    walk_forward_prior_percent: float | None
    walk_forward_network_percent: float | None
    schema_version: int = SCHEMA_VERSION

    def gates_of(self, job: str) -> Gates:
        """The gates of a job, or those for jobs that are not known."""
        return next((of.gates for of in self.jobs if of.job == job), self.pooled)

    def to_json(self) -> str:
        """Canonical JSON: the same for the same manifest."""
        return json.dumps(asdict(self), sort_keys=True, separators=(",", ":"), allow_nan=False)

    @classmethod
    def from_json(cls, text: str) -> Self:
        """Read what :meth:`to_json` wrote.

        :raises ModelUnusable: (a ValueError) if it is none, or of another schema
        """
        try:
            found = json.loads(text)
        except (ValueError, RecursionError) as error:
            raise ModelUnusable("the manifest is no JSON") from error
        if not isinstance(found, dict):
            raise ModelUnusable("the manifest is no JSON object")
        schema = found.get("schema_version")
        if schema != SCHEMA_VERSION:
            raise ModelUnusable(
                f"the manifest has schema {str(schema)[:20]}, this version of airflow-enel reads "
                f"{SCHEMA_VERSION}: train again"
            )
        jobs = found.get("jobs")
        if not isinstance(jobs, list):
            raise ModelUnusable("jobs of the manifest must be a list")
        read = tuple(_with_gates(JobGate, job, "gates") for job in jobs)
        made: Self = _with_gates(cls, found | {"jobs": read}, "pooled")
        if made.encoder != ENCODER:
            raise ModelUnusable(f"the model was trained with another encoder than {ENCODER}")
        return made


def marks_of(job: str, run_ids: Iterable[str]) -> str:
    """Marks of runs of a job, which tell them apart, ascending and without gaps."""
    digests = {hashlib.sha256(json.dumps([job, run_id]).encode()).hexdigest() for run_id in run_ids}
    return "".join(sorted({digest[:_DIGITS] for digest in digests}))


def _split(marks: str) -> list[str]:
    return [marks[at : at + _DIGITS] for at in range(0, len(marks), _DIGITS)]


def _are_marks(text: str) -> bool:
    """Whether a text could come from :func:`marks_of`."""
    found = _split(text)
    whole = all(re.fullmatch(rf"[0-9a-f]{{{_DIGITS}}}", mark) for mark in found)
    return whole and found == sorted(set(found))


_TYPES: Final[dict[str, tuple[type, ...]]] = {
    "str": (str,),
    "int": (int,),
    "float": (float, int),
    "float | None": (float, int, type(None)),
    "tuple[JobGate, ...]": (tuple,),
    "Gate": (Gate,),
    "Gates": (Gates,),
}


def _with_gates(cls: Any, found: Any, name: str) -> Any:
    """A dataclass of which one value is gates."""
    gates = found.get(name) if isinstance(found, dict) else None
    if not isinstance(gates, dict):
        raise ModelUnusable(f"{name} of a {cls.__name__} of the manifest must be an object")
    read = _checked(Gates, {phase: _gate(value) for phase, value in gates.items()})
    return _checked(cls, found | {name: read})


def _gate(found: Any) -> Gate:
    gate: Gate = _checked(Gate, found)
    limited = 0 <= gate.limit <= LARGEST_LOG_CORRECTION
    if not (limited and min(gate.half, gate.whole) >= 0 and gate.half + gate.whole <= _ONE):
        raise ModelUnusable("a gate of the manifest must have weights of 0 … 1, and a limit")
    return gate


def _checked(cls: Any, found: Any) -> Any:
    """A dataclass of values of its types, marks of runs as they are made."""
    names = {field.name: str(field.type) for field in fields(cls)}
    if not isinstance(found, dict) or found.keys() != names.keys():
        raise ModelUnusable(f"a {cls.__name__} of the manifest has other fields than it must")
    values: Any = found
    for name, type_ in names.items():
        value = values[name]
        if not isinstance(value, _TYPES[type_]) or isinstance(value, bool):
            raise ModelUnusable(f"{name} of the manifest must be {type_}")
        if isinstance(value, (int, float)) and not isfinite(value):
            raise ModelUnusable(f"{name} of the manifest must be finite")
        if name == "learned" and not _are_marks(values[name]):
            raise ModelUnusable(f"{name} of the manifest must be marks of runs, ascending")
    return cls(**found)
