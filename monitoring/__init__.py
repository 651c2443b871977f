"""Reading what the endpoint captured, and what to make of it; runs on a laptop or in a notebook.

>>> import monitoring
>>> frame = monitoring.load("s3://my-capture-bucket/captures")
>>> frame.confidence.mean()

One capture at a time, without a data frame:

>>> for capture in monitoring.read("s3://my-capture-bucket/captures"):
...     print(capture.time, capture.confidence)
"""

from monitoring.captures import Capture, Payload, read
from monitoring.records import Records, collect, load
from monitoring.samples import Sample
from monitoring.skips import Kind, Skip, Skips

__all__ = [
    "Capture",
    "Kind",
    "Payload",
    "Records",
    "Sample",
    "Skip",
    "Skips",
    "collect",
    "load",
    "read",
]
