"""Reasons why a policy allows more than the table of calls asks for."""

from collections.abc import Iterable
from dataclasses import dataclass
from fnmatch import fnmatchcase

from tests.infrastructure.iam.account import Account
from tests.infrastructure.iam.calls import Call
from tests.infrastructure.iam.judging import Grant


@dataclass(frozen=True)
class Reason:
    """Patterns of holders, actions and resources, several with spaces between, and the reason.

    {Stack/LogicalId} in a pattern of resources is the ARN of that resource.
    """

    holders: str
    actions: str
    resources: str
    why: str

    def covers(self, permission: Call | Grant, account: Account) -> bool:
        """Return whether the reason is about this permission in the account."""
        return (
            _match(self.holders, permission.holder)
            and _match(self.actions, permission.action)
            and _match(self.resources.format_map(_Arns(account)), permission.resource)
        )


def covered(permission: Call | Grant, account: Account, reasons: Iterable[Reason]) -> bool:
    """Return whether any of the reasons is about this permission."""
    return any(reason.covers(permission, account) for reason in reasons)


def _match(patterns: str, value: str) -> bool:
    return any(fnmatchcase(value, pattern) for pattern in patterns.split())


@dataclass(frozen=True)
class _Arns:
    account: Account

    def __getitem__(self, name: str) -> str:
        return self.account.arn(name)


VERSIONS = "*:function:*:[*]"
LISTS = "Who may list the bucket gets 404 instead of 403 for an object that does not exist."
DATASETS = "Which dataset is staged is known at deployment only."
OWN_FOLDERS = "Each run has its own folder, which its functions and its state machine share."
AUTO_DELETE = "CDK's statement for its handler is about the bucket and its objects alike."

FRAMEWORKS = tuple(
    Reason(
        f"Training/TrainingJob{one}FrameworkRole",
        "lambda:InvokeFunction lambda:GetFunction",
        f"{{Training/TrainingJob{other}}}",
        "CDK grants each of the provider framework's roles both functions.",
    )
    for one, other in (("IsComplete", "OnEvent"), ("OnEvent", "IsComplete"))
)

# Grants that no call of the table needs.
UNUSED = (
    Reason("*", "lambda:InvokeFunction", VERSIONS, "CDK grants a function's versions with it."),
    *FRAMEWORKS,
    Reason(
        "arn:*:s3:::*",
        "s3:DeleteObject[*] s3:GetBucket[*] s3:List[*] s3:PutBucketPolicy",
        "{Storage/DataBucket}* {Storage/ArtifactBucket}* {Storage/CaptureBucket}*",
        AUTO_DELETE,
    ),
    Reason("arn:*:kms:*", "kms:[*]", "[*]", "Leaves the key to IAM, as KMS's default policy does."),
    Reason(
        "arn:*:kms:*",
        "kms:GenerateDataKey[*]",
        "[*]",
        "As AWS documents it for alarms on an encrypted topic.",
    ),
    Reason(
        "Inference/ImageEndpointModelRole",
        "logs:*",
        "arn:*:log-group:/aws/sagemaker/Endpoints/scones-*",
        "CloudFormation deletes an endpoint that is switched off after it has updated the role: "
        "its last lines are written in between.",
    ),
)

# Forbidden calls that are allowed nevertheless: they fall within a grant that is needed.
ALLOWED_NEVERTHELESS = (
    Reason(
        "Storage/CustomS3AutoDeleteObjectsCustomResourceProviderRole",
        "s3:DeleteObject s3:DeleteObjectVersion s3:ListMultipartUploadParts",
        "{Storage/DataBucket}/* {Storage/ArtifactBucket}/* {Storage/CaptureBucket}/*",
        "It empties each of the three buckets before it is deleted.",
    ),
    Reason(
        "Storage/CustomS3AutoDeleteObjectsCustomResourceProviderRole",
        "s3:ListBucket",
        "{Storage/DataBucket} {Storage/ArtifactBucket} {Storage/CaptureBucket}",
        "It empties each of the three buckets before it is deleted.",
    ),
    Reason(
        "Workflow/SerializeImageRole Workflow/ClassifyImageRole Inference/ImageEndpointModelRole "
        "Batch/BulkClassificationClassifyBatchRole Batch/BulkClassificationStateMachineRole",
        "s3:GetObject",
        "{Storage/DataBucket}/*",
        "Pictures, and manifests of them, may be anywhere in the data bucket.",
    ),
    Reason(
        "Training/TrainingJobJobRole Monitoring/ModelBaselineOnEventRole",
        "s3:GetObject",
        "{Storage/DataBucket}/datasets/*",
        DATASETS,
    ),
    Reason(
        "Training/TrainingJobJobRole Training/TrainingJobOnEventRole "
        "Training/TrainingJobIsCompleteRole Workflow/SerializeImageRole Workflow/ClassifyImageRole "
        "Batch/BatchTransformCheckManifestRole Batch/BatchTransformWritePredictionsRole "
        "Batch/BulkClassificationClassifyBatchRole Batch/BulkClassificationStateMachineRole "
        "Monitoring/ModelBaselineOnEventRole",
        "s3:ListBucket",
        "{Storage/DataBucket}",
        LISTS,
    ),
    Reason(
        "Training/TrainingJobOnEventRole Batch/BulkClassificationClassifyBatchRole "
        "Batch/BulkClassificationSummarizeBulkRole Monitoring/ModelBaselineOnEventRole "
        "Monitoring/DriftDetectorFunctionRole",
        "s3:ListBucket",
        "{Storage/ArtifactBucket}",
        LISTS,
    ),
    Reason(
        "Inference/ImageEndpointModelRole Batch/BatchTransformCheckManifestRole "
        "Batch/BatchTransformWritePredictionsRole",
        "s3:PutObject",
        "{Storage/DataBucket}/batch/output/*",
        OWN_FOLDERS,
    ),
    Reason(
        "Batch/BatchTransformWritePredictionsRole",
        "s3:GetObject",
        "{Storage/DataBucket}/batch/output/*",
        OWN_FOLDERS,
    ),
    Reason(
        "Batch/BulkClassification*Role",
        "s3:GetObject s3:PutObject",
        "{Storage/ArtifactBucket}/bulk/*",
        OWN_FOLDERS,
    ),
    Reason(
        "Batch/BulkClassificationSummarizeBulkRole Batch/BulkClassificationStateMachineRole",
        "s3:AbortMultipartUpload",
        "{Storage/ArtifactBucket}/bulk/*",
        OWN_FOLDERS,
    ),
    Reason(
        "Monitoring/ModelBaselineOnEventRole",
        "s3:DeleteObject",
        "{Storage/ArtifactBucket}/baselines/*",
        "A baseline is named by the hash of its inputs.",
    ),
    *FRAMEWORKS,
)
