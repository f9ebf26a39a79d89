"""Expected log seconds of components per scale-out in a context, and how uncertain they are."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    from airflow_enel.domain import RunContext
    from airflow_enel.predict.gaussian.prior import Prior
    from airflow_enel.predict.samples import FloatArray

_UNKNOWN_ELASTICITY: Final = 12**-0.5
"""Standard deviation of an exponent of which only 0…1 is known."""


class CurvesInContext:
    """Curves of the ``m`` components of a prior, moved by the effect of the context.

    What does not depend on the context is computed once per tuple of ``c`` scale-outs.
    """

    def __init__(self, prior: Prior) -> None:
        self._prior = prior
        self._log_s: dict[tuple[int, ...], FloatArray] = {}
        self._log_sd: dict[tuple[int, ...], FloatArray] = {}

    def at(self, executors: tuple[int, ...], row: FloatArray) -> FloatArray:
        """Log seconds in the context with these feature columns, ``(c, m)``."""
        log_size = np.log(np.array(executors, dtype=np.float64))[:, None]
        effect = self._prior.context_effect.of(row[None], log_size)
        log_s: FloatArray = self._in_usual_context(executors) + effect
        return log_s

    def log_sd(self, executors: tuple[int, ...], context: RunContext) -> FloatArray:
        """How uncertain what is said of each component at each size is, ``(c, m)``.

        Between the shapes that its sizes allow, for its distance to the nearest of them, and for
        the effect of the context.
        """
        of_context = self._prior.context_effect.log_sd(
            context, np.log(np.array(executors, dtype=np.float64))
        )
        log_sd: FloatArray = np.hypot(self.curve_log_sd(executors), of_context)
        return log_sd

    def curve_log_sd(self, executors: tuple[int, ...]) -> FloatArray:
        """How uncertain the curves alone are, ``(c, m)``."""
        if executors not in self._log_sd:
            shapes, asked = self._prior.shapes, np.array(executors, dtype=np.float64)
            apart = np.abs(np.log(asked)[:, None] - np.log(shapes.sizes)[None, :])
            seen = shapes.mass > 0
            distance = np.where(seen[None], apart[:, :, None], np.inf).min(axis=1)
            far = _UNKNOWN_ELASTICITY * distance / np.sqrt(seen.sum(axis=0))
            self._log_sd[executors] = np.hypot(far, shapes.log_sd(asked))
        return self._log_sd[executors]

    def _in_usual_context(self, executors: tuple[int, ...]) -> FloatArray:
        if executors not in self._log_s:
            self._log_s[executors] = self._prior.shapes.at(np.array(executors, dtype=np.float64))
        return self._log_s[executors]
