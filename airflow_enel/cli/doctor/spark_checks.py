"""Checks of what a worker needs to run Spark applications and to scale them."""

from __future__ import annotations

import os
import re
import shutil
import stat
import subprocess
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final
from zipfile import BadZipFile, ZipFile

from airflow_enel import __version__
from airflow_enel.cli.doctor.checks import TIME_LIMIT_S, Finding, State, failed, ok, warning
from airflow_enel.domain import Bounds
from airflow_enel.execution.request import work_dir
from airflow_enel.spark.agent import LISTENER_CLASS, agent_jar
from airflow_enel.spark.properties import installed_version
from airflow_enel.spark.submission.conf import sizing_conf, spark_defaults
from airflow_enel.spark.submission.run_folder import RunFolder

_SUBMIT: Final = ("spark-submit", "spark3-submit", "spark2-submit")
"""Programs that a Spark connection may name; the first unless it names one."""
_OLDEST_SPARK: Final = (3, 5)
_OLDEST_JAVA: Final = {3: 8, 4: 17}
"""By the major version of Spark."""
_DECOMMISSION: Final = ("spark.decommission.enabled", "spark.storage.decommission.enabled")
_FORCED_KILL: Final = "spark.executor.decommission.forceKillTimeout"
_PRIVATE: Final = 0o700

Output = Callable[[list[str]], str]
"""Runs a command; returns what it printed, errors included."""


def output_of(command: list[str]) -> str:
    """Run a command, for a limited time."""
    done = subprocess.run(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        errors="replace",
        check=False,
        timeout=TIME_LIMIT_S,
    )
    return done.stdout


def spark_submit(env: Mapping[str, str] = os.environ, output: Output = output_of) -> Finding:
    """One of the programs that submit is on the PATH, in a version that can be scaled."""
    paths = [path for name in _SUBMIT if (path := shutil.which(name, path=env.get("PATH")))]
    if not paths:
        return failed(
            f"none of {', '.join(_SUBMIT)} is on the PATH",
            "install Spark on the workers (pip install pyspark will do) and put its bin folder on "
            "their PATH",
        )
    found: list[Finding] = []
    for path in paths:  # where spark-submit is an old Spark, spark3-submit may be a new one
        found.append(_submit_program(path, env, output))
        if found[-1].state is State.OK:
            return found[-1]
    return found[0]


def java(env: Mapping[str, str] = os.environ, output: Output = output_of) -> Finding:
    """There is a Java that Spark runs on."""
    home = env.get("JAVA_HOME")
    path = shutil.which("java", path=str(Path(home, "bin")) if home else env.get("PATH"))
    mend = "install Java 17 on the workers, and set JAVA_HOME or put java on their PATH"
    if path is None:
        where = f"JAVA_HOME ({home})" if home else "the PATH"
        return failed(f"there is none in {where}", mend)
    match = re.search(r'version "(?:1\.)?([0-9]+)([^"]*)"', output([path, "-version"]))
    if match is None:
        return warning(f"{path} does not tell its version", "try java -version")
    spark = _numbers(installed_version(env) or "3.5")
    oldest = _OLDEST_JAVA.get(spark[0], max(_OLDEST_JAVA.values()))
    version = match[1] + match[2]
    if int(match[1]) < oldest:
        return failed(f"{path} is Java {version}, Spark {spark[0]} needs {oldest} or newer", mend)
    return ok(f"Java {version} at {path}")


def agent(jar_of: Callable[[], Path] = agent_jar) -> Finding:
    """The agent's jar is there, whole and of this version."""
    rebuild = "build it, which needs a JDK: python -m airflow_enel.spark.agent.build"
    try:
        jar = jar_of()
    except FileNotFoundError:
        return failed("was not built", rebuild)
    try:
        with ZipFile(jar) as archive:
            archive.getinfo(LISTENER_CLASS.replace(".", "/") + ".class")
            manifest = archive.read("META-INF/MANIFEST.MF").decode(errors="replace")
    except (BadZipFile, KeyError, OSError):
        return failed(f"{jar} is damaged", f"delete it and {rebuild}")
    match = re.search(r"^Implementation-Version: (.+?)\r?$", manifest, re.MULTILINE)
    if match is None or match[1] != __version__:
        version = "unknown" if match is None else match[1]
        return failed(
            f"{jar} is of version {version}, not {__version__}", f"delete it and {rebuild}"
        )
    return ok(f"{jar.name} of version {__version__}")


def work_folder(base: Path | None = None) -> Finding:
    """The folder of drivers' files can be written, and read by nobody else.

    :param base: by default ``[enel] work_dir``, or the one in the temporary folder
    """
    folder = RunFolder.of("doctor", base or work_dir()).path.parent
    mend = "set [enel] work_dir to a folder that the user of the workers owns"
    if not folder.exists():
        above = next(parent for parent in folder.parents if parent.exists())
        if not os.access(above, os.W_OK | os.X_OK):
            return failed(f"{folder} cannot be made: {above} is not writable", mend)
        return ok(f"{folder} will be made, for its owner only")
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        return failed(f"{folder} belongs to somebody else", mend)
    if not folder.is_dir() or not os.access(folder, os.R_OK | os.W_OK | os.X_OK):
        return failed(f"{folder} is no folder that can be written", mend)
    mode = stat.S_IMODE(folder.stat().st_mode)
    if mode & ~_PRIVATE:
        return warning(f"{folder} is open to others (mode {mode:04o})", f"chmod 700 {folder}")
    return ok(f"{folder} is writable, for its owner only")


def decommissioning(
    env: Mapping[str, str] = os.environ,
    submitted: Mapping[str, str] | None = None,
    defaults: Mapping[str, str] | None = None,
) -> Finding:
    """Executors are released by decommissioning: their tasks end, and their data move.

    :param submitted: what we submit with every application
    :param defaults: what ``spark-defaults.conf`` says
    """
    ours = sizing_conf(Bounds(1, 2), 1) if submitted is None else submitted
    others = spark_defaults(None, env) if defaults is None else defaults
    missing = [name for name in _DECOMMISSION if ours.get(name) != "true"]
    if missing:
        return failed(f"not submitted: {', '.join(missing)}", "reinstall airflow-enel")
    if _FORCED_KILL in others:
        return warning(
            f"spark-defaults.conf sets {_FORCED_KILL}: tasks that take longer fail when executors "
            "are released",
            "remove it",
        )
    return ok(f"every submission sets {' and '.join(_DECOMMISSION)}")


def _submit_program(path: str, env: Mapping[str, str], output: Output) -> Finding:
    """Examine one program that submits."""
    name = Path(path).name
    version = _spark_version(env, path, output)
    if version is None:
        told = f"{path} does not tell its version"
        return warning(told, f"try {name} --version; Spark 3.5 or newer is needed")
    if _numbers(version) < _OLDEST_SPARK:
        return failed(f"{path} is Spark {version}", "install Spark 3.5 or newer")
    told = f"Spark {version} at {path}"
    if name != _SUBMIT[0]:
        told += f", for Spark connections with spark-binary {name} in their extra"
    return ok(told)


def _spark_version(env: Mapping[str, str], path: str, output: Output) -> str | None:
    # Programs of other names belong to other installations than SPARK_HOME.
    known = installed_version(env) if Path(path).name == _SUBMIT[0] else None
    if known is not None:
        return known
    match = re.search(r"version ([0-9]+\.[0-9]+[^\s]*)", output([path, "--version"]))
    return None if match is None else match[1]


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(int(number) for number in re.findall(r"[0-9]+", version)[:2])
