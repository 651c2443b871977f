"""Invariants of the templates under all settings."""

import json
from collections.abc import Iterator
from typing import Any

from aws_cdk.assertions import Template

from settings import Settings

Resource = dict[str, Any]
Stacks = dict[str, Template]

PHYSICAL_NAMES = (
    *("AlarmName", "BucketName", "DashboardName", "EndpointConfigName", "FunctionName"),
    *("LogGroupName", "ModelName", "PolicyName", "RoleName", "StateMachineName", "TopicName"),
)


def resources(stacks: Stacks, type_: str = "") -> dict[str, Resource]:
    """Resources of all stacks by logical id, of one type or all."""
    return {
        logical_id: resource
        for template in stacks.values()
        for logical_id, resource in template.to_json()["Resources"].items()
        if type_ in ("", resource["Type"])
    }


# --- names and order -----------------------------------------------------------------------------


def only_the_endpoint_has_a_physical_name(stacks: Stacks, settings: Settings) -> None:
    named = {
        (resource["Type"], name)
        for resource in resources(stacks).values()
        for name in PHYSICAL_NAMES
        if name in resource.get("Properties", {}) and resource["Type"].startswith("AWS::")
    }
    endpoints = resources(stacks, "AWS::SageMaker::Endpoint").values()

    # CDK names every inline policy, inside its role, the scaling policy, inside its target, and a
    # FIFO topic, which must end in ".fifo". Log groups of state machines have a prefix that spares
    # a resource policy of the account, and end in a name that CloudFormation generates.
    expected = {
        ("AWS::IAM::Policy", "PolicyName"),
        ("AWS::Logs::LogGroup", "LogGroupName"),
        ("AWS::Logs::MetricFilter", "LogGroupName"),  # a reference
    }
    if settings.notifications.topic == "fifo":
        expected.add(("AWS::SNS::Topic", "TopicName"))
    if settings.detects_drift:
        expected.add(("AWS::Lambda::EventInvokeConfig", "FunctionName"))  # a reference
        expected.add(("AWS::Lambda::Permission", "FunctionName"))  # a reference
    if settings.endpoint.enabled:
        expected.add(("AWS::SageMaker::Endpoint", "EndpointConfigName"))  # a reference
        if settings.endpoint.autoscaling.enabled:
            expected.add(("AWS::ApplicationAutoScaling::ScalingPolicy", "PolicyName"))
    assert named == expected
    assert len(endpoints) == settings.endpoint.enabled
    for endpoint in endpoints:
        assert isinstance(endpoint["Properties"]["EndpointConfigName"], dict)
        assert endpoint["Properties"]["EndpointName"] == settings.endpoint_name


def the_dataset_pointer_is_that_of_the_first_release(stacks: Stacks, settings: Settings) -> None:
    """With a change of anything, CloudFormation would write its value: nothing is staged."""
    (pointer,) = resources({"Storage": stacks["Storage"]}, "AWS::SSM::Parameter").items()
    expected = {
        "Type": "String",
        "Name": f"/scones/{settings.environment}/dataset",
        "Value": "not-staged",
        "Description": "Prefix of the staged dataset in the data bucket; set by training.stage",
    }
    assert pointer[0] == "DatasetPointerF2C3A0DE"
    assert pointer[1] == {"Type": "AWS::SSM::Parameter", "Properties": expected}


def what_assumes_a_role_waits_for_its_policy(stacks: Stacks, settings: Settings) -> None:
    roles = {
        "AWS::SageMaker::Model": "ImageEndpointModelRole",
        "Custom::TrainingJob": "TrainingJobJobRole",
    }
    for type_, role in roles.items():
        for logical_id, resource in resources(stacks, type_).items():
            waits_for = resource["DependsOn"]
            assert any(name.startswith(f"{role}DefaultPolicy") for name in waits_for), logical_id


def what_changes_with_each_training_is_not_exported(stacks: Stacks, settings: Settings) -> None:
    # CloudFormation refuses to change an export that another stack imports.
    outputs = stacks["Training"].to_json()["Outputs"]

    assert [name for name, output in outputs.items() if "Export" in output] == []


def no_log_group_is_exported(stacks: Stacks, settings: Settings) -> None:
    # It is replaced with its name, and so with the role that the name ends in.
    for stack, template in stacks.items():
        groups = resources({stack: template}, "AWS::Logs::LogGroup")
        exported = [
            value.get("Ref") or value["Fn::GetAtt"][0]
            for output in template.to_json().get("Outputs", {}).values()
            if "Export" in output
            for value in [output["Value"]]
        ]
        assert not groups.keys() & set(exported), stack


def one_switch_decides_what_outlives_the_stacks(stacks: Stacks, settings: Settings) -> None:
    stateful = [
        resource
        for type_ in ("AWS::S3::Bucket", "AWS::Logs::LogGroup", "AWS::KMS::Key")
        for resource in resources(stacks, type_).values()
    ]
    destroyed = settings.retention.removal == "destroy"

    assert {one["DeletionPolicy"] for one in stateful} == {"Delete" if destroyed else "Retain"}
    assert len(resources(stacks, "Custom::S3AutoDeleteObjects")) == (3 if destroyed else 0)


# --- state machines ------------------------------------------------------------------------------


def every_task_is_tried_again(stacks: Stacks, settings: Settings) -> None:
    """A fault that passes must not end an execution whose work is done, or to be done."""
    tasks = 0
    for machine in _state_machines(stacks):
        _, parts = machine["Properties"]["DefinitionString"]["Fn::Join"]
        definition = json.loads("".join(part for part in parts if isinstance(part, str)))
        for name, state in _states(definition):
            if state["Type"] == "Task":
                assert [retry for retry in state.get("Retry", ()) if retry["MaxAttempts"]], name
                tasks += 1
    assert tasks >= 9


