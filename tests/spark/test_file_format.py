"""What kind of file it is, whatever it is called."""

from __future__ import annotations

import gzip
from typing import TYPE_CHECKING

import pytest
import zstandard

from airflow_enel.spark.file_format import FileKind, UnreadableFile, kind_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

LOG = b'{"Event":"SparkListenerLogStart","Spark Version":"a|b"}\n'
TABLE = b"\xef\xbb\xbfID|APP_ID\n1|Sort\n"


def plain(data: bytes) -> bytes:
    return data


def zstd(data: bytes) -> bytes:
    return zstandard.ZstdCompressor().compress(data)


@pytest.mark.parametrize("pack", [plain, zstd, gzip.compress])
@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (LOG, FileKind.EVENT_LOG),
        (b"\n \n" + LOG, FileKind.EVENT_LOG),
        (TABLE, FileKind.TABLE),
        (b"hello\n", FileKind.OTHER),
        (b"", FileKind.EMPTY),
        (b" \n", FileKind.EMPTY),
    ],
)
def test_the_kind_is_told_by_what_is_in_a_file_once_unpacked(
    tmp_path: Path, pack: Callable[[bytes], bytes], data: bytes, kind: FileKind
) -> None:
    path = tmp_path / "a"
    path.write_bytes(pack(data))
    assert kind_of(path) is kind


def test_packed_bytes_that_look_like_a_table_are_none(tmp_path: Path) -> None:
    path = tmp_path / "a"
    packed = (zstd(LOG + str(n).encode() * n) for n in range(1000))
    path.write_bytes(next(data for data in packed if b"|" in data.split(b"\n")[0][4:]))
    assert kind_of(path) is FileKind.EVENT_LOG


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"LZ4Block\x25more", "compressed with lz4"),
        (b"\x82SNAPPY\x00more", "compressed with snappy"),
        (b"ZV\x01more", "compressed with lzf"),
        (b"PK\x03\x04more", "compressed with zip"),
        (gzip.compress(LOG * 99, mtime=0)[:30], "its gzip data cannot be unpacked"),
        (gzip.compress(LOG, mtime=0)[:12] + b"\xff" * 30, "its gzip data cannot be unpacked"),
        (zstd(LOG)[:4] + b"\xff" * 30, "its zstd data cannot be unpacked"),
    ],
)
def test_what_cannot_be_unpacked_is_refused_by_the_name_of_its_codec(
    tmp_path: Path, data: bytes, reason: str
) -> None:
    path = tmp_path / "a"
    path.write_bytes(data)
    with pytest.raises(UnreadableFile, match=reason):
        kind_of(path)


@pytest.mark.parametrize(("codec", "told"), [(b"LZ4Block", True), (b"PK\x03\x04", False)])
def test_only_a_codec_of_spark_is_answered_with_a_setting_of_spark(
    tmp_path: Path, codec: bytes, told: bool
) -> None:
    path = tmp_path / "a"
    path.write_bytes(codec)
    with pytest.raises(UnreadableFile, match="unpack it first") as caught:
        kind_of(path)
    assert ("spark.eventLog.compression.codec=zstd" in str(caught.value)) is told
