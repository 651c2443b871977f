"""What functions weigh, and how long their modules take to import."""

import importlib.metadata
import re
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import boto3

from benchmarks.comparator.workflow import HANDLERS, STEPS
from benchmarks.rows import Row
from localcloud.environment import PROJECT, REGION

OURS = ("serialize_image", "classify_image", "filter_confidence")
SDK = "sagemaker-core"
SDK_IMPORT = "from sagemaker.core.resources import Endpoint"
IN_THE_RUNTIME = frozenset(
    {"boto3", "botocore", "jmespath", "python-dateutil", "s3transfer", "six", "urllib3"}
)
"""What AWS's Python runtime brings along, and no package has to."""

IMPORT = """
import sys, time
sys.path.insert(0, {folder!r})
start = time.perf_counter()
{statement}
print(time.perf_counter() - start)
"""

ENVIRONMENT = {
    "AWS_DEFAULT_REGION": REGION,
    "AWS_REGION": REGION,
    "CLASSES": "bicycle,motorcycle",
    "CONFIDENCE_THRESHOLD": "0.93",
    "ENDPOINT_NAME": "scones-dev",
    "REJECTION_STYLE": "status",
}


def rows(ours: Sequence[str], theirs: Sequence[str], *, repeats: int) -> list[Row]:
    """Packages and imports of the deployed functions; names in the order of the steps."""
    result = [
        Row(
            what="packages of the three functions",
            unit="bytes",
            ours=[sum(map(code_bytes, ours))],
            theirs=[sum(map(code_bytes, theirs))],
        )
    ]
    for name, step in zip(OURS, STEPS, strict=True):
        our_folder = PROJECT / "lambda_src" / name
        result.append(
            Row(
                what=f"import of {name}",
                unit="ms",
                ours=import_ms("import handler", folder=our_folder, repeats=repeats),
                theirs=import_ms(f"import {STEPS[step]}", folder=HANDLERS, repeats=repeats),
            )
        )
    alone = import_ms("import boto3", folder=HANDLERS, repeats=repeats)
    result.append(Row(what="import of boto3 alone", unit="ms", ours=alone, theirs=alone))
    return result + sdk_rows(repeats=repeats)


def sdk_rows(*, repeats: int) -> list[Row]:
    """The variant that calls the endpoint by the SageMaker SDK, where that is installed."""
    try:
        size = installed_bytes(SDK)
    except importlib.metadata.PackageNotFoundError:
        return []
    folder = PROJECT / "lambda_src" / "classify_image"
    return [
        Row(
            what=f"classify_image, with {SDK} instead: package, unzipped",
            unit="bytes",
            ours=[sum(file.stat().st_size for file in folder.glob("*.py"))],
            theirs=[size],
        ),
        Row(
            what=f"classify_image, with {SDK} instead: import",
            unit="ms",
            ours=import_ms("import handler", folder=folder, repeats=repeats),
            theirs=import_ms(SDK_IMPORT, folder=folder, repeats=repeats),
        ),
    ]


def code_bytes(function: str) -> int:
    """Size of a deployed function's zip file."""
    client = boto3.client("lambda")
    return client.get_function_configuration(FunctionName=function)["CodeSize"]


def import_ms(statement: str, *, folder: Path, repeats: int) -> list[float]:
    """Milliseconds of an import in a process of its own; a first one warms the disk's cache."""
    code = IMPORT.format(folder=str(folder), statement=statement)
    measured = [
        1000
        * float(
            subprocess.run(
                [sys.executable, "-c", code],
                env=ENVIRONMENT,
                capture_output=True,
                text=True,
                check=True,
            ).stdout
        )
        for _ in range(repeats + 1)
    ]
    return measured[1:]


def installed_bytes(distribution: str) -> int:
    """Size of a distribution with all that it needs and AWS's runtime lacks.

    Raises:
        importlib.metadata.PackageNotFoundError: it is not installed.
    """
    sizes: dict[str, int] = {}
    waiting = [distribution]
    while waiting:
        name = waiting.pop()
        if name in sizes or name in IN_THE_RUNTIME:
            continue
        found = importlib.metadata.distribution(name)
        files = (Path(str(file.locate())) for file in found.files or ())
        sizes[name] = sum(file.stat().st_size for file in files if file.is_file())
        waiting.extend(_needs(found))
    return sum(sizes.values())


def _needs(distribution: importlib.metadata.Distribution) -> list[str]:
    """Names of what a distribution requires here; extras and other systems' are left out."""
    names = []
    for requirement in distribution.requires or ():
        name, _, marker = requirement.partition(";")
        name = re.split(r"[^A-Za-z0-9._-]", name.strip())[0].lower().replace("_", "-")
        if "extra" not in marker and _is_installed(name):
            names.append(name)
    return names


def _is_installed(name: str) -> bool:
    try:
        importlib.metadata.distribution(name)
    except importlib.metadata.PackageNotFoundError:
        return False
    return True
