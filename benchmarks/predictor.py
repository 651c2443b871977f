"""The usual workflow in its most usual form: the SageMaker SDK's Predictor, made for each call.

Its rows stand beside those of the stronger form, which makes boto3's clients once (`workflow.py`),
and take the place of none of them. Version 3 of the SDK has no Predictor, so this is version 2, in
a folder that nothing else sees: the function gets it as `PYTHONPATH`, on AWS it would be a layer.
"""

import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import boto3

from benchmarks.packages import folder_bytes
from benchmarks.rows import Row
from benchmarks.ways import Way, in_words, time_both

SDK = "sagemaker==2.257.7"
"""The last version 2 when this was written."""
MOST_PICTURES = 200
"""More of them take minutes, and say the same."""
AIM_SPEED = 3.0
LAYER_LIMIT = 262_144_000
"""Bytes of a function with its layers, unzipped;
https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""


def installed(folder: Path) -> Path:
    """`folder`, with the SDK in it: it is installed there (about 280 MB) if it is not.

    boto3 is of the version that the other functions have.

    Raises:
        subprocess.CalledProcessError: pip failed; it has said why.
    """
    if not (folder / "sagemaker" / "predictor.py").is_file():
        packages = (SDK, f"boto3=={boto3.__version__}")
        pip = (sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check")
        subprocess.run([*pip, "--target", str(folder), *packages], check=True)
    return folder.resolve()


def rows(
    ours: Way, theirs: Way, *, sdk: Path, pictures: Sequence[int], repeats: int, group: int
) -> list[Row]:
    """Speed, warm and cold, of ours and of `theirs`, whose second function is that with `sdk`."""
    counts = sorted({min(count, MOST_PICTURES) for count in pictures})
    cold = time_both(ours, theirs, [1], repeats=repeats, group=group, cold=True)
    warm = time_both(ours, theirs, counts, repeats=repeats, group=group, cold=False)
    return [
        *(
            Row(
                what=f"beside the SDK's Predictor: warm, {in_words(count)}",
                unit="pictures/s",
                ours=[count / value for value in warm.ours.wall[count]],
                theirs=[count / value for value in warm.theirs.wall[count]],
                better="more",
                aim=AIM_SPEED if count > 1 else None,
            )
            for count in counts
        ),
        Row(
            what="beside the SDK's Predictor: cold, 1 picture",
            unit="s",
            ours=cold.ours.wall[1],
            theirs=cold.theirs.wall[1],
        ),
        Row(
            what="the SDK of that Predictor, unzipped",
            unit="bytes",
            theirs=[folder_bytes(sdk)],
        ),
    ]


def remark(sdk: Path | None) -> str:
    """What the form is, or how to measure it."""
    if sdk is None:
        return (
            "The usual workflow with the SageMaker SDK's Predictor was not measured: `--predictor "
            "FOLDER` does, and installs version 2 of the SDK into that folder (280 MB)."
        )
    return (
        "The comparator of all other rows is the usual workflow at its best: boto3's clients are "
        "made once. Its most usual form makes a `sagemaker.predictor.Predictor` in the handler, "
        f"for each call; it has rows of its own ({SDK}, in a folder of {folder_bytes(sdk):,} "
        f"bytes; Lambda takes {LAYER_LIMIT:,} unzipped)."
    )
