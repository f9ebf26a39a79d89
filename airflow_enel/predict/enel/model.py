"""Loads and dumps a trained network: manifest and safetensors weights. Imports no torch."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import numpy as np
from safetensors import SafetensorError
from safetensors.numpy import load, save

from airflow_enel.domain.model import ModelUnusable
from airflow_enel.predict.enel.config import CONFIGS, EnelConfig
from airflow_enel.predict.enel.inference.numpy_network import EnelInference
from airflow_enel.predict.enel.manifest import Manifest

if TYPE_CHECKING:
    from collections.abc import Mapping

    from numpy.typing import NDArray


class TooLittleHistory(ValueError):
    """There is not enough to train a network on; the message says what to do."""


@dataclass(frozen=True, slots=True)
class EnelModel:
    """A trained network.

    :param weights: by name, float32
    """

    manifest: Manifest
    config: EnelConfig
    weights: Mapping[str, NDArray[Any]] = field(repr=False)


def load_model(manifest_json: str, weights: bytes) -> EnelModel:
    """Read a model; nothing in it is executed.

    :param weights: safetensors
    :raises ModelUnusable: (a ValueError) says what is wrong with it
    """
    manifest = Manifest.from_json(manifest_json)
    config = next((known for known in CONFIGS if known.name == manifest.config), None)
    if config is None:
        raise ModelUnusable(f"there is no configuration {manifest.config[:50]!r}")
    if config.largest_executors != manifest.largest_executors:
        raise ModelUnusable(
            f"the model was scaled to {manifest.largest_executors} executors, not "
            f"{config.largest_executors}: train again"
        )
    try:
        loaded = load(weights)
        EnelInference(config, loaded)
    except SafetensorError as error:
        raise ModelUnusable(f"the weights are no safetensors: {error}") from error
    except (ValueError, TypeError, KeyError) as error:
        raise ModelUnusable(f"the weights do not fit: {error}") from error
    return EnelModel(manifest, config, loaded)


def dump_weights(weights: Mapping[str, NDArray[Any]]) -> bytes:
    """Weights as safetensors, the same bytes for the same weights."""
    return save({name: np.array(weights[name], order="C") for name in sorted(weights)})
