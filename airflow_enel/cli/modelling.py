"""``airflow enel model …``: the models in the metadata DB, and what a configuration consists of."""

from __future__ import annotations

import json
from argparse import Namespace
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from airflow.utils.cli import action_cli
from airflow.utils.providers_configuration_loader import providers_configuration_loaded
from rich.console import Console
from rich.table import Column, Table

from airflow_enel.cli.output import day, print_json, print_object, reported_errors, texts
from airflow_enel.domain import ModelUnusable
from airflow_enel.history.interface import ModelRow
from airflow_enel.history.sql.trained_models import SqlModels

if TYPE_CHECKING:
    from airflow_enel.predict.enel.config import EnelConfig


@providers_configuration_loaded
@action_cli  # type: ignore[untyped-decorator]
def list_models(args: Namespace) -> None:
    """Show which models there are, newest first."""
    with reported_errors():
        rows = SqlModels().models()
    if args.output == "json":
        print_json(_values(row) for row in rows)
        return
    if not rows:
        Console().print("no models yet: runs go by the prior until one is trained")
        return
    # The name is what "show" is asked for: where 80 columns are too few, the kind is cut.
    table = Table(Column("model", no_wrap=True), "kind", "schema", Column("trained", no_wrap=True))
    table.add_column("KiB", justify="right", no_wrap=True)
    for row in rows:
        named = texts(row.name, row.kind, str(row.schema_version), day(row.created_at))
        table.add_row(*named, _kib(row.weights_bytes))
    Console().print(table)


@providers_configuration_loaded
@action_cli  # type: ignore[untyped-decorator]
def show_model(args: Namespace) -> None:
    """Show a model's manifest, and whether it is whole; fail if it is not."""
    with reported_errors():
        model = SqlModels().model(args.name)
    fault = None
    try:
        model.verified()
    except ModelUnusable as error:
        fault = str(error)
    values = asdict(model)
    row = ModelRow(**values | {"weights_bytes": len(values.pop("weights"))})
    if args.output == "json":
        print_json([_values(row) | {"fault": fault}])
    else:
        table = Table(show_header=False)
        table.add_row("state", *texts("whole" if fault is None else fault))
        for name, value in _flat(_values(row)):
            table.add_row(*texts(name, value))
        Console().print(table)
    if fault is not None:
        raise SystemExit(1)


@action_cli  # type: ignore[untyped-decorator]
def describe(args: Namespace) -> None:
    """Show the layers of a configuration and how many numbers they learn."""
    from airflow_enel.predict.enel.config import CONFIGS  # noqa: PLC0415 - numpy, for this alone

    config = next(config for config in CONFIGS if config.name == args.config)
    if args.output == "json":
        print_object(_description(config))
    else:
        _print_description(_description(config))


def _description(config: EnelConfig) -> dict[str, Any]:
    from airflow_enel.predict.enel.config import layers, parameters  # noqa: PLC0415 - as above

    return {
        "config": asdict(config),
        "parameters": parameters(config),
        "layers": [asdict(part) | {"parameters": part.parameters} for part in layers(config)],
    }


def _print_description(description: dict[str, Any]) -> None:
    table = Table("layer", "role")
    for heading in ("outputs × inputs", "bias", "parameters"):
        table.add_column(heading, justify="right")
    for layer in description["layers"]:
        shape = " × ".join(map(str, layer["shape"]))
        bias = "yes" if layer["bias"] else ""
        table.add_row(layer["name"], layer["role"], shape, bias, f"{layer['parameters']:,}")
    table.add_section()
    table.add_row("all", "", "", "", f"{description['parameters']:,}")
    Console().print(table)


def _values(row: ModelRow) -> dict[str, Any]:
    return asdict(row) | {"manifest": _parsed(row.manifest)}


def _parsed(manifest: str) -> Any:
    try:
        return json.loads(manifest)
    except ValueError:
        return manifest  # of a corrupt model


def _flat(values: dict[str, Any], above: str = "") -> list[tuple[str, str]]:
    found = []
    for name, value in values.items():
        if isinstance(value, dict):
            found += _flat(value, f"{above}{name}.")
        else:
            shown = value if isinstance(value, str) else json.dumps(_without_marks(value))
            found.append((above + name, shown))
    return found


def _without_marks(value: Any) -> Any:
    """Jobs without the marks of the runs they have learned, which tell a person nothing."""
    if not isinstance(value, list):
        return value
    return [
        {name: of for name, of in job.items() if name != "learned"}
        if isinstance(job, dict)
        else job
        for job in value
    ]


def _kib(size_bytes: int) -> str:
    return f"{size_bytes / 1024:,.1f}"
