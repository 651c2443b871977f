"""CDK entry point: load the settings, add the stacks, synthesize."""

import os
import sys

import aws_cdk as cdk

from settings import SettingsError, load
from stacks.application import add_stacks
from stacks.assembly import project_app, synthesize

app = project_app()
try:
    settings = load(app.node.try_get_context("environment") or "dev")
except SettingsError as error:
    sys.exit(f"error: {error}")

# The CDK CLI sets them from the user's credentials; without them, both stay tokens.
account, region = (os.environ.get(f"CDK_DEFAULT_{name}") for name in ("ACCOUNT", "REGION"))
add_stacks(app, settings, env=cdk.Environment(account=account, region=region))
synthesize(app)
