"""The dashboard of the deployed application."""

import json

from tests.local.deployment import Deployment


def test_the_dashboard_shows_what_is_deployed(deployment: Deployment) -> None:
    cloudwatch = deployment.cloud.client("cloudwatch")
    (entry,) = cloudwatch.list_dashboards()["DashboardEntries"]
    body = cloudwatch.get_dashboard(DashboardName=entry["DashboardName"])["DashboardBody"]

    widgets = json.loads(body)["widgets"]
    shown = [
        arn for each in widgets if each["type"] == "alarm" for arn in each["properties"]["alarms"]
    ]
    prefix = deployment.settings.stack_name("Monitoring")
    alarms = cloudwatch.describe_alarms(AlarmNamePrefix=prefix)["MetricAlarms"]
    assert sorted(shown) == sorted(alarm["AlarmArn"] for alarm in alarms)
    assert deployment.outputs("Workflow")["StateMachineArn"] in body
    assert deployment.outputs("Batch")["BulkStateMachineArn"] in body
    assert deployment.outputs("Storage")["CaptureBucketName"] in body
    assert "${" not in body
