"""CDK entry point: settings -> stacks, nothing else."""

import gc

# What CDK and the stacks make lives until the process ends: Python's search for garbage among it,
# from the imports on and once more at the exit, finds none and takes a tenth of a synthesis.
gc.disable()

import os
import sys
from pathlib import Path

from stacks.package_cache import choose_package_cache

choose_package_cache()

import aws_cdk as cdk

from settings import SettingsError, load
from stacks.application import add_stacks
from stacks.assembly import make_assets_readable, project_app

app = project_app()
try:
    settings = load(app.node.try_get_context("environment") or "dev")
except SettingsError as error:
    sys.exit(f"error: {error}")

add_stacks(
    app,
    settings,
    # Set by the CDK CLI from the credentials at hand; absent, account and region stay tokens.
    env=cdk.Environment(
        account=os.environ.get("CDK_DEFAULT_ACCOUNT"), region=os.environ.get("CDK_DEFAULT_REGION")
    ),
)
make_assets_readable(Path(app.synth().directory))
gc.freeze()
