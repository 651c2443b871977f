"""A valid event of each handler."""

from typing import Any

PICTURE = {"s3_bucket": "pictures", "s3_key": "one.png"}
EVENTS: dict[str, dict[str, Any]] = {
    "check_manifest": {
        "bucket": "data",
        "key": "batch/input/one.json",
        "output": "batch/output/job",
        "execution": "arn:first",
    },
    "classify_batch": {
        "BatchInput": {"results": "bulk/run"},
        "Items": [{"index": 0, "item": "0.png"}],
    },
    "classify_image": {**PICTURE, "image_data": "", "inferences": []},
    "filter_confidence": {**PICTURE, "inferences": [0.9, 0.1]},
    "summarize_bulk": {
        "source": "s3://pictures/all/",
        "results": "bulk/run",
        "execution": "arn:execution",
        "map": {
            "MapRunArn": "arn:map",
            "ResultWriterDetails": {"Bucket": "artifacts", "Key": "bulk/run/map/x/manifest.json"},
        },
    },
    "write_predictions": {
        "bucket": "data",
        "output": "batch/output/job",
        "job": "scones-test-1",
        "usable": 2,
        "failed": 1,
        "folders": 0,
        "failure": "ClientError",
    },
}
