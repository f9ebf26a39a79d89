"""Handler of ``airflow enel doctor``."""

from __future__ import annotations

from argparse import Namespace
from collections import Counter
from collections.abc import Iterable
from dataclasses import asdict
from functools import partial
from typing import Final

from airflow.utils.providers_configuration_loader import providers_configuration_loaded
from rich.console import Console

from airflow_enel.cli.doctor import airflow_checks, spark_checks
from airflow_enel.cli.doctor.checks import Check, Finding, State, finding_of
from airflow_enel.cli.output import print_json, reported_interrupt, say

_MARGIN: Final = 26


def checks_of(conn_id: str) -> tuple[Check, ...]:
    """All checks, in the order in which their troubles follow from each other."""
    return (
        Check("packages", airflow_checks.packages),
        Check("metadata DB", airflow_checks.database),
        Check("tables", airflow_checks.migrations),
        Check("Fernet key", airflow_checks.fernet_key),
        Check("API server", airflow_checks.our_routes),
        Check("execution API", airflow_checks.execution_api),
        Check("Spark connection", partial(airflow_checks.connection, conn_id)),
        Check("spark-submit", spark_checks.spark_submit),
        Check("Java", spark_checks.java),
        Check("agent", spark_checks.agent),
        Check("work folder", spark_checks.work_folder),
        Check("decommissioning", spark_checks.decommissioning),
    )


@providers_configuration_loaded
@reported_interrupt()
def doctor(args: Namespace) -> None:
    """Run all checks; exit with 1 if one has failed.

    It makes no entry in Airflow's audit log, as the metadata DB may be what is broken.
    """
    console = Console()
    findings: dict[str, Finding] = {}
    for check in checks_of(args.conn_id):
        finding = findings[check.name] = finding_of(check)
        if args.output == "table":
            _print(console, check, finding)
    if args.output == "json":
        print_json({"check": name} | asdict(finding) for name, finding in findings.items())
    else:
        console.print()
        say(console, _summary(findings.values()))
    if any(finding.state is State.FAILED for finding in findings.values()):
        raise SystemExit(1)


def _print(console: Console, check: Check, finding: Finding) -> None:
    say(console, finding.told, _MARGIN, f"{finding.state.value:8} {check.name}")
    if finding.mend:
        say(console, f"→ {finding.mend}", _MARGIN)


def _summary(findings: Iterable[Finding]) -> str:
    counts = Counter(finding.state for finding in findings)
    return ", ".join(f"{counts[state]} {state.value}" for state in State if counts[state])
