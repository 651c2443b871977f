"""What functions weigh, and how long their modules take to import."""

import importlib.metadata
import io
import re
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import urllib3

from account import session
from benchmarks.rows import Row
from localcloud.environment import REGION

CLIENTS = {
    "boto3": "import boto3; boto3.client('s3')",
    "botocore": "import botocore.session; botocore.session.get_session().create_client('s3')",
}
"""Two ways to a client of S3; boto3 is made of botocore."""
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


@dataclass(frozen=True)
class Package:
    """A deployed function's code, unpacked."""

    folder: Path
    zipped_bytes: int
    module: str
    environment: Mapping[str, str]

    @property
    def unzipped_bytes(self) -> int:
        """Size of its files."""
        return folder_bytes(self.folder)

    def import_ms(self, repeats: int) -> list[float]:
        """Milliseconds of importing the handler's module."""
        statement = f"import importlib; importlib.import_module({self.module!r})"
        return import_ms(statement, self.folder, self.environment, repeats=repeats)


def rows(ours: Mapping[str, str], theirs: Mapping[str, str], *, repeats: int) -> list[Row]:
    """Packages and imports of the deployed functions, by step."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        our, their = (
            {step: unpack(function, folder / way / step) for step, function in functions.items()}
            for way, functions in (("ours", ours), ("theirs", theirs))
        )
        alone = import_ms("import boto3", folder, {}, repeats=repeats)
        return [
            Row(
                what="packages of the three functions",
                unit="bytes",
                ours=[sum(package.zipped_bytes for package in our.values())],
                theirs=[sum(package.zipped_bytes for package in their.values())],
            ),
            *(
                Row(
                    what=f"import of the function: {step}",
                    unit="ms",
                    ours=our[step].import_ms(repeats),
                    theirs=their[step].import_ms(repeats),
                )
                for step in our
            ),
            Row(what="import of boto3 alone", unit="ms", ours=alone, theirs=alone),
            client_row(folder, repeats=repeats),
            *sdk_rows(our["Classify"], repeats=repeats),
        ]


def unpack(function: str, folder: Path) -> Package:
    """The function as it is deployed, below `folder`."""
    described = session().client("lambda").get_function(FunctionName=function)
    configuration = described["Configuration"]
    content = urllib3.request("GET", described["Code"]["Location"]).data
    zipfile.ZipFile(io.BytesIO(content)).extractall(folder)
    return Package(
        folder=folder,
        zipped_bytes=configuration["CodeSize"],
        module=configuration["Handler"].rpartition(".")[0].replace("/", "."),
        environment=configuration.get("Environment", {}).get("Variables", {}),
    )


def client_row(folder: Path, *, repeats: int) -> Row:
    """What a function would save that did without boto3, in turns."""
    times: dict[str, list[float]] = {name: [] for name in CLIENTS}
    for _ in range(repeats):
        for name, statement in CLIENTS.items():
            times[name] += import_ms(statement, folder, {}, repeats=1)
    return Row(
        what="import and client of S3: by boto3, beside botocore alone",
        unit="ms",
        ours=times["boto3"],
        theirs=times["botocore"],
    )


def sdk_rows(classify: Package, *, repeats: int) -> list[Row]:
    """The variant that calls the endpoint by the SageMaker SDK, where that is installed."""
    try:
        size = installed_bytes(SDK)
    except importlib.metadata.PackageNotFoundError:
        return []
    return [
        Row(
            what=f"Classify, beside {SDK} alone: package, unzipped",
            unit="bytes",
            ours=[classify.unzipped_bytes],
            theirs=[size],
        ),
        Row(
            what=f"Classify, beside {SDK} alone: import",
            unit="ms",
            ours=classify.import_ms(repeats),
            theirs=import_ms(SDK_IMPORT, classify.folder, {}, repeats=repeats),
        ),
    ]


def import_ms(
    statement: str, folder: Path, environment: Mapping[str, str], *, repeats: int
) -> list[float]:
    """Milliseconds of an import in a process of its own; a first one warms the disk's cache."""
    code = IMPORT.format(folder=str(folder), statement=statement)
    measured = [
        1000
        * float(
            subprocess.run(
                [sys.executable, "-c", code],
                env={
                    "AWS_DEFAULT_REGION": REGION,
                    "AWS_REGION": REGION,
                    # A client looks for credentials, which a function has in its environment.
                    "AWS_EC2_METADATA_DISABLED": "true",
                    **environment,
                },
                capture_output=True,
                text=True,
                check=True,
            ).stdout
        )
        for _ in range(repeats + 1)
    ]
    return measured[1:]


def folder_bytes(folder: Path) -> int:
    """Size of the files in a folder, at any depth."""
    return sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())


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
