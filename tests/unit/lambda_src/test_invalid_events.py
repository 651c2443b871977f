import re
from types import ModuleType
from typing import Any

import pytest

from lambda_src.shared.events import InvalidEvent
from tests.unit.lambda_src.conftest import ImportHandler
from tests.unit.lambda_src.events import EVENTS

TABLE: dict[str, list[tuple[dict[str, Any], str]]] = {
    "check_manifest": [
        ({"bucket": None}, "bucket is None; expected a string"),
        ({"etag": "a\nb"}, r"etag is 'a\nb'; expected an ETag"),
    ],
    "classify_batch": [
        ({"Items": None}, "Items is None; expected a list"),
        ({"Items": []}, "Items is []; expected a list of one item or more"),
        ({"Items": ["0.png"]}, "found '0.png'; expected an object with index"),
        ({"Items": [{"index": "0"}]}, "index is '0'; expected a whole number"),
        ({"BatchInput": {}}, "results is None; expected a string"),
    ],
    "classify_image": [
        ({"image_data": None}, "image_data is None; expected a string"),
        ({"image_data": "!!!!"}, "image_data is '!!!!'; expected base64 text"),
        ({"image_data": "\u00fc"}, "image_data is '\u00fc'; expected base64 text"),
        ({"s3_bucket": "other-s3alias"}, "s3_bucket is 'other-s3alias'; expected the name of"),
    ],
    "filter_confidence": [
        ({"inferences": None}, "inferences is None; expected a list"),
        ({"inferences": ["0.9", 0.1]}, "inferences is ['0.9', 0.1]; expected numbers from 0 to 1"),
        ({"inferences": [True, False]}, "inferences is [True, False]; expected numbers"),
        ({"inferences": [float("nan"), 0.1]}, "inferences is [nan, 0.1]; expected numbers"),
        ({"inferences": [10**400, 0.1]}, "inferences is [1000"),
    ],
    "summarize_bulk": [
        ({"results": None}, "results is None; expected a string"),
        ({"map": "arn"}, "map is 'arn'; expected an object"),
        ({"map": {"MapRunArn": "arn"}}, "ResultWriterDetails is None; expected an object"),
    ],
    "write_predictions": [
        ({"bucket": None}, "bucket is None; expected a string"),
        ({"failed": True}, "failed is True; expected a whole number"),
        ({"failure": {"a": 1}}, "failure is {'a': 1}; expected a string"),
    ],
}


@pytest.mark.parametrize("folder", TABLE)
def test_a_member_of_another_type_is_named(import_handler: ImportHandler, folder: str) -> None:
    handler: ModuleType = import_handler(folder)

    for changed, message in TABLE[folder]:
        with pytest.raises(InvalidEvent, match=f"^{re.escape(message)}"):
            handler.lambda_handler({**EVENTS[folder], **changed}, None)
