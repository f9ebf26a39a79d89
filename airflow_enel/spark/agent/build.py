"""Builds the agent's jar; needs a JDK, but no Spark and nothing outside the standard library.

The stubs stand in for Spark, Scala, Jackson and slf4j: the bytecode is the same as if it had been
compiled against the real ones (a test holds that), so one jar fits all supported versions.
The package build runs this file by its path, before anything is installed: hence no imports of
this project.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterable
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZipFile, ZipInfo

HERE = Path(__file__).resolve().parent
JAVA, STUBS = HERE / "java", HERE / "stubs"
VERSION_FILE = HERE.parents[1] / "__init__.py"
JAR = HERE / "enel-agent.jar"

# The oldest Java that Spark 3.5 runs on. Line numbers stay in for stack traces.
_OPTIONS = [
    # The compiler lives for a second or two: half the processor time.
    "-J-XX:+UseSerialGC",
    "-J-XX:TieredStopAtLevel=1",
    "--release",
    "8",
    "-Xlint:-options",
    "-proc:none",
    "-g:source,lines",
    "-encoding",
    "UTF-8",
]
# The earliest time a zip file can hold: the same sources give the same jar.
_TIMESTAMP = (1980, 1, 1, 0, 0, 0)


class BuildError(Exception):
    """The jar cannot be built; the message says what to do."""


def source_files() -> list[Path]:
    """Everything the jar is made of."""
    return [*_java_files(JAVA), *_java_files(STUBS), Path(__file__).resolve(), VERSION_FILE]


def build_agent(target: Path) -> Path:
    """Compile the agent and write its jar.

    :param target: the jar to write; its folder is created
    :raises BuildError: without a Java compiler, or if it finds an error
    """
    with tempfile.TemporaryDirectory() as scratch:
        stubs, classes = Path(scratch, "stubs"), Path(scratch, "classes")
        compile_java(_java_files(STUBS), stubs)
        compile_java(_java_files(JAVA), classes, classpath=str(stubs))
        target.parent.mkdir(parents=True, exist_ok=True)
        draft = target.with_suffix(f".{os.getpid()}.tmp")
        try:
            _write_jar(classes, draft)
            draft.replace(target)
        finally:
            draft.unlink(missing_ok=True)
    return target


def compile_agent(classes: Path, classpath: str) -> None:
    """Compile the agent alone against a class path of Spark's real jars."""
    compile_java(_java_files(JAVA), classes, classpath=classpath)


def compile_java(sources: Iterable[Path], classes: Path, classpath: str = "") -> None:
    """Run javac."""
    classes.mkdir(parents=True, exist_ok=True)
    # An empty class path would mean the current folder.
    command = [_javac(), *_OPTIONS, "-classpath", classpath or str(classes), "-d", str(classes)]
    run = subprocess.run(
        [*command, *map(str, sources)], capture_output=True, text=True, check=False
    )
    if run.returncode:
        raise BuildError(f"javac failed:\n{run.stdout}{run.stderr}")


def is_stale(jar: Path) -> bool:
    """True if the jar is missing or older than a source."""
    if not jar.exists():
        return True
    built_at = jar.stat().st_mtime
    return any(source.stat().st_mtime > built_at for source in source_files())


def _java_files(folder: Path) -> list[Path]:
    return sorted(folder.rglob("*.java"))


def _javac() -> str:
    home = os.environ.get("JAVA_HOME")
    found = shutil.which("javac", path=str(Path(home, "bin"))) if home else None
    found = found or shutil.which("javac")
    if found is None:
        raise BuildError(
            "javac was not found: install a JDK (17, for example) and set JAVA_HOME, "
            "or put javac on the PATH"
        )
    return found


def _write_jar(classes: Path, jar: Path) -> None:
    with ZipFile(jar, "w", ZIP_DEFLATED, compresslevel=9) as archive:
        _add(archive, "META-INF/MANIFEST.MF", _manifest())
        for path in sorted(classes.rglob("*.class")):
            _add(archive, path.relative_to(classes).as_posix(), path.read_bytes())


def _add(archive: ZipFile, name: str, content: bytes) -> None:
    entry = ZipInfo(name, _TIMESTAMP)
    entry.compress_type = ZIP_DEFLATED
    entry.create_system = 3  # Unix, wherever it is built
    entry.external_attr = 0o644 << 16
    archive.writestr(entry, content)


def _manifest() -> bytes:
    version = re.search(r'^__version__ = "(.+)"$', VERSION_FILE.read_text("utf-8"), re.MULTILINE)
    if version is None:
        raise BuildError(f"{VERSION_FILE} does not say __version__")
    lines = [
        "Manifest-Version: 1.0",
        "Implementation-Title: airflow-enel agent",
        f"Implementation-Version: {version[1]}",
    ]
    return "".join(f"{line}\r\n" for line in lines).encode()


def main() -> int:
    """Bring the jar inside this package up to date."""
    try:
        if is_stale(JAR):
            build_agent(JAR)
            print(f"built {JAR}")  # noqa: T201
        else:
            print(f"{JAR} is up to date")  # noqa: T201
    except BuildError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
