"""The assets that the CDK CLI publishes do not depend on the modes of the checkout."""

import io
import stat
import zipfile

from tests.infrastructure.synthesis import ACCOUNT, REGION
from tests.local.deployment import Deployment

BUCKET = f"cdk-hnb659fds-assets-{ACCOUNT}-{REGION}"


def test_a_checkout_under_umask_077_publishes_what_lambda_can_read(deployment: Deployment) -> None:
    s3 = deployment.cloud.client("s3")

    modes = {}
    for item in s3.list_objects_v2(Bucket=BUCKET)["Contents"]:
        if item["Key"].endswith(".zip"):
            body = s3.get_object(Bucket=BUCKET, Key=item["Key"])["Body"].read()
            for member in zipfile.ZipFile(io.BytesIO(body)).infolist():
                modes[item["Key"], member.filename] = stat.filemode(member.external_attr >> 16)
    assert any(name.endswith("serialize_image/handler.py") for _, name in modes)
    assert set(modes.values()) == {"-rw-r--r--"}
