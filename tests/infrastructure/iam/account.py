"""An account with the stacks of one configuration: ARNs, and the policies with them filled in."""

import re
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from settings import Settings
from tests.infrastructure.synthesis import synthesize

ACCOUNT = "111122223333"
OTHER_ACCOUNT = "444455556666"

Statement = dict[str, Any]

ARNS = {
    "AWS::Events::Rule": "events:{region}:{account}:rule/{name}",
    "AWS::IAM::Role": "iam::{account}:role/{name}",
    "AWS::KMS::Key": "kms:{region}:{account}:key/{name}",
    "AWS::Lambda::Function": "lambda:{region}:{account}:function:{name}",
    "AWS::Logs::LogGroup": "logs:{region}:{account}:log-group:{name}:*",
    "AWS::S3::Bucket": "s3:::{name}",
    "AWS::SNS::Topic": "sns:{region}:{account}:{name}",
    "AWS::StepFunctions::StateMachine": "states:{region}:{account}:stateMachine:{name}",
}
REF_IS_ARN = {"AWS::SNS::Topic", "AWS::StepFunctions::StateMachine"}
GRANTING = {  # all types of resources that hold policies; any other is refused
    "AWS::IAM::Policy",
    "AWS::IAM::Role",
    "AWS::KMS::Key",
    "AWS::Lambda::Permission",
    "AWS::S3::BucketPolicy",
    "AWS::SNS::TopicPolicy",
}


