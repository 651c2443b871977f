"""Define the folders of the buckets."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Folder:
    """A folder of a bucket."""

    path: str
    why_all: str
    """Why a role may use every key in it."""

    @property
    def keys(self) -> str:
        """All its keys, as an ARN or a condition names them."""
        return f"{self.path}/*" if self.path else "*"


# The data bucket. Pictures may be anywhere in it.
PICTURES = Folder("", "Any picture of the data bucket may be classified.")
DATASETS = Folder("datasets", "Which dataset is staged is only known at deployment.")
BATCH_INPUT = Folder("batch/input", "A manifest may have any name.")
BATCH_OUTPUT = Folder("batch/output", "Each transform job has its own folder.")

# The artifact bucket. Results of bulk runs are here because a run over all of the data bucket would
# list them as pictures.
MODELS = Folder("models", "Each training job has its own folder.")
CHECKPOINTS = Folder("checkpoints", "Each training job has its own folder.")
BULK_RESULTS = Folder("bulk", "Each run has its own folder.")
BASELINES = Folder("baselines", "A baseline is named by the hash of its inputs.")
DRIFT_STATE = "drift"

# The capture bucket.
CAPTURES = Folder("captures", "SageMaker names each capture by its time.")
