"""`scones train`: train for longer than a stack may wait."""

import json
from typing import Annotated

import typer

from scones import errors, terminal
from scones.options import Environment
from settings import load

MOST_MINUTES = 28 * 24 * 60  # MaxRuntimeInSeconds of CreateTrainingJob: 28 days


def train(
    max_runtime_minutes: Annotated[
        int,
        typer.Option(
            min=1, max=MOST_MINUTES, metavar="N", help="Stop the job after so many minutes."
        ),
    ],
    environment: Environment = "dev",
) -> None:
    """Train outside the stack, for longer than the hour that CloudFormation waits.

    The job costs money until it ends, and goes on if this command is interrupted.

    Exit codes: 0 trained; 1 failed; 2 wrong usage; 130 interrupted (the job goes on).
    """
    from operations import training

    console = terminal.console()
    with errors.shown(packages="sdk"):
        settings = load(environment)
        trained = training.run(settings, max_runtime_minutes=max_runtime_minutes, console=console)
        console.print(
            f"To deploy the model, put this into settings/{environment}.toml:\n\n"
            f'[training]\nmodel_data_url = "{trained.model_data_url}"',
            soft_wrap=True,
        )
        if not settings.dataset.classes:
            classes = json.dumps(trained.classes, ensure_ascii=False)
            console.print(
                f"and into its section [dataset], which lists no classes:\n\nclasses = {classes}",
                soft_wrap=True,
            )
