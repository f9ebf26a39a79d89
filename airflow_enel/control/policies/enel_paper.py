"""The paper's own rule, on the forecaster that carries its network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from airflow_enel.control.policies.base import ModelFormat
from airflow_enel.control.policies.sizing import (
    SizedFromHistory,
    at_size,
    fastest,
    is_flat,
    need_target,
    work,
)
from airflow_enel.domain import Proposal

if TYPE_CHECKING:
    from airflow_enel.control.policies.base import JobModel
    from airflow_enel.domain import Bounds, Forecast, Progress
    from airflow_enel.predict.enel.forecaster import Enel


@dataclass(frozen=True, slots=True)
class EnelPaperPolicy(SizedFromHistory):
    """The smallest size whose predicted total meets the target, else the fastest.

    One change: where the forecast is the same at every size (only the running component is left,
    or the components that run are unknown to the history) the size is kept. The rule would go
    to the smallest, which gains nothing or is a guess.
    Source: Scheinert et al., "Enel: Context-Aware Dynamic Scaling of Distributed Dataflow Jobs
    using Graph Propagation", IPCCC 2021.
    """

    name: ClassVar[str] = "enel-paper"
    rescales: ClassVar[bool] = True

    def forecaster(self) -> Enel:
        """The prior alone."""
        from airflow_enel.predict.enel.forecaster import Enel  # noqa: PLC0415 - as in "ellis"

        return Enel()

    def model_format(self) -> ModelFormat:
        """Models of the Enel network."""
        from airflow_enel.predict.enel.manifest import KIND, SCHEMA_VERSION  # noqa: PLC0415

        return ModelFormat(KIND, SCHEMA_VERSION)

    def model_forecaster(self, model: JobModel) -> Enel:
        """The prior, corrected by the network.

        :raises ValueError: if the model cannot be read
        """
        from airflow_enel.predict.enel.forecaster import Enel  # noqa: PLC0415 - as above
        from airflow_enel.predict.enel.model import load_model  # noqa: PLC0415 - as above

        return Enel(load_model(model.trained.manifest, model.trained.weights), model.job)

    def propose(
        self,
        forecast: Forecast | None,
        target_s: float | None,
        progress: Progress,
        bounds: Bounds,
    ) -> Proposal:
        """The smallest size that fits into the time left, else the fastest."""
        left_s = need_target(self.name, target_s) - progress.elapsed_s
        now = bounds.clamp(progress.requested)
        if forecast is None:
            return Proposal(now, "there is no forecast yet")
        here = f"{at_size(now)} {work(forecast.median(now), left_s)}"
        if is_flat(forecast):
            return Proposal(now, f"{here}; no size would change that")
        in_time = [s for s in forecast.executors if forecast.median(s) <= left_s]
        size = min(in_time) if in_time else fastest(forecast, forecast.executors)
        return Proposal(
            size, f"{here}; {size} is the {'smallest that fits' if in_time else 'fastest'}"
        )
