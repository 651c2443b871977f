"""CDK entry point: load the settings, add the stacks, synthesize."""

import os
import sys

import aws_cdk as cdk

from settings import SettingsError, load
from stacks.application import add_stacks
from stacks.assembly import project_app, synthesize
from stacks.constructs.common.package_layer import LayerMissingError

app = project_app()
# The CDK CLI sets them from the user's credentials; without them, both stay tokens.
account, region = (os.environ.get(f"CDK_DEFAULT_{name}") for name in ("ACCOUNT", "REGION"))
try:
    settings = load(app.node.try_get_context("environment") or "dev")
    add_stacks(app, settings, env=cdk.Environment(account=account, region=region))
except (SettingsError, LayerMissingError) as error:
    sys.exit(f"error: {error}")
synthesize(app)
