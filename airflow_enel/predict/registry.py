"""Registry of forecasters: creates one by its name, for policies and ``airflow enel evaluate``.

A name is that of a built-in forecaster, of an entry point of the group
``airflow_enel.forecasters``, or an import path ``package.module:Name``. What it stands for is
called without arguments and returns a :class:`~airflow_enel.predict.base.Forecaster`.

A package of one's own declares::

    [project.entry-points."airflow_enel.forecasters"]
    mine = "my_package.forecasting:MyForecaster"

Importing this module imports no forecaster: DAG files load it with the policies.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, cast

from airflow_enel.registry import Registry

if TYPE_CHECKING:
    from collections.abc import Callable

    from airflow_enel.predict.base import Forecaster

ENTRY_POINT_GROUP: Final = "airflow_enel.forecasters"

BUILT_IN: Final[dict[str, str]] = {
    "bell": "airflow_enel.predict.curves.bell_forecaster:BellRuntime",
    "ellis": "airflow_enel.predict.curves.ellis:Ellis",
    "conditional": "airflow_enel.predict.gaussian.conditional:Conditional",
    "enel": "airflow_enel.predict.enel.forecaster:Enel",
}
"""Import paths by name."""

_FORECASTERS: Final = Registry("forecaster", ENTRY_POINT_GROUP, BUILT_IN)


def forecaster_names() -> tuple[str, ...]:
    """Names of the built-in forecasters, then those of the installed entry points."""
    return _FORECASTERS.names()


def create_forecaster(name: str) -> Forecaster:
    """A new forecaster that is not fitted.

    :param name: a built-in name, an entry point or an import path ``package.module:Name``
    :raises ValueError: if there is no such forecaster, or it cannot be imported
    """
    return forecaster_factory(name)()


def forecaster_factory(name: str) -> Callable[[], Forecaster]:
    """The class or function that creates the forecasters of a name; imports their module.

    :param name: see :func:`create_forecaster`
    :raises ValueError: if there is no such forecaster, or it cannot be imported
    """
    found = _FORECASTERS.find(name)
    if not callable(found):
        raise ValueError(  # noqa: TRY004 - callers handle one kind of error
            f"the forecaster {name!r} is no class and no function: {found!r}"
        )
    return cast("Callable[[], Forecaster]", found)
