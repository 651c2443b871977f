"""The assets that the CDK CLI publishes do not depend on the modes of the checkout."""

import io
import stat
import zipfile
from pathlib import Path

from localcloud.cdk import Cdk
from localcloud.launcher import LocalCloud
from tests.infrastructure.synthesis import ACCOUNT, REGION, write_assembly_elsewhere
from tests.local.deployment import pointed_at

BUCKET = f"cdk-hnb659fds-assets-{ACCOUNT}-{REGION}"
VERSION = "/cdk-bootstrap/hnb659fds/version"


def test_a_checkout_under_umask_077_publishes_what_lambda_can_read(
    cloud: LocalCloud, tmp_path: Path
) -> None:
    s3 = cloud.client("s3")
    s3.create_bucket(Bucket=BUCKET)
    cloud.client("ssm").put_parameter(Name=VERSION, Value="30", Type="String")
    cdk = Cdk(assembly=write_assembly_elsewhere(tmp_path), logs=tmp_path)

    with pointed_at(cloud):
        cdk.run("publish-assets", "--all", "--unstable=publish-assets", log="publish", say=print)

    modes = {}
    for item in s3.list_objects_v2(Bucket=BUCKET)["Contents"]:
        if item["Key"].endswith(".zip"):
            body = s3.get_object(Bucket=BUCKET, Key=item["Key"])["Body"].read()
            for member in zipfile.ZipFile(io.BytesIO(body)).infolist():
                modes[item["Key"], member.filename] = stat.filemode(member.external_attr >> 16)
    assert any(name.endswith("serialize_image/handler.py") for _, name in modes)
    assert set(modes.values()) == {"-rw-r--r--"}
