"""Instance types that the image-classification algorithm can use.

The families come from its documentation ("EC2 instance recommendation"):
https://docs.aws.amazon.com/sagemaker/latest/dg/image-classification.html
"""

from typing import Annotated

from settings.section import Written

TRAINING_FAMILIES = ("g4dn", "g5", "p2", "p3")
ENDPOINT_FAMILIES = (*TRAINING_FAMILIES, "c4", "c5", "m4", "m5")
RETIRED_FAMILIES = ("p2", "p3")


def is_retired(instance_type: str) -> bool:
    """Whether AWS is retiring the family of this instance type (the students' old choice)."""
    return instance_type.split(".")[1] in RETIRED_FAMILIES


def _instance_type_of(families: tuple[str, ...]) -> Written:
    usable = ", ".join(f"ml.{family}.*" for family in families)
    return Written(
        rf"ml\.({'|'.join(families)})\.([1-9]?[0-9]?x)?large",
        f"{usable}, as ml.g4dn.xlarge; the algorithm can use no other",
    )


TrainingInstanceType = Annotated[str, _instance_type_of(TRAINING_FAMILIES)]
EndpointInstanceType = Annotated[str, _instance_type_of(ENDPOINT_FAMILIES)]
