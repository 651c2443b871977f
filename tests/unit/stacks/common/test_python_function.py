"""What is in the asset of a function."""

from pathlib import Path

import aws_cdk as cdk
import pytest

from settings.loader import validate
from stacks.constructs.common.python_function import LAMBDA_SRC, PythonFunction


@pytest.mark.parametrize(
    ("folder", "module", "handler", "below"),
    [
        ("serialize_image", None, "handler.lambda_handler", ""),
        (
            "drift_detector",
            "handler",
            "lambda_src.drift_detector.handler.lambda_handler",
            "lambda_src/drift_detector",
        ),
    ],
)
def test_the_asset_has_the_sources_of_one_folder(
    tmp_path: Path, folder: str, module: str | None, handler: str, below: str
) -> None:
    app = cdk.App(outdir=str(tmp_path))
    function = PythonFunction(
        cdk.Stack(app),
        "Function",
        settings=validate({}, environment="test", source="a test"),
        folder=folder,
        package_module=module,
        timeout=cdk.Duration.minutes(1),
    )
    app.synth()

    cfn = function.node.default_child
    assert isinstance(cfn, cdk.aws_lambda.CfnFunction)
    assert cfn.handler == handler
    (asset,) = tmp_path.glob("asset.*")
    files = {path.relative_to(asset) for path in asset.rglob("*") if path.is_file()}
    assert files == {Path(below, path.name) for path in (LAMBDA_SRC / folder).glob("*.py")}
