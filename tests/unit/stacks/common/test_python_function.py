"""What is in the asset of a function."""

from pathlib import Path

import aws_cdk as cdk
import pytest

from settings.loader import validate
from stacks.constructs.common.python_function import LAMBDA_SRC, PythonFunction


@pytest.mark.parametrize(
    ("imports", "folders"),
    [((), ["drift_detector"]), (["classify_image"], ["classify_image", "drift_detector"])],
)
def test_the_asset_has_the_sources_of_its_folders_and_the_shared_ones(
    tmp_path: Path, imports: list[str], folders: list[str]
) -> None:
    app = cdk.App(outdir=str(tmp_path))
    function = PythonFunction(
        cdk.Stack(app),
        "Function",
        settings=validate({}, environment="test", source="a test"),
        folder="drift_detector",
        module="baseline_resource",
        handler="on_event",
        imports=imports,
        timeout=cdk.Duration.minutes(1),
    )
    app.synth()

    cfn = function.node.default_child
    assert isinstance(cfn, cdk.aws_lambda.CfnFunction)
    assert cfn.handler == "lambda_src.drift_detector.baseline_resource.on_event"
    (asset,) = tmp_path.glob("asset.*")
    files = {path.relative_to(asset) for path in asset.rglob("*") if path.is_file()}
    assert files == {
        path.relative_to(LAMBDA_SRC.parent)
        for folder in (*folders, "shared")
        for path in (LAMBDA_SRC / folder).glob("*.py")
    }
