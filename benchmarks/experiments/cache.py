"""Keeps finished results as JSON files, so that interrupted experiments go on where they were.

A result belongs to what it was computed from: its inputs, the source code of the simulator and of
all that it drives, and the versions of the numerical libraries.
"""

from __future__ import annotations

import hashlib
import json
import os
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any, Final

import airflow_enel

PACKAGE: Final = Path(airflow_enel.__file__).parent
SOURCES: Final = (
    "domain/**/*.py",
    "control/**/*.py",
    "predict/**/*.py",
    "simulation/**/*.py",
    "spark/*.py",
    "history/interface.py",
    "registry.py",
    "__init__.py",
)
"""Files of the package that a simulated run depends on."""

_OWN_SOURCES: Final = ("tasks.py", "utilization.py")

_LIBRARIES: Final = ("numpy", "scipy", "torch", "torch-geometric")


def code_version(package: Path = PACKAGE) -> str:
    """A hash of the source code and of the libraries that results depend on."""
    own = Path(__file__).parent
    files = sorted({path for pattern in SOURCES for path in package.glob(pattern)})
    digest = hashlib.sha256()
    for root, path in [*((package, f) for f in files), *((own, own / f) for f in _OWN_SOURCES)]:
        digest.update(f"{path.relative_to(root).as_posix()}\n".encode())
        digest.update(path.read_bytes())
    for library in _LIBRARIES:
        digest.update(f"{library} {_version(library)}\n".encode())
    return digest.hexdigest()[:12]


class ResultCache:
    """Results in a folder, by their inputs.

    :param code: see `code_version`; results of other versions stay where they are
    """

    def __init__(self, folder: Path, code: str) -> None:
        self._folder = folder / code

    def get(self, inputs: Any) -> Any:
        """The result for some inputs; None if there is none, or none that can be read."""
        try:
            return json.loads(self._path(inputs).read_text("utf-8"))
        except (OSError, ValueError):
            return None

    def put(self, inputs: Any, result: Any) -> None:
        """Keep a result: its file is there as a whole or not at all.

        :raises OSError: if it cannot be written
        """
        write_whole(self._path(inputs), json.dumps(result).encode())

    def _path(self, inputs: Any) -> Path:
        text = json.dumps(inputs, sort_keys=True)
        return self._folder / f"{hashlib.sha256(text.encode()).hexdigest()[:32]}.json"


def write_whole(path: Path, content: bytes) -> None:
    """Write a file that nobody ever sees half written; its folder is made if it is not there.

    :raises OSError: if it cannot be written
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    unfinished = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        unfinished.write_bytes(content)
        unfinished.replace(path)
    finally:
        unfinished.unlink(missing_ok=True)


def _version(library: str) -> str:
    try:
        return version(library)
    except PackageNotFoundError:
        return "none"
