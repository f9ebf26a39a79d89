"""Early stopping: keeps the weights that were best on held-out runs, and ends the training."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from airflow_enel.predict.enel.training.optimisation import error_of, training_settings

if TYPE_CHECKING:
    from collections.abc import Callable

    import torch

    from airflow_enel.predict.enel.training.optimisation import Batch
    from airflow_enel.predict.enel.training.torch_network import EnelNetwork

    Report = Callable[[str, int, int], None]

BETTER: Final = 0.99
"""Errors on the runs held out that differ by less are the same."""
CHECKED: Final = 5
"""Epochs between two looks at the runs held out."""


class EarlyStopping:
    """Keeps the network that was best on the runs held out, and stops when none follows."""

    def __init__(self, network: EnelNetwork, held_out: list[Batch], report: Report) -> None:
        self.network, self._held_out, self._report = network, held_out, report
        self._settings = training_settings(network.config)
        self.epoch, self._error = 0, error_of(held_out, network)
        self.state = copied_state(network)

    def __call__(self, epoch: int) -> bool:
        """Look after an epoch; False to stop."""
        self._report("older runs", epoch, self._settings.epochs)
        if epoch % CHECKED:
            return True
        error = error_of(self._held_out, self.network)
        if error < BETTER * self._error:
            self.epoch, self._error = epoch, error
            self.state = copied_state(self.network)
        return epoch - self.epoch < self._settings.patience


def copied_state(network: EnelNetwork) -> dict[str, torch.Tensor]:
    """A copy of the weights of a network."""
    return {name: tensor.clone() for name, tensor in network.state_dict().items()}
