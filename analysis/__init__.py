"""Reading what the endpoint captured, and what to make of it; runs on a laptop or in a notebook.

>>> import analysis
>>> frame = analysis.load("s3://my-capture-bucket/captures")
>>> frame.confidence.mean()

One capture at a time, without a data frame:

>>> for capture in analysis.read("s3://my-capture-bucket/captures"):
...     print(capture.time, capture.confidence)
"""

from analysis.captures import Capture, Payload, read
from analysis.records import Records, collect, load
from analysis.samples import Sample
from analysis.skips import Kind, Skip, Skips

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
