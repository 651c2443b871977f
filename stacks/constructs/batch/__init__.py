"""Batch: bulk classification through the endpoint, and batch transform without one."""

from stacks.constructs.batch.batch_transform import BatchTransform
from stacks.constructs.batch.bulk_classification import BulkClassification

__all__ = ["BatchTransform", "BulkClassification"]
