"""Trained models as they are stored and sent: weights, manifest and checksum."""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass, field
from typing import Any, ClassVar, Final

from airflow_enel.domain.wire import STRICT

MAX_WEIGHTS_BYTES: Final = 16 * 2**20
MAX_MANIFEST: Final = 2**20
_MAX_NAME: Final = 250
_MAX_KIND: Final = 50
_MAX_SCHEMA: Final = 2**31
_NAME: Final = re.compile(r"[A-Za-z0-9_.:+-]{1,250}")


class ModelUnusable(ValueError):
    """A model is corrupt, foreign or of another schema. Go on with the prior, and log it once."""


@dataclass(frozen=True, slots=True)
class ModelFormat:
    """Which trained models a forecaster reads, see `TrainedModel`."""

    kind: str
    schema_version: int


@dataclass(frozen=True, slots=True)
class TrainedModel:
    """A model; nothing in it is executed when it is read.

    A value may be corrupt until `verified` has returned it: whoever loads one asks for that.

    :param name: unique among all models; letters, digits and . _ : + -
    :param kind: which estimator can use it, e.g. "enel"
    :param schema_version: of manifest and weights; estimators refuse what they do not know
    :param manifest: a JSON object
    :param weights: safetensors
    :param sha256: see `digest_of`
    :param created_at: seconds since the epoch
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = {
        **STRICT,
        "ser_json_bytes": "base64",
        "val_json_bytes": "base64",
    }

    name: str
    kind: str
    schema_version: int
    manifest: str
    weights: bytes = field(repr=False)
    sha256: str
    created_at: float

    @classmethod
    def sealed(
        cls,
        name: str,
        kind: str,
        schema_version: int,
        manifest: str,
        weights: bytes,
        created_at: float,
    ) -> TrainedModel:
        """Make a model of what was trained.

        :raises ModelUnusable: if it cannot be kept
        """
        sha256 = digest_of(kind, schema_version, manifest, weights)
        model = cls(name, kind, schema_version, manifest, weights, sha256, created_at)
        return model.verified()

    def verified(self, kind: str | None = None, schema_version: int | None = None) -> TrainedModel:
        """Return this model if it is whole, and of the kind and schema that are asked for.

        :raises ModelUnusable: says what is wrong with it
        """
        fault = _fault(self)
        if fault is None and kind is not None and self.kind != kind:
            fault = f"it is of the kind {self.kind[:_MAX_KIND]!r}, not {kind!r}"
        if fault is None and schema_version not in (None, self.schema_version):
            fault = (
                f"its schema is {self.schema_version}, this version of airflow-enel reads "
                f"{schema_version}: train again"
            )
        if fault is not None:
            raise ModelUnusable(f"model {self.name[:_MAX_NAME]!r} cannot be used: {fault}")
        return self


def digest_of(kind: str, schema_version: int, manifest: str, weights: bytes) -> str:
    """Return the SHA-256 over all that makes a model, as hexadecimal digits."""
    head = json.dumps([kind, schema_version, manifest]).encode()
    # With its length before it the head cannot be confused with the beginning of the weights.
    return hashlib.sha256(len(head).to_bytes(8, "big") + head + weights).hexdigest()


def _fault(model: TrainedModel) -> str | None:
    """The first thing that is wrong with a model; its bytes are looked at only if all else fits."""
    whole = {
        f"its name must be 1 to {_MAX_NAME} letters, digits or . _ : + -": bool(
            _NAME.fullmatch(model.name)
        ),
        f"its kind must be 1 to {_MAX_KIND} letters, digits or . _ : + -": bool(
            _NAME.fullmatch(model.kind) and len(model.kind) <= _MAX_KIND
        ),
        "its schema_version must be a natural number": 0 <= model.schema_version < _MAX_SCHEMA,
        f"its weights must be 1 to {MAX_WEIGHTS_BYTES} bytes": (
            1 <= len(model.weights) <= MAX_WEIGHTS_BYTES
        ),
        f"its manifest must be a JSON object of at most {MAX_MANIFEST} characters": (
            len(model.manifest) <= MAX_MANIFEST and _is_object(model.manifest)
        ),
    }
    for demand, met in whole.items():
        if not met:
            return demand
    digest = digest_of(model.kind, model.schema_version, model.manifest, model.weights)
    return None if digest == model.sha256 else "its sha256 does not fit, so it is corrupt"


def _is_object(text: str) -> bool:
    if not text.isascii():  # as json.dumps writes it: nothing that a database could mangle
        return False
    try:
        return isinstance(json.loads(text), dict)
    except (ValueError, RecursionError):
        return False
