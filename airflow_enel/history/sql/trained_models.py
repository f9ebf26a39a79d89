"""Queries that write and read trained models.

Invariants: a name is given once, and what it names never changes; of each kind the newest few are
kept. The newest is the one that was stored last, whatever the clock of its trainer said.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Final, TypeVar

from sqlalchemy import delete, func, select
from sqlalchemy.orm import Session

from airflow_enel.domain import ModelUnusable, TrainedModel
from airflow_enel.history.interface import HistoryRefused, ModelRow, UnknownModel
from airflow_enel.history.sql.sessions import SessionFactory, Sessions, airflow_session
from airflow_enel.history.sql.tables import ModelRecord
from airflow_enel.history.wire import checked

T = TypeVar("T")

MODELS_PER_KIND: Final = 5

_FIELDS: Final = (
    ModelRecord.name,
    ModelRecord.kind,
    ModelRecord.schema_version,
    ModelRecord.manifest,
)
_REST: Final = (ModelRecord.weights, ModelRecord.sha256, ModelRecord.created_at)


class SqlModels:
    """The models that all recurring jobs share.

    :param session_factory: gives a session that commits when left well
    :param decoded: True if all that is written was read from JSON by `wire.decode`, so that it
        need not be checked again
    """

    def __init__(
        self, session_factory: SessionFactory = airflow_session, *, decoded: bool = False
    ) -> None:
        self._sessions = Sessions(session_factory)
        self._decoded = decoded

    def save_model(self, model: TrainedModel) -> None:
        """Keep a model as the newest of its kind; beyond `MODELS_PER_KIND` the oldest go."""
        try:
            self._checked(TrainedModel, model).verified()
        except ModelUnusable as error:
            raise HistoryRefused(str(error)) from None

        def work(session: Session) -> None:
            of_name = select(ModelRecord.sha256).where(ModelRecord.name == model.name)
            known = session.scalar(of_name)
            if known is None:
                session.add(_record(model))
                session.flush()
                _forget_old(session, model.kind)
            elif known != model.sha256:
                raise HistoryRefused(f"name: there is another model {model.name[:40]!r} already")

        self._sessions.write(work)

    def latest_model(self, kind: str) -> TrainedModel | None:
        """Return the newest model of a kind, None if there is none."""
        stored = self.stored_model(kind)
        return None if stored is None else stored.verified(kind)

    def stored_model(self, kind: str) -> TrainedModel | None:
        """Return the newest model of a kind as it is stored: it may be corrupt."""
        return self._one(_newest(select(*_FIELDS, *_REST), kind))

    def latest_sha256(self, kind: str) -> str | None:
        """Return the SHA-256 of the newest model of a kind, None if there is none."""
        with self._sessions.read() as session:
            sha256: str | None = session.scalar(_newest(select(ModelRecord.sha256), kind))
            return sha256

    def model(self, name: str) -> TrainedModel:
        """Return a model by its name, as it is stored: it may be corrupt.

        :raises UnknownModel: if there is none
        """
        model = self._one(select(*_FIELDS, *_REST).where(ModelRecord.name == name))
        if model is None:
            raise UnknownModel(f"no model {name[:40]!r}: airflow enel model list shows all")
        return model

    def models(self) -> tuple[ModelRow, ...]:
        """Return what models there are, newest first, without their weights."""
        query = select(
            *_FIELDS,
            func.length(ModelRecord.weights),
            ModelRecord.sha256,
            ModelRecord.created_at,
        ).order_by(ModelRecord.id.desc())
        with self._sessions.read() as session:
            return tuple(ModelRow(*row) for row in session.execute(query))

    def _checked(self, shape: type[T], value: T) -> T:
        return value if self._decoded else checked(shape, value)

    def _one(self, query: Any) -> TrainedModel | None:
        with self._sessions.read() as session:
            row = session.execute(query).one_or_none()
            return None if row is None else _model(row)


def _record(model: TrainedModel) -> ModelRecord:
    return ModelRecord(
        name=model.name,
        kind=model.kind,
        schema_version=model.schema_version,
        manifest=model.manifest,
        weights=model.weights,
        sha256=model.sha256,
        created_at=model.created_at,
    )


def _model(row: Sequence[Any]) -> TrainedModel:
    name, kind, schema_version, manifest, weights, sha256, created_at = row
    return TrainedModel(name, kind, schema_version, manifest, bytes(weights), sha256, created_at)


def _newest(query: Any, kind: str) -> Any:
    shared = query.where(ModelRecord.kind == kind, ModelRecord.job_id.is_(None))
    return shared.order_by(ModelRecord.id.desc()).limit(1)


def _forget_old(session: Session, kind: str) -> None:
    shared = (ModelRecord.kind == kind, ModelRecord.job_id.is_(None))
    newest = select(ModelRecord.id).where(*shared).order_by(ModelRecord.id.desc())
    kept = session.scalars(newest.limit(MODELS_PER_KIND)).all()
    session.execute(
        delete(ModelRecord)
        .where(*shared, ModelRecord.id.not_in(kept))
        .execution_options(synchronize_session=False)
    )
