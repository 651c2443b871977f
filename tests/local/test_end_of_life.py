"""What the first environment leaves when it is destroyed: the last test of all."""

from concurrent.futures import ThreadPoolExecutor

from localcloud.demo.leftovers import leftovers
from tests.local.deployment import Deployment

ODD_KEYS = (
    "bay/\x01.png",
    "bay/../\x02.png",
    "\ufffe",
    "week 28/",
    "week #1.png",
    "/lead.png",
    "bay//double.png",
    "two\r\nlines.png",
    "..",
    "100% <&>.png",
)


def test_destroy_after_thousands_of_captures_and_odd_keys_leaves_nothing(
    deployment: Deployment,
) -> None:
    s3 = deployment.cloud.client("s3")
    bucket = deployment.outputs("Storage")["CaptureBucketName"]

    def put(number: int) -> None:
        s3.put_object(Bucket=bucket, Key=f"captures/{number:04}.jsonl", Body=b"{}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(put, range(2000)))  # more than one page, and one request, of S3

    s3.put_bucket_versioning(
        Bucket=deployment.data_bucket, VersioningConfiguration={"Status": "Enabled"}
    )
    for key in ODD_KEYS:
        for name in (bucket, deployment.data_bucket, deployment.data_bucket):
            s3.put_object(Bucket=name, Key=key, Body=b"{}")
    s3.delete_object(Bucket=deployment.data_bucket, Key=ODD_KEYS[0])

    deployment.cdk("destroy", "--all", "--force")

    assert leftovers() == []
    scaling = deployment.cloud.client("application-autoscaling")
    assert scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"] == []
