"""Adds one step to the package build: the jar of the Spark agent. All else is in pyproject.toml."""

from __future__ import annotations

import runpy
import sys
from pathlib import Path

from setuptools import Command, setup
from setuptools.command.build import build

ROOT = Path(__file__).resolve().parent
FOLDER = Path("airflow_enel", "spark", "agent")
# By its path: importing it from the package could need what is not installed yet.
AGENT = runpy.run_path(str(ROOT / FOLDER / "build.py"))


class BuildAgent(Command):
    """A sub-command of ``build``, after setuptools.command.build.SubCommand."""

    description = "compile the Spark agent"
    user_options = []  # noqa: RUF012

    def initialize_options(self) -> None:
        """Set what ``build_py`` will know."""
        self.build_lib: str | None = None
        self.editable_mode = False

    def finalize_options(self) -> None:
        """Build into the same folder as ``build_py``."""
        self.set_undefined_options("build_py", ("build_lib", "build_lib"))

    def run(self) -> None:
        """Build the jar; an editable install goes on without it if there is no JDK."""
        target = AGENT["JAR"] if self.editable_mode else Path(self.get_outputs()[0]).resolve()
        try:
            AGENT["build_agent"](target)
        except AGENT["BuildError"] as error:
            if not self.editable_mode:
                sys.exit(f"error: {error}")
            self.warn(str(error))

    def get_source_files(self) -> list[str]:
        """What a source distribution must hold."""
        return [str(path.relative_to(ROOT)) for path in AGENT["source_files"]()]

    def get_outputs(self) -> list[str]:
        """The jar in the build folder."""
        return [str(Path(self.build_lib or "", FOLDER, AGENT["JAR"].name))]

    def get_output_mapping(self) -> dict[str, str]:
        """Return nothing: no output is a copy of a source file."""
        return {}


class Build(build):
    """The build with the agent in it."""

    sub_commands = [*build.sub_commands, ("build_agent", None)]  # noqa: RUF012


setup(cmdclass={"build": Build, "build_agent": BuildAgent})
