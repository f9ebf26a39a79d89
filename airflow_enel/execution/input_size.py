"""Measures the input of a run before it is submitted, through Airflow's object storage.

A job is never delayed by more than a few seconds for it, and never fails because of it.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

from airflow_enel.domain.context import INPUT_SIZE, read_context
from airflow_enel.execution.time_limit import within

if TYPE_CHECKING:
    from airflow.sdk.types import Logger
    from fsspec import AbstractFileSystem

    from airflow_enel.execution.request import RunRequest

LIMIT_S: Final = 7.0
_MIB: Final = 2**20
_DECIMALS: Final = 6  # a single byte is more than nothing
_MAGIC: Final = "*?["
_REASONS: Final = {
    TimeoutError: "it took longer than {limit_s:g} s",
    FileNotFoundError: "nothing is there",
    PermissionError: "this task may not list it",
    ImportError: "this worker has no driver for its file system",
}


def with_input_size(request: RunRequest, log: Logger, limit_s: float = LIMIT_S) -> RunRequest:
    """Return a request whose context has the size of its input, if that can be measured.

    A size that the context has already is not measured. Otherwise there is one warning, without
    what a URL may hold of users, passwords and signatures.

    :param limit_s: seconds after which the run goes on without
    """
    if not request.input_paths or request.context.get(INPUT_SIZE) is not None:
        return request
    measurement = InputMeasurement(request.input_paths, limit_s)
    try:
        size = within(limit_s, measurement.measure) / _MIB
    except Exception as error:  # whatever it is, the Spark job must run
        log.warning(
            "The size of the input is not known, of %s: %s. Correct input_paths, or give "
            "context={'input_mib': …}; the run goes on without",
            _without_credentials(measurement.path),
            _reason(error, limit_s),
        )
        return request
    log.info("The input has %.1f MiB", size)
    entry = (INPUT_SIZE, round(size, _DECIMALS))
    context, _ = read_context([entry], request.context)
    return replace(request, context=context)


def read_input_paths(value: object, log: Logger) -> tuple[str, ...]:
    """Return rendered paths; those that are none are left out with one warning."""
    values = [value] if isinstance(value, str) or not isinstance(value, Sequence) else value
    paths = tuple(path for path in values if isinstance(path, str) and path.strip())
    if value is not None and len(paths) < len(values):
        log.warning("Left out of input_paths: what is no path. Check what its templates give")
    return paths


class InputMeasurement:
    """Sums the sizes of files, each of them once, until time is up.

    :param paths: files, folders and patterns, local or as URLs
    :param clock: in seconds
    :ivar path: the one that is being measured
    """

    def __init__(
        self,
        paths: Sequence[str],
        limit_s: float,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.path = paths[0]
        self._paths = paths
        self._clock = clock
        self._until = clock() + limit_s

    def measure(self) -> int:
        """Return the size of all together in bytes.

        :raises TimeoutError: if time is up
        :raises FileNotFoundError: if a path is not there, or nothing matches it
        """
        sizes: dict[str, int] = {}
        for path in self._paths:
            self.path = path
            fs, pattern = _file_system(path)
            fs.invalidate_cache()
            for name, info in _files(fs, pattern):
                if self._clock() > self._until:
                    raise TimeoutError
                sizes[fs.unstrip_protocol(name)] = int(info.get("size") or 0)
        return sum(sizes.values())


def _file_system(path: str) -> tuple[AbstractFileSystem, str]:
    """The file system of a path, and the path within it.

    A pattern is not given to Airflow: in a URL a question mark begins a query.
    """
    from airflow.sdk import ObjectStoragePath  # noqa: PLC0415 - takes long to import
    from airflow.sdk.io import has_fs  # noqa: PLC0415
    from fsspec.core import url_to_fs  # noqa: PLC0415

    scheme, separator, rest = path.partition("://")
    if not separator:
        scheme, rest = "file", path
    place, slash, key = rest.partition("/")
    connection, _, host = place.rpartition("@")
    url = f"{scheme}://{host}{slash}{key}" if separator else path
    if connection or has_fs(scheme):
        fs = ObjectStoragePath(f"{scheme}://{place if separator else ''}/").fs
    else:
        fs, _ = url_to_fs(f"{scheme}://{host}/")
    return fs, str(fs._strip_protocol(url))  # noqa: SLF001 - its name in all of fsspec


def _files(fs: AbstractFileSystem, pattern: str) -> Iterator[tuple[str, Any]]:
    if not any(character in pattern for character in _MAGIC):
        yield from _files_in(fs, pattern, fs.info(pattern))
        return
    found = fs.glob(pattern, detail=True)
    if not found:
        raise FileNotFoundError
    wanted = pattern.split("/")
    for name, info in found.items():
        if not any(_is_ignored(part) for part in name.split("/") if part not in wanted):
            yield from _files_in(fs, name, info)


def _files_in(fs: AbstractFileSystem, name: str, info: Any) -> Iterator[tuple[str, Any]]:
    if info["type"] != "directory":
        yield name, info
        return
    for file, found in _listing(fs, name):
        below = file.removeprefix(name).strip("/")
        if not any(map(_is_ignored, below.split("/"))):
            yield file, found


def _listing(fs: AbstractFileSystem, folder: str) -> Iterator[tuple[str, Any]]:
    if fs.async_impl:  # a store lists a thousand files at once, whatever their folders
        yield from fs.find(folder, detail=True).items()
        return
    for _, _, files in fs.walk(folder, detail=True, on_error="raise"):
        yield from ((file["name"], file) for file in files.values())


def _is_ignored(name: str) -> bool:
    """Whether Spark passes a name over when it lists a folder."""
    return name.startswith(".") or (name.startswith("_") and "=" not in name)


def _without_credentials(path: str) -> str:
    if "://" not in path:
        return path
    url = urlsplit(path)
    return f"{url.scheme}://{url.netloc.rpartition('@')[2]}{url.path}"


def _reason(error: Exception, limit_s: float) -> str:
    # Its own words may quote the URL with what must not be logged.
    known = (reason for kind, reason in _REASONS.items() if isinstance(error, kind))
    return next(known, type(error).__name__).format(limit_s=limit_s)
