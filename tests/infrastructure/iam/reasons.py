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

BUCKETS = "{Storage/DataBucket} {Storage/ArtifactBucket} {Storage/CaptureBucket}"
OBJECTS = "{Storage/DataBucket}/* {Storage/ArtifactBucket}/* {Storage/CaptureBucket}/*"
TRANSFORMS = "{Storage/DataBucket}/batch/output/*"
BULK_RUNS = "{Storage/ArtifactBucket}/bulk/*"
BASELINES = "{Storage/ArtifactBucket}/baselines/*"

EMPTYING = "Storage/CustomS3AutoDeleteObjectsCustomResourceProviderRole"
EMPTIES = "It empties each of the three buckets before it is deleted."
JOB, ON_EVENT = "Training/TrainingJobJobRole", "Training/TrainingJobOnEventRole"
STEPS = "Workflow/SerializeImageRole Workflow/ClassifyImageRole"
MODEL, BASELINE = "Inference/ImageEndpointModelRole", "Monitoring/ModelBaselineOnEventRole"
TRANSFORM = "Batch/BatchTransformCheckManifestRole Batch/BatchTransformWritePredictionsRole"
WRITE = "Batch/BatchTransformWritePredictionsRole"
CLASSIFY, SUMMARIZE, BULK = (
    f"Batch/BulkClassification{each}Role"
    for each in ("ClassifyBatch", "SummarizeBulk", "StateMachine")
)
READ_DATA = (
    f"{JOB} {ON_EVENT} Training/TrainingJobIsCompleteRole {STEPS} {TRANSFORM} {CLASSIFY} {BULK}"
)
READ_RESULTS = f"{ON_EVENT} {CLASSIFY} {SUMMARIZE} {BASELINE} Monitoring/DriftDetectorFunctionRole"
PICTURES = "Pictures, and manifests of them, may be anywhere in the data bucket."
DELETE = "s3:DeleteObject s3:DeleteObjectVersion s3:ListMultipartUploadParts"

# Forbidden calls that are allowed nevertheless: they fall within a grant that is needed.
ALLOWED_NEVERTHELESS = (
    Reason(EMPTYING, DELETE, OBJECTS, EMPTIES),
    Reason(EMPTYING, "s3:ListBucket", BUCKETS, EMPTIES),
    Reason(
        f"{STEPS} {MODEL} {CLASSIFY} {BULK}", "s3:GetObject", "{Storage/DataBucket}/*", PICTURES
    ),
    Reason(f"{JOB} {BASELINE}", "s3:GetObject", "{Storage/DataBucket}/datasets/*", DATASETS),
    Reason(f"{READ_DATA} {BASELINE}", "s3:ListBucket", "{Storage/DataBucket}", LISTS),
    Reason(READ_RESULTS, "s3:ListBucket", "{Storage/ArtifactBucket}", LISTS),
    Reason(f"{MODEL} {TRANSFORM}", "s3:PutObject", TRANSFORMS, OWN_FOLDERS),
    Reason(WRITE, "s3:GetObject", TRANSFORMS, OWN_FOLDERS),
    Reason("Batch/BulkClassification*Role", "s3:GetObject s3:PutObject", BULK_RUNS, OWN_FOLDERS),
    Reason(f"{SUMMARIZE} {BULK}", "s3:AbortMultipartUpload", BULK_RUNS, OWN_FOLDERS),
    Reason(BASELINE, "s3:DeleteObject", BASELINES, "A baseline is named by its inputs' hash."),
    *FRAMEWORKS,
)
