"""Commands of ``airflow enel`` on trained models: ``model`` and ``train``."""

from __future__ import annotations

from typing import Final

from airflow.cli.cli_config import ActionCommand, GroupCommand, lazy_load_command

from airflow_enel.cli.arguments import OUTPUT, arg, natural

MODEL: Final = GroupCommand(
    name="model",
    help="Trained models",
    subcommands=(
        ActionCommand(
            name="list",
            help="Show which models there are, newest first",
            func=lazy_load_command("airflow_enel.cli.modelling.list_models"),
            args=(OUTPUT,),
        ),
        ActionCommand(
            name="show",
            help="Show a model's manifest, and whether it is whole",
            func=lazy_load_command("airflow_enel.cli.modelling.show_model"),
            args=(arg("name", metavar="NAME", help="as the list tells it"), OUTPUT),
        ),
        ActionCommand(
            name="describe",
            help="Show the layers of a configuration and how many numbers they learn",
            func=lazy_load_command("airflow_enel.cli.modelling.describe"),
            args=(
                arg(
                    "--config",
                    choices=("paper", "default"),
                    default="default",
                    help="paper for the network of the paper; default for that of this project",
                ),
                OUTPUT,
            ),
        ),
    ),
)

TRAIN: Final = ActionCommand(
    name="train",
    help="Train the Enel network from the history of all recurring jobs",
    description=(
        "Fine-tunes the latest model on new runs beside the old ones, every fifth time it begins "
        "anew, and publishes the result to all recurring jobs. Needs the extra train (torch) and "
        "the metadata DB; in a DAG use EnelTrainOperator."
    ),
    func=lazy_load_command("airflow_enel.cli.training.train"),
    args=(
        arg(
            "--seed",
            type=natural,
            metavar="N",
            default=0,
            help="the same history and seed give the same model; 0 by default",
        ),
        arg("--from-scratch", action="store_true", help="begin anew in any case"),
        OUTPUT,
    ),
)
