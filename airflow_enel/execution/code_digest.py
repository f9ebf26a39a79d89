"""Digest of the code that a run is about to submit, by which new code is told from old."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from glob import glob, has_magic
from hashlib import blake2b
from pathlib import Path
from stat import S_ISREG
from typing import TYPE_CHECKING, Any, Final
from urllib.parse import unquote, urlsplit

from airflow_enel.execution.time_limit import within

if TYPE_CHECKING:
    from airflow.sdk.types import Logger

    from airflow_enel.spark.submission.arguments import SubmitArguments

MOST_BYTES: Final = 2**28
_READING_S: Final = 1.5
_LIMIT_S: Final = 2.0  # for a file whose very opening hangs
_CHUNK: Final = 2**20
_DIGEST_BYTES: Final = 8
_LISTS: Final = ("spark.submit.pyFiles", "spark.jars")
_IMAGES: Final = tuple(
    f"spark.kubernetes.{role}container.image" for role in ("", "driver.", "executor.")
)
_LOCAL: Final = ("", "file")


def code_digest(
    arguments: SubmitArguments, properties: Mapping[str, Any], log: Logger
) -> str | None:
    """Return 16 hexadecimal digits that change with the code, None if nothing is known of it.

    Files of this machine count by name and content, those elsewhere by their URL, images by their
    tag. What cannot be read is left out, with one warning.

    :param properties: of Spark, as far as the task sets them
    """
    files = list(_files(arguments, properties))
    images = [f"{name}={properties[name]}" for name in _IMAGES if properties.get(name)]
    reader = CodeReader()
    try:
        parts = within(_LIMIT_S, lambda: [*images, *reader.read(files)])
    except TimeoutError:
        log.warning("New code will not be noticed: reading it took longer than %g s", _LIMIT_S)
        return None
    if reader.unreadable:
        names = ", ".join(reader.unreadable)
        log.warning("Changes of these files will not be noticed, they cannot be read: %s", names)
    return (
        blake2b("\n".join(parts).encode(), digest_size=_DIGEST_BYTES).hexdigest() if parts else None
    )


class CodeReader:
    """Reads files until it has read enough; of the others size and time of change count.

    :param most_bytes: of all files together
    :param clock: in seconds
    :ivar unreadable: files that could not be read
    """

    def __init__(
        self, most_bytes: int = MOST_BYTES, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.unreadable: list[str] = []
        self._bytes_left = most_bytes
        self._clock = clock
        self._until = clock() + _READING_S

    def read(self, files: list[str]) -> Iterator[str]:
        """Return what is known of each file or URL."""
        for file in files:
            url = urlsplit(file)
            if url.scheme not in _LOCAL:
                # Neither users with their passwords nor signatures, which change from run to run.
                yield f"{url.scheme}://{url.netloc.rpartition('@')[2]}{url.path}"
                continue
            path = unquote(url.path) if url.scheme else file
            matching = sorted(glob(path)) if has_magic(path) else [path]  # noqa: PTH207 - absolute
            for name in matching:
                with self._noting_errors(name):
                    yield f"{Path(name).name}={self._content(Path(name))}"

    @contextmanager
    def _noting_errors(self, name: str) -> Iterator[None]:
        try:
            yield
        except OSError:
            self.unreadable.append(name)

    def _content(self, file: Path) -> str:
        status = file.stat()
        if not S_ISREG(status.st_mode):
            raise OSError("no regular file")
        if status.st_size <= self._bytes_left:
            self._bytes_left -= status.st_size
            digest = blake2b()
            with file.open("rb") as code:
                while self._clock() < self._until:
                    chunk = code.read(_CHUNK)
                    if not chunk:
                        return digest.hexdigest()
                    digest.update(chunk)
        return f"{status.st_size} bytes of {status.st_mtime_ns}"


def _files(arguments: SubmitArguments, properties: Mapping[str, Any]) -> Iterator[str]:
    """The application, then what it imports; none of it twice."""
    lists = [arguments.py_files, arguments.jars, *(properties.get(name) for name in _LISTS)]
    found = [arguments.application]
    for listed in lists:
        # While another operator renders its configuration the rest may be templates still.
        found += str(listed or "").split("{{", maxsplit=1)[0].split(",")
    yield from dict.fromkeys(file.strip() for file in found if file.strip())
