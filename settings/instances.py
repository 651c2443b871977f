"""Instance types that the image-classification algorithm can use.

The families come from its documentation ("EC2 instance recommendation"):
https://docs.aws.amazon.com/sagemaker/latest/dg/image-classification.html
"""

from typing import Annotated

from pydantic import AfterValidator

TRAINING_FAMILIES = ("g4dn", "g5", "p2", "p3")
ENDPOINT_FAMILIES = (*TRAINING_FAMILIES, "c4", "c5", "m4", "m5")
RETIRED_FAMILIES = ("p2", "p3")


def is_retired(instance_type: str) -> bool:
    """Whether AWS is retiring the family of this instance type (the students' old choice)."""
    return instance_type.split(".")[1] in RETIRED_FAMILIES


def has_gpu(instance_type: str) -> bool:
    """Whether instances of this type have GPUs; all that train have."""
    return instance_type.split(".")[1] in TRAINING_FAMILIES


def _instance_type_of(families: tuple[str, ...]) -> AfterValidator:
    def check(instance_type: str) -> str:
        parts = instance_type.split(".")
        if len(parts) != 3 or parts[0] != "ml" or parts[1] not in families:
            usable = ", ".join(f"ml.{family}.*" for family in families)
            raise ValueError(f"the image-classification algorithm cannot use it; allowed: {usable}")
        return instance_type

    return AfterValidator(check)


TrainingInstanceType = Annotated[str, _instance_type_of(TRAINING_FAMILIES)]
EndpointInstanceType = Annotated[str, _instance_type_of(ENDPOINT_FAMILIES)]
