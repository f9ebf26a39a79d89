"""Generates the tables of the TPC-H benchmark as Parquet, once per scale factor, with DuckDB.

Scale factor 1 has 6 million rows in its largest table. Needs the packages ``duckdb`` and
``duckdb-extension-tpch`` where it runs; nothing is downloaded.

By hand: ``python tpch_data.py --scale 0.5 --folder /tmp/tpch`` makes ``/tmp/tpch/scale-0.5`` unless
it is there, and prints its size in MiB.
"""

from __future__ import annotations

import argparse
import shutil
import tempfile
from importlib.resources import files
from pathlib import Path

import duckdb

_MIB = 2**20


def connect() -> duckdb.DuckDBPyConnection:
    """An empty DuckDB in memory that can generate TPC-H and knows its queries."""
    connection = duckdb.connect()
    version = f"v{duckdb.__version__}"
    extension = files("duckdb_extension_tpch") / "extensions" / version / "tpch.duckdb_extension"
    if not extension.is_file():
        raise RuntimeError(
            f"duckdb-extension-tpch is not made for duckdb {duckdb.__version__}: install the two "
            "in the same version"
        )
    connection.load_extension(str(extension))
    return connection


def make_tables(scale: float, folder: Path) -> Path:
    """Write the tables of a scale factor into a folder of their own below ``folder``.

    What is there already is taken as it is; what was left unfinished never looks like that.

    :param scale: the TPC-H scale factor: above 0, and above 1 a whole number
    :return: the folder, in which each table is a folder of Parquet files
    :raises ValueError: if the generator does not know such a scale factor
    """
    if not (0 < scale <= 1 or (scale > 1 and float(scale).is_integer())):
        raise ValueError(f"scale factors are above 0, and above 1 whole numbers, not {scale:g}")
    made = folder / f"scale-{scale:g}"
    if made.is_dir():
        return made
    folder.mkdir(parents=True, exist_ok=True)
    draft = Path(tempfile.mkdtemp(prefix=f".{made.name}-", dir=folder))
    try:
        with connect() as connection:
            connection.execute("CALL dbgen(sf = $scale)", {"scale": scale})
            for (table,) in connection.execute("SHOW TABLES").fetchall():
                (draft / table).mkdir()
                file = draft / table / "part-0.parquet"
                connection.table(table).write_parquet(str(file))
        draft.rename(made)
    except BaseException:
        shutil.rmtree(draft)
        raise
    return made


def size_mib(folder: Path) -> int:
    """Size of all files of a folder in MiB, at least 1."""
    size = sum(file.stat().st_size for file in folder.rglob("*.parquet"))
    return max(1, round(size / _MIB))


def main() -> None:
    """Make the tables and print their size."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--scale", type=float, required=True, help="TPC-H scale factor")
    parser.add_argument("--folder", type=Path, required=True)
    options = parser.parse_args()
    try:
        print(size_mib(make_tables(options.scale, options.folder)))  # noqa: T201
    except ValueError as error:
        parser.error(str(error))


if __name__ == "__main__":
    main()
