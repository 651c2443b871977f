"""What the first environment leaves when it is destroyed: the last test of all."""

from concurrent.futures import ThreadPoolExecutor

from demo.leftovers import leftovers
from tests.local.deployment import Deployment


def test_destroy_after_thousands_of_captures_leaves_nothing(deployment: Deployment) -> None:
    s3 = deployment.cloud.client("s3")
    bucket = deployment.outputs("Storage")["CaptureBucketName"]

    def put(number: int) -> None:
        s3.put_object(Bucket=bucket, Key=f"captures/{number:04}.jsonl", Body=b"{}")

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(put, range(2000)))  # more than one page, and one request, of S3

    deployment.cdk("destroy", "--all", "--force")

    assert leftovers() == []
    scaling = deployment.cloud.client("application-autoscaling")
    assert scaling.describe_scalable_targets(ServiceNamespace="sagemaker")["ScalableTargets"] == []
