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

from importlib import import_module
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Final, cast

if TYPE_CHECKING:
    from collections.abc import Callable
    from importlib.metadata import EntryPoint

    from airflow_enel.predict.base import Forecaster

ENTRY_POINT_GROUP: Final = "airflow_enel.forecasters"

BUILT_IN: Final[dict[str, str]] = {
    "bell": "airflow_enel.predict.runtime:BellRuntime",
    "ellis": "airflow_enel.predict.ellis:Ellis",
    "conditional": "airflow_enel.predict.conditional:Conditional",
    "enel": "airflow_enel.predict.enel.forecaster:Enel",
}
"""Import paths by name. An entry point of the same name is ignored."""


def forecaster_names() -> tuple[str, ...]:
    """Names of the built-in forecasters, then those of the installed entry points."""
    return (*BUILT_IN, *sorted(_entry_points().keys() - BUILT_IN.keys()))


def create_forecaster(name: str) -> Forecaster:
    """A new forecaster that is not fitted.

    :param name: a built-in name, an entry point or an import path ``package.module:Name``
    :raises ValueError: if there is no such forecaster, or it cannot be imported
    """
    return forecaster_factory(name)()


def forecaster_factory(name: str) -> Callable[[], Forecaster]:
    """What creates the forecasters of a name; imports their module.

    :param name: see :func:`create_forecaster`
    :raises ValueError: if there is no such forecaster, or it cannot be imported
    """
    path = BUILT_IN.get(name) or (name if ":" in name else _entry_point(name).value)
    return _imported(name, path)


def _entry_point(name: str) -> EntryPoint:
    found = _entry_points()
    if name not in found:
        raise ValueError(
            f"no forecaster {name!r}: there are {', '.join(forecaster_names())}; name one of "
            "your own by its import path, package.module:Name"
        )
    return found[name]


def _entry_points() -> dict[str, EntryPoint]:
    return {found.name: found for found in entry_points(group=ENTRY_POINT_GROUP)}


def _imported(name: str, path: str) -> Callable[[], Forecaster]:
    module, _, attribute = path.partition(":")
    try:
        found = getattr(import_module(module), attribute)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"the forecaster {name!r} cannot be imported: {error}") from error
    if not callable(found):
        raise ValueError(  # noqa: TRY004 - callers handle one kind of error
            f"the forecaster {name!r} is no class and no function: {found!r}"
        )
    return cast("Callable[[], Forecaster]", found)
