"""Read and analyse what the endpoint captured; runs on a laptop or in a notebook.

>>> import analysis
>>> frame = analysis.load("s3://my-capture-bucket/captures")
>>> frame.confidence.mean()

One capture at a time, without a data frame:

>>> for capture in analysis.read("s3://my-capture-bucket/captures"):
...     print(capture.time, capture.confidence)
"""

from analysis.captures import Capture, read
from analysis.records import Records, collect, load
from analysis.skipped_lines import Kind, SkippedLine, SkippedLines

__all__ = ["Capture", "Kind", "Records", "SkippedLine", "SkippedLines", "collect", "load", "read"]
