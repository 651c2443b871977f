"""Stage the pictures that the model learns from.

From Python:

>>> from operations import staging
>>> from settings import load
>>> from training import source
>>> staging.run(load("dev"), source.real()).prefix  # doctest: +SKIP
'datasets/db8442eb73a57505ad05'
"""

import json
from collections import Counter
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from botocore.config import Config
from botocore.handlers import add_expect_header
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from lambda_src.drift_detector.validation_pictures import shortage
from operations.aws import errors_in_words, session, stack_output
from settings import Settings
from training import dataset, source

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

STORAGE_STACK = "Storage"
BUCKET_OUTPUT = "DataBucketName"
WORKERS = 16

_CONTENT_TYPES = {
    ".png": "image/png",
    ".lst": "text/tab-separated-values",
    ".json": "application/json",
}
_CONFIG = Config(
    # One connection a worker, or they would wait for each other.
    max_pool_connections=WORKERS,
    retries={"mode": "standard", "max_attempts": 5},
    # Small files cost what their requests cost. Without a checksum, botocore signs the SHA-256 of
    # the content instead, which S3 compares as well; without a name, it composes a description of
    # this machine for every request.
    request_checksum_calculation="when_required",
    user_agent="scones-staging",
)


@dataclass(frozen=True)
class Upload:
    """A dataset in the data bucket, which the next deployment uses."""

    digest: str
    bucket: str
    prefix: str
    """`datasets/<digest>`, the value of the SSM parameter."""
    uploaded: int
    """Files that were missing in the bucket."""
    pointer_moved: bool
    """True if the SSM parameter named another dataset before."""


@dataclass(frozen=True)
class StagedPictures:
    """The pictures of the dataset in S3."""

    source: str
    """"cifar-100" or "drawn"."""
    train: int
    """Pictures in train.lst."""
    ground_truth: dict[str, str]
    """Class name by S3 key of each picture in validation.lst, in its order."""


def run(
    settings: Settings,
    pictures: source.Source,
    *,
    folder: Path | None = None,
    console: Console,
) -> Upload:
    """Select, check, show and upload the pictures, and point the deployment at them.

    Skips what is done already. With `folder`, also writes them below it. Raises StagingError if
    the pictures are refused.
    """
    selected = prepare(settings, pictures, folder=folder, console=console)
    bucket = data_bucket(settings)
    done = Upload(
        digest=selected.digest,
        bucket=bucket,
        prefix=selected.prefix,
        uploaded=upload(selected, bucket, console=console),
        pointer_moved=point(settings, selected),
    )
    where, parameter = f"s3://{bucket}/{done.prefix}", settings.dataset_parameter
    if not done.uploaded and not done.pointer_moved:
        message = f"Nothing to do: {where} is complete, and {parameter} points at it."
    else:
        pointer = "now points" if done.pointer_moved else "points"
        message = f"Uploaded {done.uploaded} files to {where}; {parameter} {pointer} at it."
    console.print(message, soft_wrap=True)
    return done


def prepare(
    settings: Settings,
    pictures: source.Source,
    *,
    folder: Path | None = None,
    console: Console,
) -> dataset.Dataset:
    """Do the part of `run` that needs no AWS: select, check, show and, if asked, write."""
    selected = dataset.build(pictures, settings.dataset.classes)
    console.print(f"Source: {_origin(pictures)}", soft_wrap=True)
    console.print(_summary(selected))
    if lacking := baseline_shortage(selected.counts["validation"], settings):
        console.print(f"Warning: {lacking}", soft_wrap=True)
    if folder:
        console.print(f"Written to {dataset.write(selected, folder)}", soft_wrap=True)
    return selected


def baseline_shortage(validation: Mapping[str, int], settings: Settings) -> str | None:
    """Return which class lacks validation pictures for the drift detector's baseline, and a remedy.

    `validation` is the number of pictures by class, in the order of the classes. Without a drift
    detector any number is enough.
    """
    if not settings.detects_drift:
        return None
    lacking = shortage(list(validation), list(validation.values()), settings.traffic_shares)
    if lacking is None:
        return None
    return f"{lacking}; stage more, or set drift.enabled = false, or the monitoring stack will fail"


