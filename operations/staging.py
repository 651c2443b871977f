"""Stage the pictures that the model learns from.

From Python:

>>> import rich
>>> from operations import staging
>>> from settings import load
>>> from training import source
>>> staging.run(load("dev"), source.real(), console=rich.get_console()).prefix  # doctest: +SKIP
'datasets/db8442eb73a57505ad05'
"""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from rich.console import Console

from lambda_src.drift_detector.validation_pictures import shortage
from operations import datasets, inspection, staging_tables
from operations.aws import errors_in_words
from settings import Settings
from settings.schema import Dataset as DatasetSettings
from training import dataset, selection, source
from training.dataset import Dataset
from training.pictures import SPLITS
from training.selection import Selection
from training.source import AnySource

UNBALANCED = 3
"""Times as many training pictures of one class as of another."""


@dataclass(frozen=True)
class Upload:
    """A dataset in the data bucket, which the next deployment uses."""

    digest: str
    bucket: str
    prefix: str
    """`datasets/<digest>`"""
    uploaded: int
    """Files that were missing in the bucket."""
    pointer_moved: bool
    """True if the SSM parameter named another dataset before."""


def run(
    settings: Settings,
    pictures: AnySource,
    *,
    folder: Path | None = None,
    drop_added: bool = False,
    console: Console,
) -> Upload:
    """Select, check, show and upload the pictures, and point the deployment at them.

    Skips what is done already. With `folder`, also writes them below it; `drop_added` is that of
    `publish`. Raises StagingError if the pictures are refused.
    """
    staged = prepare(settings, pictures, folder=folder, console=console)
    return publish(settings, staged, drop_added=drop_added, console=console)


def publish(
    settings: Settings, staged: Dataset, *, drop_added: bool = False, console: Console
) -> Upload:
    """Upload what the data bucket lacks of a dataset, and point the deployment at it.

    Without `drop_added`, a deployment stays at a dataset that labels made from this one.
    """
    bucket = datasets.data_bucket(settings)
    uploaded = datasets.upload(staged, bucket, console=console)
    where, parameter = f"s3://{bucket}/{staged.prefix}", settings.dataset_parameter
    with errors_in_words():
        s3, former = datasets.s3_client(), datasets.pointed_at(settings)
        manifest = datasets.read_manifest(s3, bucket, former) if former else None
        stays = manifest and datasets.descends(s3, bucket, manifest, staged.digest)
    if manifest and stays and not drop_added:
        console.print(
            f"{where} is complete. {parameter} stays at {former}, which has "
            f"{len(manifest.added):,} labelled pictures in addition; --drop-added leaves them out.",
            soft_wrap=True,
        )
        return Upload(staged.digest, bucket, staged.prefix, uploaded, pointer_moved=False)
    moved = datasets.point(settings, staged)
    if not uploaded and not moved:
        message = f"Nothing to do: {where} is complete, and {parameter} points at it."
    else:
        pointer = "now points" if moved else "points"
        message = f"Uploaded {uploaded:,} files to {where}; {parameter} {pointer} at it."
    console.print(message, soft_wrap=True)
    lost = {each.file: each.labels for each in manifest.added} if manifest else {}
    for each in staged.added:
        lost.pop(each.file, None)
    if lost and not drop_added:
        again = " ".join(f"--add {location}" for location in dict.fromkeys(lost.values()))
        console.print(
            f"Warning: {len(lost):,} labelled pictures of {former} are not part of it; add them "
            f"again: scones stage --environment {settings.environment} {again}",
            soft_wrap=True,
        )
    return Upload(staged.digest, bucket, staged.prefix, uploaded, pointer_moved=moved)


def prepare(
    settings: Settings,
    pictures: AnySource,
    *,
    folder: Path | None = None,
    console: Console,
) -> Dataset:
    """Do the part of `run` that does not upload: select, check, show and, if asked, write."""
    selected = choose(settings, pictures, console=console)
    staging_tables.show(selected, console)
    selection.check(selected, max_refused_percent=settings.dataset.max_refused_percent)
    staged = dataset.compose(selected)
    for warning in warnings(settings, selected):
        console.print(f"Warning: {warning}", soft_wrap=True)
    if folder:
        console.print(f"Written to {dataset.write(staged, folder)}", soft_wrap=True)
    return staged


