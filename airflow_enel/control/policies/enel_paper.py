"""The paper's own rule, on the forecaster that carries its network."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from airflow_enel.control.policies.base import ModelFormat
from airflow_enel.control.policies.sizing import RescaledFromForecast

if TYPE_CHECKING:
    from airflow_enel.control.policies.base import JobModel
    from airflow_enel.domain import Forecast
    from airflow_enel.predict.enel.forecaster import Enel


@dataclass(frozen=True, slots=True)
class EnelPaperPolicy(RescaledFromForecast):
    """The smallest size whose predicted total meets the target, else the fastest.

    One change: where the forecast is the same at every size the size is kept. The rule would go
    to the smallest, which gains nothing or is a guess.
    Source: Scheinert et al., "Enel: Context-Aware Dynamic Scaling of Distributed Dataflow Jobs
    using Graph Propagation", IPCCC 2021.
    """

    name: ClassVar[str] = "enel-paper"

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

    def choose(
        self,
        forecast: Forecast,
        now: int,  # noqa: ARG002
        left_s: float,
    ) -> tuple[list[int], list[int]]:
        """Every size, and those that meet the target."""
        sizes = list(forecast.executors)
        return sizes, [s for s in sizes if forecast.median(s) <= left_s]
