"""CDK entry point: settings -> stacks, nothing else."""

import gc

# What CDK and the stacks make lives until the process ends: Python's search for garbage among it,
# from the imports on and once more at the exit, finds none and takes a tenth of a synthesis.
gc.disable()

import os
import sys

import aws_cdk as cdk

from settings import SettingsError, load
from stacks.application import add_stacks

app = cdk.App()
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
app.synth()
gc.freeze()
