"""Instance types for the image-classification algorithm.

The families are those of its documentation ("EC2 instance recommendation"):
https://docs.aws.amazon.com/sagemaker/latest/dg/image-classification.html
"""

from typing import Annotated

from settings.section import Written

TRAINING_FAMILIES = ("g4dn", "g5", "p2", "p3")
ENDPOINT_FAMILIES = (*TRAINING_FAMILIES, "c4", "c5", "m4", "m5")
RETIRED_FAMILIES = ("p2", "p3")
# Their disks are in the instance, whose hardware encrypts them. SageMaker refuses a training job on
# them that has a VolumeKmsKeyId; an endpoint's KmsKeyId does not encrypt these disks:
# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_ResourceConfig.html
# https://docs.aws.amazon.com/sagemaker/latest/APIReference/API_CreateEndpointConfig.html
# The families: https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/InstanceStorage.html
LOCAL_STORAGE_FAMILIES = ("g4dn", "g5")


def is_retired(instance_type: str) -> bool:
    """Tell whether AWS is retiring the family of this instance type."""
    return _family(instance_type) in RETIRED_FAMILIES


def has_local_storage(instance_type: str) -> bool:
    """Tell whether the disks are in the instance, which encrypts them without a KMS key."""
    return _family(instance_type) in LOCAL_STORAGE_FAMILIES


def has_gpu(instance_type: str) -> bool:
    """Tell whether instances of this type have GPUs; all that train have."""
    return _family(instance_type) in TRAINING_FAMILIES


def _family(instance_type: str) -> str:
    return instance_type.split(".")[1]


def _instance_type_of(families: tuple[str, ...]) -> Written:
    usable = ", ".join(f"ml.{family}.*" for family in families)
    return Written(
        rf"ml\.({'|'.join(families)})\.([1-9]?[0-9]?x)?large",
        f"{usable}, such as ml.g4dn.xlarge; the algorithm cannot use others",
    )


TrainingInstanceType = Annotated[str, _instance_type_of(TRAINING_FAMILIES)]
EndpointInstanceType = Annotated[str, _instance_type_of(ENDPOINT_FAMILIES)]
