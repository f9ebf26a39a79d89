"""Forecasts as a walk-forward evaluation has them."""

from __future__ import annotations

from typing import Any

from airflow_enel.predict.evaluation import Prediction


def prediction(
    actual_s: float, predicted_s: float, normal: bool = True, **other: Any
) -> Prediction:
    values: dict[str, Any] = {
        "job": "job",
        "forecaster": "a",
        "moment": "running",
        "total_s": 200.0,
    } | other
    return Prediction(
        run_id="1",
        normal=normal,
        executors=4,
        actual_s=actual_s,
        predicted_s=predicted_s,
        low_s=predicted_s * 0.9,
        high_s=predicted_s * 1.1,
        **values,
    )