def _state_machines(stacks: Stacks) -> list[Resource]:
    """Those of ours, beside what CDK's provider framework waits with, which logs nothing."""
    found = resources(stacks, "AWS::StepFunctions::StateMachine")
    return [machine for name, machine in found.items() if "waiterstatemachine" not in name]


def _states(processor: Resource) -> Iterator[tuple[str, Resource]]:
    for name, state in processor["States"].items():
        yield name, state
        if state["Type"] == "Map":
            yield from _states(state["ItemProcessor"])


# --- logs ----------------------------------------------------------------------------------------


def every_function_writes_to_a_log_group_of_its_stack(stacks: Stacks, settings: Settings) -> None:
    functions = 0
    for name in stacks:
        stack = {name: stacks[name]}
        groups = resources(stack, "AWS::Logs::LogGroup")
        for logical_id, function in resources(stack, "AWS::Lambda::Function").items():
            assert function["Properties"]["LoggingConfig"]["LogGroup"]["Ref"] in groups, logical_id
            functions += 1
        for logical_id, group in groups.items():
            forever = settings.retention.log_retention == "INFINITE"
            assert ("RetentionInDays" in group["Properties"]) is not forever, logical_id
    assert functions >= 3


def state_machines_log_all_but_the_pictures(stacks: Stacks, settings: Settings) -> None:
    for stack, template in stacks.items():
        groups = resources({stack: template}, "AWS::Logs::LogGroup")
        named = {name: group for name, group in groups.items() if _name(group)}
        for machine in _state_machines({stack: template}):
            logging = machine["Properties"]["LoggingConfiguration"]
            assert logging["Level"] == "ALL"
            assert logging["IncludeExecutionData"] is False
            (destination,) = logging["Destinations"]
            group, _ = destination["CloudWatchLogsLogGroup"]["LogGroupArn"]["Fn::GetAtt"]
            _, (prefix, role) = _name(named.pop(group))["Fn::Join"]
            assert prefix == f"/aws/vendedlogs/states/{settings.stack_name(stack)}/"
            assert role == {"Ref": machine["Properties"]["RoleArn"]["Fn::GetAtt"][0]}
            assert "RoleName" not in template.to_json()["Resources"][role["Ref"]]["Properties"]
        assert not named


def _name(group: Resource) -> Any:
    return group["Properties"].get("LogGroupName")


# --- alarms --------------------------------------------------------------------------------------


def every_function_of_ours_has_its_errors_watched(stacks: Stacks, settings: Settings) -> None:
    ours = {
        logical_id
        for logical_id, function in resources(stacks, "AWS::Lambda::Function").items()
        if function["Properties"]["Handler"].startswith("lambda_src.")
        # Called when the stacks are destroyed, and their alarms are gone: CloudFormation says why.
        and not logical_id.startswith("CustomS3AutoDeleteObjects")
    }
    if settings.workflow.rejection_style == "raise":  # then most of its errors are rejections
        (raising,) = (each for each in ours if each.startswith("FilterConfidence"))
        ours.remove(raising)

    watched = {
        _function_of(dimension["Value"], stacks)
        for alarm in resources(stacks, "AWS::CloudWatch::Alarm").values()
        for metric in _metrics_of(alarm["Properties"])
        if (metric["Namespace"], metric["MetricName"]) == ("AWS/Lambda", "Errors")
        for dimension in metric["Dimensions"]
    }
    assert watched == ours


def _metrics_of(alarm: Resource) -> Iterator[Resource]:
    if "MetricName" in alarm:
        yield alarm
    for each in alarm.get("Metrics", ()):
        if "MetricStat" in each:
            yield each["MetricStat"]["Metric"]


def _function_of(value: Resource, stacks: Stacks) -> str:
    """Logical id of the function whose name this is, in whichever stack."""
    match value:
        case {"Fn::ImportValue": name}:
            (value,) = (
                output["Value"]
                for template in stacks.values()
                for output in template.to_json().get("Outputs", {}).values()
                if output.get("Export", {}).get("Name") == name
            )
        case {"Fn::Select": [6, {"Fn::Split": [":", {"Ref": parameter}]}]}:
            (name,) = (
                template.to_json()["Parameters"][parameter]["Default"]
                for template in stacks.values()
                if parameter in template.to_json().get("Parameters", {})
            )
            (arn,) = (
                each["Properties"]["Value"]
                for each in resources(stacks, "AWS::SSM::Parameter").values()
                if each["Properties"]["Name"] == name
            )
            value = {"Ref": arn["Fn::GetAtt"][0]}
    return str(value["Ref"])


# --- numbers -------------------------------------------------------------------------------------


def numbers_are_ordinary(stacks: Stacks, settings: Settings) -> None:
    """Above 2**53 the JavaScript of CDK no longer writes a number as it was set."""
    text = json.dumps({name: template.to_json() for name, template in stacks.items()})
    numbers: list[str] = []
    json.loads(text, parse_int=numbers.append, parse_float=numbers.append)

    assert [number for number in numbers if abs(float(number)) >= 2**53] == []


INVARIANTS = (
    only_the_endpoint_has_a_physical_name,
    the_dataset_pointer_is_that_of_the_first_release,
    what_assumes_a_role_waits_for_its_policy,
    what_changes_with_each_training_is_not_exported,
    no_log_group_is_exported,
    one_switch_decides_what_outlives_the_stacks,
    every_task_is_tried_again,
    every_function_writes_to_a_log_group_of_its_stack,
    state_machines_log_all_but_the_pictures,
    every_function_of_ours_has_its_errors_watched,
    numbers_are_ordinary,
)
