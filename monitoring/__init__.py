"""Reading what the endpoint captured, and drawing it; runs on a laptop or in a notebook.

>>> from monitoring import read
>>> for capture in read("s3://my-capture-bucket/captures"):
...     print(capture.time, capture.confidence)
"""

from monitoring.captures import Capture, Payload, Skip, read

__all__ = ["Capture", "Payload", "Skip", "read"]