@dataclass(frozen=True)
class Account:
    """The stacks in one region, with names such as CloudFormation makes up."""

    settings: Settings
    region: str = "us-east-1"

    @property
    def partition(self) -> str:
        """Partition of the region."""
        return "aws-cn" if self.region.startswith("cn-") else "aws"

    @property
    def domain(self) -> str:
        """Suffix of the region's host names."""
        return "amazonaws.com.cn" if self.partition == "aws-cn" else "amazonaws.com"

    @cached_property
    def _templates(self) -> dict[str, dict[str, Any]]:
        templates = synthesize(self.settings)
        return {stack: dict(template.to_json()) for stack, template in templates.items()}

    @cached_property
    def _exports(self) -> dict[str, Any]:
        return {
            output["Export"]["Name"]: self._filled(stack, output["Value"])
            for stack, template in self._templates.items()
            for output in template.get("Outputs", {}).values()
            if "Export" in output
        }

    # --- names -----------------------------------------------------------------------------------

    def format_arn(self, path: str, **names: str) -> str:
        """Return the ARN whose part behind the partition is `path`, filled in by name."""
        filled = path.format(region=self.region, account=ACCOUNT, **names)
        return f"arn:{self.partition}:{filled}"

    def arns(self, type_: str) -> dict[str, str]:
        """Return the ARNs of all resources of a type by "Stack/LogicalId" without the hash."""
        return {name: arn for (name, found), arn in self._arns.items() if found == type_}

    def arn(self, name: str) -> str:
        """Return the ARN of the resource "Stack/LogicalId"."""
        return self._by_name[name]

    @cached_property
    def _by_name(self) -> dict[str, str]:
        return {name: arn for (name, _), arn in self._arns.items()}

    @cached_property
    def _arns(self) -> dict[tuple[str, str], str]:
        return {
            (f"{stack}/{_readable(logical_id)}", resource["Type"]): self._arn(stack, logical_id)
            for stack, logical_id, resource in self._resources()
            if resource["Type"] in ARNS
        }

    def _resources(self) -> Iterator[tuple[str, str, dict[str, Any]]]:
        for stack, template in self._templates.items():
            for logical_id, resource in template["Resources"].items():
                yield stack, logical_id, resource

    def _arn(self, stack: str, logical_id: str) -> str:
        type_ = self._templates[stack]["Resources"][logical_id]["Type"]
        name = self._physical_name(stack, logical_id)
        return self.format_arn(ARNS[type_], name=name)

    def _physical_name(self, stack: str, logical_id: str) -> str:
        resource = self._templates[stack]["Resources"][logical_id]
        name = f"{self.settings.stack_name(stack)}-{logical_id}"
        match resource["Type"]:
            case "AWS::S3::Bucket":
                return name.lower()
            case "AWS::SSM::Parameter":
                return str(resource["Properties"]["Name"])
            case "AWS::KMS::Key":
                return "0b1c2d3e-0123-4567-89ab-0123456789ab"
        return name

    # --- policies --------------------------------------------------------------------------------

    @cached_property
    def identity_policies(self) -> dict[str, list[Statement]]:
        """Statements by role, named as in `arns`."""
        found: dict[str, list[Statement]] = {name: [] for name in self.arns("AWS::IAM::Role")}
        for stack, logical_id, resource in self._resources():
            type_, properties = resource["Type"], resource.get("Properties", {})
            assert type_ in GRANTING or "PolicyDocument" not in properties, f"{type_}: not read"
            if type_ == "AWS::IAM::Role":
                assert "ManagedPolicyArns" not in properties, f"{logical_id}: a managed policy"
                for policy in properties.get("Policies", []):
                    document = self._filled(stack, policy["PolicyDocument"])
                    found[f"{stack}/{_readable(logical_id)}"] += document["Statement"]
            if type_ == "AWS::IAM::Policy":
                for role in properties["Roles"]:
                    document = self._filled(stack, properties["PolicyDocument"])
                    found[f"{stack}/{_readable(role['Ref'])}"] += document["Statement"]
        return found

    @cached_property
    def resource_policies(self) -> dict[str, list[Statement]]:
        """Statements by ARN of the bucket, topic, key or function, or of the role to assume."""
        found: dict[str, list[Statement]] = defaultdict(list)
        for stack, logical_id, resource in self._resources():
            properties = resource.get("Properties", {})
            match resource["Type"]:
                case "AWS::S3::BucketPolicy":
                    bucket = self._filled(stack, properties["Bucket"])
                    where, document = self.format_arn(f"s3:::{bucket}"), "PolicyDocument"
                case "AWS::SNS::TopicPolicy":
                    (topic,) = properties["Topics"]
                    where, document = self._filled(stack, topic), "PolicyDocument"
                case "AWS::KMS::Key":
                    where, document = self._arn(stack, logical_id), "KeyPolicy"
                case "AWS::IAM::Role":
                    where, document = self._arn(stack, logical_id), "AssumeRolePolicyDocument"
                case "AWS::Lambda::Permission":
                    filled = self._filled(stack, properties)
                    found[filled["FunctionName"]].append(_as_statement(filled))
                    continue
                case _:
                    continue
            found[where] += self._filled(stack, properties[document])["Statement"]
        return dict(found)

    # --- intrinsic functions ---------------------------------------------------------------------

    def _filled(self, stack: str, value: Any) -> Any:
        """Return the value with what CloudFormation would put in place of its functions."""

        def fill(inner: Any) -> Any:
            return self._filled(stack, inner)

        match value:
            case {"Ref": name}:
                return self._ref(stack, name)
            case {"Fn::GetAtt": [logical_id, "Arn"]}:
                return self._arn(stack, logical_id)
            case {"Fn::GetAtt": [logical_id, "Name" | "TopicName"]}:
                return self._physical_name(stack, logical_id)
            case {"Fn::Join": [separator, parts]}:
                return separator.join(map(fill, fill(parts)))
            case {"Fn::Split": [separator, text]}:
                return fill(text).split(separator)
            case {"Fn::Select": [index, values]}:
                return fill(values)[index]
            case {"Fn::ImportValue": name}:
                return self._exports[name]
            case {"Fn::FindInMap": [name, first, second]}:
                return self._templates[stack]["Mappings"][name][fill(first)][fill(second)]
            case dict() if any(str(key).startswith("Fn::") for key in value):
                raise NotImplementedError(f"{stack}: no value for {value}")
            case dict():
                return {key: fill(inner) for key, inner in value.items()}
            case list():
                return [fill(inner) for inner in value]
        return value

    def _ref(self, stack: str, name: str) -> str:
        pseudo = {
            "AWS::AccountId": ACCOUNT,
            "AWS::Partition": self.partition,
            "AWS::Region": self.region,
            "AWS::URLSuffix": self.domain,
        }
        if name in pseudo:
            return pseudo[name]
        template = self._templates[stack]
        if name in template.get("Parameters", {}):
            return self._parameter(template["Parameters"][name]["Default"])
        if template["Resources"][name]["Type"] in REF_IS_ARN:
            return self._arn(stack, name)
        return self._physical_name(stack, name)

    def _parameter(self, name: str) -> str:
        """Return the value of an SSM parameter of the stacks."""
        (value,) = (
            self._filled(stack, resource["Properties"]["Value"])
            for stack, _, resource in self._resources()
            if resource["Type"] == "AWS::SSM::Parameter" and resource["Properties"]["Name"] == name
        )
        return str(value)


def _readable(logical_id: str) -> str:
    return re.sub(r"[0-9A-F]{8}$", "", logical_id)


def _as_statement(permission: dict[str, Any]) -> Statement:
    return {
        "Effect": "Allow",
        "Principal": {"Service": permission["Principal"]},
        "Action": permission["Action"],
        "Resource": permission["FunctionName"],
        "Condition": {"ArnLike": {"aws:SourceArn": permission["SourceArn"]}},
    }