def choose(settings: Settings, pictures: AnySource, *, console: Console) -> Selection:
    """Read the pictures, make them uniform and divide them as the settings say."""
    options = settings.dataset
    with errors_in_words():
        prepared = source.prepare(
            pictures, options.classes, side=settings.picture_side, console=console
        )
    with console.status("Comparing pictures"):
        return selection.select(
            prepared,
            validation_percent=options.validation_percent,
            group_pattern=options.group_pattern,
        )


def inspect(
    settings: Settings, pictures: AnySource, *, folder: Path, console: Console
) -> list[str]:
    """Show what would be staged, and write a contact sheet; return why staging would fail."""
    selected = choose(settings, pictures, console=console)
    staging_tables.show(selected, console)
    inspection.show(selected, console)
    for warning in warnings(settings, selected):
        console.print(f"Warning: {warning}", soft_wrap=True)
    console.print(f"Contact sheet: {inspection.write(selected, folder)}", soft_wrap=True)
    return selection.faults(selected, max_refused_percent=settings.dataset.max_refused_percent)


def source_of(
    settings: Settings, *, archive: Path | None = None, console: Console | None = None
) -> AnySource:
    """Return the source that the settings name, which may be in S3.

    Raises:
        StagingError: as `training.source.of_settings`.
    """
    return source.of_settings(
        settings.dataset, archive=archive, s3=datasets.s3_client, console=console
    )


def with_pictures(settings: Settings, location: str, *, any_classes: bool = False) -> Settings:
    """Return the settings with another folder or list of pictures.

    With `any_classes`, the classes of CIFAR-100 that they list are forgotten, with their shares.
    """
    changes: dict[str, object] = {"source": source.kind_of(location), "pictures": location}
    if any_classes and not settings.dataset.own_pictures:
        changes["classes"] = ()
        drift = settings.drift.model_copy(update={"class_shares": ()})
        settings = settings.model_copy(update={"drift": drift})
    options = settings.dataset.model_copy(update=changes)
    return settings.model_copy(update={"dataset": options})


def with_source(settings: Settings, name: Literal["cifar-100", "drawn"]) -> Settings:
    """Return the settings with CIFAR-100's archive, or drawn pictures, as the source."""
    options = settings.dataset.model_dump(exclude={"source", "pictures", "side"})
    if not options["classes"]:
        del options["classes"]  # those of the default
    return settings.model_copy(update={"dataset": DatasetSettings(source=name, **options)})


def warnings(settings: Settings, selected: Selection) -> list[str]:
    """Return what a model of these pictures will suffer from, with remedies."""
    train, validation = (selected.counts[split] for split in SPLITS)
    found = []
    most, least = max(train, key=train.__getitem__), min(train, key=train.__getitem__)
    unbalanced = train[most] > UNBALANCED * train[least]
    if unbalanced and settings.training.class_weights == "none":
        found.append(
            f"the classes are unbalanced: {train[most]:,} training pictures of {most!r}, "
            f"{train[least]:,} of {least!r}; add pictures, or set "
            'training.class_weights = "balanced"'
        )
    folded = Counter(name.casefold() for name in train)
    if alike := [name for name in train if folded[name.casefold()] > 1]:
        found.append(
            f"classes that differ in capital letters only: {', '.join(map(repr, alike))}; if they "
            "are one, give their folders or labels one name"
        )
    if settings.dataset.own_pictures:
        found += _small(settings, selected)
    if lacking := baseline_shortage(validation, settings):
        found.append(lacking)
    return found


def _small(settings: Settings, selected: Selection) -> list[str]:
    found = []
    pictures, side = selected.prepared.usable, selected.prepared.side
    small = sum(min(each.width, each.height) < side for each in pictures)
    if small:
        found.append(
            f"{small:,} of {len(pictures):,} pictures have fewer than {side} pixels in a direction "
            "and are enlarged, which adds no detail; a lower dataset.side takes less space"
        )
    network = max(settings.training.hyperparameters.input_size)
    if side < network:
        found.append(
            f"pictures are staged with {side} pixels, and the network sees {network}: set "
            f"dataset.side = {network} or more, or a smaller image_shape"
        )
    return found


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
