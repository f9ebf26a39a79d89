"""Detects by its first bytes what kind a file is, and opens it without its compression.

The name of a file does not matter: names get lost when files are copied.
"""

from __future__ import annotations

import gzip
import io
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from typing import Final, cast

import zstandard

_ZSTD: Final = b"\x28\xb5\x2f\xfd"
_GZIP: Final = b"\x1f\x8b"
_UNREAD: Final = {
    b"LZ4Block": "lz4",
    b"\x04\x22\x4d\x18": "lz4",
    b"\x82SNAPPY": "snappy",
    b"\xff\x06\x00\x00sNaPpY": "snappy",
    b"ZV": "lzf",
    b"BZh": "bzip2",
    b"\xfd7zXZ\x00": "xz",
    b"PK\x03\x04": "zip",
}
_SPARKS_CODECS: Final = {"lz4", "snappy", "lzf"}
_BYTE_ORDER_MARK: Final = b"\xef\xbb\xbf"
_HEAD_BYTES: Final = 1000
_BUFFER_BYTES: Final = 2**17


class UnreadableFile(Exception):
    """A file that cannot be opened or unpacked; the message is one line and says what to do."""


class FileKind(str, Enum):
    """What a file holds once it is unpacked."""

    EMPTY = "empty"
    EVENT_LOG = "event log"
    TABLE = "table"
    OTHER = "other"


def kind_of(path: Path) -> FileKind:
    """Return what a file seems to hold.

    An event log begins with an object of JSON, a table has ``|`` in its first line.

    :raises UnreadableFile: if it cannot be read, or is compressed in a way that is not read
    """
    with reading_errors(), path.open("rb") as raw, unpacked(raw) as stream:
        head = stream.readline(_HEAD_BYTES)
        while head and not head.strip():
            head = stream.readline(_HEAD_BYTES)
    head = head.removeprefix(_BYTE_ORDER_MARK).lstrip()
    if not head:
        return FileKind.EMPTY
    if head.startswith(b"{"):
        return FileKind.EVENT_LOG
    return FileKind.TABLE if b"|" in head else FileKind.OTHER


def unpacked(raw: io.BufferedReader) -> io.BufferedReader:
    """Return a file's content without its compression: plain, zstd or gzip.

    :raises UnreadableFile: if it is compressed in another way
    """
    head = raw.peek(16)[:16]
    if head.startswith(_ZSTD):
        stream = zstandard.ZstdDecompressor().stream_reader(raw, read_across_frames=True)
        return io.BufferedReader(cast(io.RawIOBase, stream), _BUFFER_BYTES)
    if head.startswith(_GZIP):
        return io.BufferedReader(cast(io.RawIOBase, gzip.GzipFile(fileobj=raw)), _BUFFER_BYTES)
    for magic, codec in _UNREAD.items():
        if head.startswith(magic):
            raise UnreadableFile(_refusal(codec))
    return raw


@contextmanager
def reading_errors() -> Iterator[None]:
    """Turn what goes wrong with files into one line.

    :raises UnreadableFile: instead
    """
    try:
        yield
    except PermissionError:
        raise UnreadableFile("no permission to read it") from None
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise UnreadableFile("damaged: its gzip data cannot be unpacked") from None
    except OSError as error:
        raise UnreadableFile(f"cannot be read: {error.strerror or error}") from None
    except zstandard.ZstdError:
        raise UnreadableFile("damaged: its zstd data cannot be unpacked") from None


def _refusal(codec: str) -> str:
    advice = "unpack it first"
    if codec in _SPARKS_CODECS:
        advice += ", and let Spark write zstd from now on (spark.eventLog.compression.codec=zstd)"
    return f"compressed with {codec}, which is not read (plain, zstd and gzip are): {advice}"
