"""What must hold of the templates whatever the settings are."""

import json
from collections.abc import Iterator
from itertools import product
from typing import Any

from aws_cdk.assertions import Template

from settings import Settings

Resource = dict[str, Any]
Stacks = dict[str, Template]

PHYSICAL_NAMES = (
    "AlarmName",
    "BucketName",
    "DashboardName",
    "EndpointConfigName",
    "FunctionName",
    "LogGroupName",
    "ModelName",
    "PolicyName",
    "RoleName",
    "StateMachineName",
    "TopicName",
)

# Actions for which AWS offers nothing narrower than "*".
WITHOUT_RESOURCES = {
    "cloudwatch:GetMetricStatistics",
    "cloudwatch:PutMetricData",
    "ecr:GetAuthorizationToken",
    "logs:CreateLogDelivery",
    "logs:DeleteLogDelivery",
    "logs:DescribeLogGroups",
    "logs:DescribeResourcePolicies",
    "logs:GetLogDelivery",
    "logs:ListLogDeliveries",
    "logs:PutResourcePolicy",
    "logs:UpdateLogDelivery",
    "xray:GetSamplingRules",
    "xray:GetSamplingTargets",
    "xray:PutTelemetryRecords",
    "xray:PutTraceSegments",
}


def resources(stacks: Stacks, type_: str = "") -> dict[str, Resource]:
    """Resources of all stacks by logical id, of one type or all."""
    return {
        logical_id: resource
        for template in stacks.values()
        for logical_id, resource in template.to_json()["Resources"].items()
        if type_ in ("", resource["Type"])
    }


def policies(stacks: Stacks) -> Iterator[Resource]:
    """Statements of all inline policies."""
    for resource in resources(stacks, "AWS::IAM::Policy").values():
        yield from resource["Properties"]["PolicyDocument"]["Statement"]
    for resource in resources(stacks, "AWS::IAM::Role").values():
        for policy in resource["Properties"].get("Policies", ()):
            yield from policy["PolicyDocument"]["Statement"]


def as_list(value: Any) -> list[Any]:
    """A policy has a list, or its only element."""
    return value if isinstance(value, list) else [value]


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


# --- grants --------------------------------------------------------------------------------------


def no_action_is_a_wildcard(stacks: Stacks, settings: Settings) -> None:
    wild = {
        action
        for statement in policies(stacks)
        for action in as_list(statement["Action"])
        if "*" in action
    }

    assert wild == set()


def any_resource_only_where_aws_has_nothing_narrower(stacks: Stacks, settings: Settings) -> None:
    granted = {
        action
        for statement in policies(stacks)
        if "*" in as_list(statement["Resource"])
        for action in as_list(statement["Action"])
    }

    assert granted <= WITHOUT_RESOURCES


def pass_role_is_for_the_training_role_and_sagemaker_only(
    stacks: Stacks, settings: Settings
) -> None:
    statements = [
        statement
        for statement in policies(stacks)
        if "iam:PassRole" in as_list(statement["Action"])
    ]

    # on_event and is_complete
    assert len(statements) == 2 * len(resources(stacks, "Custom::TrainingJob"))
    for statement in statements:
        (logical_id, attribute) = statement["Resource"]["Fn::GetAtt"]
        assert logical_id.startswith("TrainingJobJobRole")
        assert attribute == "Arn"
        assert statement["Condition"] == {
            "StringEquals": {
                "iam:PassedToService": ["sagemaker.amazonaws.com", "sagemaker.amazonaws.com.cn"]
            }
        }


def no_role_has_a_policy_of_others(stacks: Stacks, settings: Settings) -> None:
    # AWSLambdaBasicExecutionRole, for one, may make any log group again after `cdk destroy`.
    managed = {
        logical_id
        for logical_id, role in resources(stacks, "AWS::IAM::Role").items()
        if "ManagedPolicyArns" in role["Properties"]
    }

    assert managed == set()


# --- storage -------------------------------------------------------------------------------------


def buckets_are_encrypted_private_and_tls_only(stacks: Stacks, settings: Settings) -> None:
    buckets = resources(stacks, "AWS::S3::Bucket")
    assert len(buckets) == 3
    for logical_id, bucket in buckets.items():
        assert bucket["Properties"]["BucketEncryption"], logical_id
        assert set(bucket["Properties"]["PublicAccessBlockConfiguration"].values()) == {True}
    denials = [
        statement["Condition"]
        for policy in resources(stacks, "AWS::S3::BucketPolicy").values()
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]
        if statement["Effect"] == "Deny"
    ]
    assert denials.count({"Bool": {"aws:SecureTransport": "false"}}) == 3


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
    for logical_id, machine in resources(stacks, "AWS::StepFunctions::StateMachine").items():
        if "waiterstatemachine" in logical_id:
            continue  # of CDK's provider framework
        _, parts = machine["Properties"]["DefinitionString"]["Fn::Join"]
        definition = json.loads("".join(part for part in parts if isinstance(part, str)))
        for name, state in _states(definition):
            if state["Type"] == "Task":
                assert [retry for retry in state.get("Retry", ()) if retry["MaxAttempts"]], name
                tasks += 1
    assert tasks >= 9


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
        for logical_id, machine in resources(
            {stack: template}, "AWS::StepFunctions::StateMachine"
        ).items():
            if "waiterstatemachine" in logical_id:
                continue  # of CDK's provider framework, which logs nothing
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


def sagemaker_may_log_and_no_more(stacks: Stacks, settings: Settings) -> None:
    """Each action where the service authorization reference has it, or denials of AWS do."""
    roles = {
        logical_id
        for logical_id, role in resources(stacks, "AWS::IAM::Role").items()
        if "sagemaker.amazonaws.com" in str(role["Properties"]["AssumeRolePolicyDocument"])
    }
    for policy in resources(stacks, "AWS::IAM::Policy").values():
        (role,) = policy["Properties"]["Roles"]
        if role["Ref"] not in roles:
            continue
        allowed: dict[str, set[tuple[str, str]]] = {}
        for statement in policy["Properties"]["PolicyDocument"]["Statement"]:
            for action, arn in product(
                as_list(statement["Action"]), as_list(statement["Resource"])
            ):
                if action.startswith("logs:"):
                    _, _, name = arn["Fn::Join"][1][-1].partition(":log-group:")
                    group, separator, stream = name.partition(":log-stream:")
                    allowed.setdefault(group, set()).add((action, separator + stream))
        assert allowed
        for actions in allowed.values():
            assert actions == {
                ("logs:CreateLogGroup", ""),
                ("logs:CreateLogGroup", ":log-stream:"),
                ("logs:DescribeLogStreams", ""),
                ("logs:DescribeLogStreams", ":log-stream:"),
                ("logs:CreateLogStream", ":log-stream:*"),
                ("logs:PutLogEvents", ":log-stream:*"),
            }


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
    what_assumes_a_role_waits_for_its_policy,
    what_changes_with_each_training_is_not_exported,
    no_log_group_is_exported,
    no_action_is_a_wildcard,
    any_resource_only_where_aws_has_nothing_narrower,
    pass_role_is_for_the_training_role_and_sagemaker_only,
    no_role_has_a_policy_of_others,
    buckets_are_encrypted_private_and_tls_only,
    one_switch_decides_what_outlives_the_stacks,
    every_task_is_tried_again,
    every_function_writes_to_a_log_group_of_its_stack,
    state_machines_log_all_but_the_pictures,
    sagemaker_may_log_and_no_more,
    every_function_of_ours_has_its_errors_watched,
    numbers_are_ordinary,
)
