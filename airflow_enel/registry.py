"""Registry: finds what other packages can add, by name, entry point or import path.

Shared by the registries of forecasters and of policies. Nothing is imported before it is asked
for, because DAG files load both.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points


@dataclass(frozen=True, slots=True)
class Registry:
    """Objects of one kind.

    :param kind: what error messages call one, such as "policy"
    :param group: of the entry points that other packages declare
    :param built_in: import paths ``package.module:Name`` by name. An entry point of the same name
        is ignored.
    """

    kind: str
    group: str
    built_in: Mapping[str, str]

    def names(self) -> tuple[str, ...]:
        """Names of what is built in, then those of the installed entry points."""
        return (*self.built_in, *sorted(self._entry_points().keys() - self.built_in.keys()))

    def find(self, name: str) -> object:
        """Import an object.

        :param name: a built-in name, an entry point or an import path ``package.module:Name``
        :raises ValueError: if there is none, or it cannot be imported
        """
        path = self.built_in.get(name) or (name if ":" in name else self._entry_point(name).value)
        module, _, attribute = path.partition(":")
        try:
            return getattr(import_module(module), attribute)
        except (ImportError, AttributeError, ValueError) as error:
            raise ValueError(f"the {self.kind} {name!r} cannot be imported: {error}") from error

    def _entry_point(self, name: str) -> EntryPoint:
        found = self._entry_points()
        if name not in found:
            raise ValueError(
                f"no {self.kind} {name!r}: there are {', '.join(self.names())}; name one of "
                "your own by its import path, package.module:Name"
            )
        return found[name]

    def _entry_points(self) -> dict[str, EntryPoint]:
        return {found.name: found for found in entry_points(group=self.group)}