def read_staged(settings: Settings) -> StagedPictures:
    """Return the dataset that the SSM parameter points at."""
    bucket = data_bucket(settings)
    with errors_in_words():
        ssm, s3 = session().client("ssm"), session().client("s3")
        prefix = ssm.get_parameter(Name=settings.dataset_parameter)["Parameter"]["Value"]

        def text(name: str) -> str:
            content: bytes = s3.get_object(Bucket=bucket, Key=f"{prefix}/{name}")["Body"].read()
            return content.decode()

        manifest = json.loads(text(dataset.MANIFEST))
        rows = [line.split("\t") for line in text("validation.lst").splitlines()]
        return StagedPictures(
            source=manifest["source"],
            train=len(text("train.lst").splitlines()),
            ground_truth={
                f"{prefix}/validation/{path}": manifest["classes"][int(label)]
                for _, label, path in rows
            },
        )


def data_bucket(settings: Settings) -> str:
    """Return the name of the data bucket."""
    return stack_output(settings, STORAGE_STACK, BUCKET_OUTPUT)


def upload(selected: dataset.Dataset, bucket: str, *, console: Console | None = None) -> int:
    """Upload the files that the bucket lacks, the manifest last; return how many those were."""
    with errors_in_words():
        s3 = session().client("s3", config=_CONFIG)
        # "Expect: 100-continue" costs a round trip, as long as the picture itself.
        s3.meta.events.unregister("before-call.s3", add_expect_header)
        present = _sizes(s3, bucket, f"{selected.prefix}/")
        # The prefix is a digest of the contents, and S3 stores whole objects or none: a key of
        # the right size is the right object.
        data, manifest = (
            [(path, content) for path, content in files if present.get(path) != len(content)]
            for files in (selected.data_files(), [selected.manifest_file()])
        )

        def put(file: tuple[str, bytes]) -> None:
            path, content = file
            s3.put_object(
                Bucket=bucket,
                Key=f"{selected.prefix}/{path}",
                Body=content,
                ContentType=_CONTENT_TYPES[PurePosixPath(path).suffix],
            )

        if data:
            pool = ThreadPoolExecutor(WORKERS)
            try:
                with _progress(console) as progress:
                    puts = progress.track(pool.map(put, data), len(data), description="Uploading")
                    for _ in puts:
                        pass
            finally:
                # After an error, start none and wait for none: each may retry for a while.
                pool.shutdown(wait=False, cancel_futures=True)
        for file in manifest:
            put(file)
    return len(data) + len(manifest)


def point(settings: Settings, selected: dataset.Dataset) -> bool:
    """Set the SSM parameter to the dataset; return False if it names the dataset already."""
    name = settings.dataset_parameter
    with errors_in_words():
        ssm = session().client("ssm", config=_CONFIG)
        found = ssm.get_parameters(Names=[name])["Parameters"]
        if [parameter["Value"] for parameter in found] == [selected.prefix]:
            return False
        ssm.put_parameter(Name=name, Value=selected.prefix, Type="String", Overwrite=True)
    return True


def _sizes(s3: "S3Client", bucket: str, prefix: str) -> dict[str, int]:
    """Return the sizes of the objects below `prefix`, by relative path."""
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix)
    return {
        item["Key"].removeprefix(prefix): item["Size"]
        for page in pages
        for item in page.get("Contents", ())
    }


def _summary(selected: dataset.Dataset) -> Table:
    """Return a table of the pictures that were kept, by class, and refused, by reason."""
    table = Table("kept", *selected.splits)
    for column in table.columns[1:]:
        column.justify = "right"
    for name in selected.classes:
        table.add_row(name, *(str(counts[name]) for counts in selected.counts.values()))
    table.add_section()
    refused = Counter((row.reason, row.path.split()[0]) for row in selected.refused)
    for reason in sorted({reason for reason, _ in refused}):
        numbers = (str(refused[reason, split]) for split in selected.splits)
        table.add_row(f"refused: {reason}", *numbers)
    if not refused:
        table.add_row("refused", *("0" for _ in selected.splits))
    return table


def _origin(pictures: source.Source) -> str:
    if pictures.name == "drawn":
        return "drawn (stand-ins, not photographs)"
    kind = "the published archive" if pictures.archive_published else "not the published archive"
    return f"{pictures.name} ({kind}, sha256 {pictures.archive_sha256})"


def _progress(console: Console | None) -> Progress:
    return Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TimeRemainingColumn(),
        console=console,
    )
