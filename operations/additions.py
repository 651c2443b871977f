"""Add labels from production to the dataset that the deployment uses: `scones stage --add`."""

import hashlib
import io
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image
from rich.console import Console
from rich.table import Table

from lambda_src.shared.messages import readable
from operations import datasets, staging
from operations.aws import errors_in_words
from settings import Settings
from training import additions, dataset, manifest, pictures_csv
from training.additions import Additions, Parent
from training.dataset import StagedObject
from training.duplicates import fingerprint
from training.errors import StagingError
from training.lists.picture_list import PictureList
from training.pictures import SPLITS, Split
from training.pictures_csv import StagedPicture
from training.preparation.prepare import prepare
from training.production_labels import LabelledPictures, read_labels

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

SHOWN = 50
"""Lines or pictures that add nothing, of which the reason is printed."""


def run(
    settings: Settings,
    lists: Sequence[str],
    *,
    upload: bool = True,
    folder: Path | None = None,
    console: Console,
) -> staging.Upload | None:
    """Show what the labels add to the dataset, upload the new one and point the deployment at it.

    Return None if they add nothing, or without `upload`. With `folder`, also write the files below
    it.

    Raises:
        StagingError: nothing is staged yet, or a list cannot be read.
    """
    bucket = datasets.data_bucket(settings)
    with errors_in_words():
        s3 = datasets.s3_client()
        parent = _parent(settings, s3, bucket)
        labels = read_labels(
            [PictureList(each, s3=lambda: s3) for each in lists], parent.manifest.classes
        )
        pictures = LabelledPictures(labels, s3=lambda: s3)
        prepared = prepare(pictures, side=parent.manifest.side, console=console)
        added = additions.compare(parent, labels, prepared)
        extended = additions.extend(parent, added)
        where = f"s3://{bucket}/{parent.prefix}"
        console.print(f"Dataset: {where}", soft_wrap=True)
        console.print(_changes(parent, extended.counts["train"]))
        console.print(_summary(added, labels.without_class), soft_wrap=True)
        for line in _not_added(added):
            console.print(line, soft_wrap=True)
        if not (added.new or added.relabelled):
            console.print(f"Nothing to do: the labels add nothing to {where}.", soft_wrap=True)
            return None
        if folder:
            written = dataset.write(
                extended, folder, fetch=lambda staged: datasets.content(s3, bucket, staged.key)
            )
            console.print(f"Written to {written}", soft_wrap=True)
    return staging.publish(settings, extended, console=console) if upload else None


def _parent(settings: Settings, s3: "S3Client", bucket: str) -> Parent:
    """Read the dataset that the SSM parameter points at."""
    prefix = datasets.pointed_at(settings)
    if not prefix:
        raise StagingError(
            f"{settings.dataset_parameter} names no dataset that labels could be added to; stage "
            f"pictures first: scones stage --environment {settings.environment}"
        )
    root = f"{prefix}/"
    sizes = datasets.sizes(s3, bucket, root)
    where = f"s3://{bucket}/{root}"

    def require(*paths: str) -> None:
        if missing := set(paths) - sizes.keys():
            raise ValueError(f"{where}{min(missing)} is missing; stage the dataset again")

    try:
        require(manifest.FILE)
        described = manifest.parse(
            datasets.content(s3, bucket, root + manifest.FILE), where + manifest.FILE
        )
        if described.pictures_sha256:
            require(pictures_csv.FILE)
        pictures = _pictures(s3, bucket, root, described)
        require(*(f"{each.split}/{each.file}" for each in pictures))
    except ValueError as error:
        raise StagingError(str(error)) from error
    objects = {path: StagedObject(root + path, size) for path, size in sizes.items()}
    return Parent(prefix, described, pictures, objects)


def _pictures(
    s3: "S3Client", bucket: str, root: str, described: manifest.Manifest
) -> list[StagedPicture]:
    """Return what pictures.csv of a dataset lists; of earlier datasets, look at the pictures."""
    if described.pictures_sha256:
        content = datasets.content(s3, bucket, root + pictures_csv.FILE)
        where = f"s3://{bucket}/{root}{pictures_csv.FILE}"
        if hashlib.sha256(content).hexdigest() != described.pictures_sha256:
            raise ValueError(f"{where} is not the one that staging wrote; stage the dataset again")
        return pictures_csv.parse(content, where)

    def look(split: Split, row: str) -> StagedPicture:
        _, label, file = row.split("\t")
        content = datasets.content(s3, bucket, f"{root}{split}/{file}")
        with Image.open(io.BytesIO(content)) as image:
            seen = fingerprint(image).hex()
        sha256 = hashlib.sha256(content).hexdigest()
        return StagedPicture(split, file, described.classes[int(label)], sha256, seen, file)

    with ThreadPoolExecutor(datasets.WORKERS) as pool:
        return [
            picture
            for split in SPLITS
            for picture in pool.map(
                partial(look, split),
                datasets.content(s3, bucket, f"{root}{split}.lst").decode().splitlines(),
            )
        ]


def _changes(parent: Parent, train: Mapping[str, int]) -> Table:
    """Return a table of the training pictures of each class, before and after."""
    before = parent.manifest.counts
    table = Table("pictures", "train before", "train after", "validation")
    for column in table.columns[1:]:
        column.justify = "right"
    for name in parent.manifest.classes:
        numbers = (before["train"][name], train[name], before["validation"][name])
        table.add_row(name, *(f"{number:,}" for number in numbers))
    return table


def _not_added(added: Additions) -> list[str]:
    """Return what is wrong with each line or picture that adds nothing."""
    everything = [
        readable(f"{kind}: {each.path}: {each.reason}")
        for kind, refusals in (("Refused", added.refused), ("Left out", added.left_out))
        for each in refusals
    ]
    more = len(everything) - SHOWN
    return everything[:SHOWN] + ([f"and {more:,} more"] if more > 0 else [])


def _summary(added: Additions, without_class: int) -> str:
    return (
        f"Labelled pictures: {len(added.new):,} new, {len(added.relabelled):,} with another label "
        f"than before, {added.known:,} known. Lines without a class: {without_class:,}."
    )
