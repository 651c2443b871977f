"""`scones train`: training that takes longer than a stack may."""

from typing import Annotated

import typer

from scones import errors, terminal
from scones.options import Environment
from settings import load

MOST_MINUTES = 28 * 24 * 60  # MaxRuntimeInSeconds of CreateTrainingJob: 28 days


def train(
    max_runtime_minutes: Annotated[
        int,
        typer.Option(min=1, max=MOST_MINUTES, metavar="N", help="Stop the job after it."),
    ],
    environment: Environment = "dev",
) -> None:
    """Train outside the stack, for longer than the hour that CloudFormation gives it.

    The job costs money until it ends, and goes on when this command is interrupted.

    Exit codes: 0 trained; 1 failed; 2 wrong usage; 130 interrupted.
    """
    from operations import training

    console = terminal.console()
    with errors.shown(training.TrainingError):
        url = training.run(
            load(environment), max_runtime_minutes=max_runtime_minutes, console=console
        )
        console.print(
            f"To deploy it, put this into settings/{environment}.toml:\n\n"
            f'[training]\nmodel_data_url = "{url}"',
            soft_wrap=True,
        )
