"""A PostgreSQL server that lasts as long as tests or benchmarks need it.

It listens on a socket in a folder that only its own user may enter, keeps nothing safe from a
power failure, and is thrown away with its folder.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Final
from uuid import uuid4

import sqlalchemy as sa

URL_VARIABLE: Final = "ENEL_TEST_POSTGRES_URL"
"""Names a server to use instead, as a URL of SQLAlchemy. Only schemas of our own are touched."""

_DEBIAN = Path("/usr/lib/postgresql")
_UNPRIVILEGED = ("postgres", "nobody")
_UP_WITHIN_S = 30.0
_DOWN_WITHIN_S = 20.0
_SETTINGS = {
    "listen_addresses": "",
    "fsync": "off",
    "full_page_writes": "off",
    "synchronous_commit": "off",
    "max_connections": "60",
    "log_min_messages": "fatal",
}
_LIBC = ctypes.CDLL(None)
_PR_SET_PDEATHSIG = 1


class NoPostgres(Exception):
    """There is no PostgreSQL to be had; the message says what is missing."""


@contextmanager
def server() -> Iterator[str]:
    """Give the URL of a server: the one that `URL_VARIABLE` names, or one started for this.

    :raises NoPostgres: if the programs or the driver are not installed, or do not work
    """
    if find_spec("psycopg2") is None:
        raise NoPostgres("the driver is not installed: pip install psycopg2-binary")
    given = os.environ.get(URL_VARIABLE)
    if given:
        yield given
        return
    programs = _programs()
    folder = Path(tempfile.mkdtemp(prefix="enel-pg-"))
    try:
        process = _start(programs, folder, _own(folder))
        try:
            yield f"postgresql+psycopg2://enel@/postgres?host={folder}"
        finally:
            _stop(process)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def schema(url: str, **options: str) -> Iterator[str]:
    """Give the URL of an empty schema, which is dropped with all that is in it.

    :param options: settings of every session, e.g. ``timezone``
    """
    name = f"enel_{uuid4().hex[:12]}"
    engine = sa.create_engine(url, poolclass=sa.NullPool)
    with engine.begin() as connection:
        connection.execute(sa.text(f"CREATE SCHEMA {name}"))
    options = {"search_path": name, **options}
    settings = " ".join(f"-c {key}={value}" for key, value in options.items())
    try:
        yield sa.make_url(url).update_query_dict({"options": settings}).render_as_string(False)
    finally:
        with engine.begin() as connection:
            connection.execute(sa.text(f"DROP SCHEMA {name} CASCADE"))


def _programs() -> Path:
    """The folder of ``initdb`` and ``postgres``."""
    found = shutil.which("initdb")
    if found is not None:
        return Path(found).resolve().parent
    versions = [p.parent for p in _DEBIAN.glob("*/bin/initdb")]
    if not versions:
        raise NoPostgres(
            f"initdb of PostgreSQL is neither on the PATH nor below {_DEBIAN}: install it "
            f"(Debian: apt-get install postgresql), or name a server in {URL_VARIABLE}"
        )
    return max(versions, key=lambda folder: int(folder.parent.name))


def _own(folder: Path) -> dict[str, Any]:
    """Arguments of `subprocess` that make it another user if we are root: PostgreSQL refuses it."""
    if os.geteuid() != 0:
        return {}
    for name in _UNPRIVILEGED:
        with suppress(KeyError):
            user = pwd.getpwnam(name)
            os.chown(folder, user.pw_uid, user.pw_gid)
            return {"user": user.pw_uid, "group": user.pw_gid, "extra_groups": []}
    raise NoPostgres("PostgreSQL does not run as root, and there is no user postgres or nobody")


def _start(programs: Path, folder: Path, as_user: dict[str, Any]) -> subprocess.Popen[bytes]:
    data, log = folder / "data", folder / "log"
    made = subprocess.run(
        [
            *(str(programs / "initdb"), "-D", str(data), "-U", "enel"),
            *("--auth=trust", "--encoding=UTF8", "--locale=C", "--no-sync"),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        **as_user,
    )
    if made.returncode:
        raise NoPostgres(f"initdb failed: {made.stderr.strip()[-300:]}")
    settings = [f"-c{name}={value}" for name, value in _SETTINGS.items()]
    with log.open("w") as output:
        process: subprocess.Popen[bytes] = subprocess.Popen(
            [str(programs / "postgres"), "-D", str(data), "-k", str(folder), *settings],
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,  # Ctrl-C is for whoever uses it
            preexec_fn=_end_with_parent if sys.platform == "linux" else None,  # noqa: PLW1509
            **as_user,
        )
    try:
        _wait(programs, folder, process)
    except BaseException:
        _stop(process)
        raise
    return process


def _end_with_parent() -> None:
    # If we are killed. One call into libc that is loaded already: no lock another thread may hold.
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGINT)


def _wait(programs: Path, folder: Path, process: subprocess.Popen[bytes]) -> None:
    asking = [str(programs / "pg_isready"), "-q", "-h", str(folder), "-d", "postgres"]
    deadline = time.monotonic() + _UP_WITHIN_S
    while subprocess.run(asking, check=False).returncode:
        if process.poll() is not None or time.monotonic() > deadline:
            text = (folder / "log").read_text(errors="replace").strip()
            raise NoPostgres(f"PostgreSQL did not start: {text[-300:]}")
        time.sleep(0.05)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.send_signal(signal.SIGINT)  # ends sessions, then itself
    try:
        process.wait(_DOWN_WITHIN_S)
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGQUIT)
        process.wait(_DOWN_WITHIN_S)
