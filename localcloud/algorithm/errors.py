"""What may be wrong with a training job's input or with a picture."""


class ClientError(Exception):
    """The caller's mistake. SageMaker's built-in algorithms report it under this name."""


class PictureError(Exception):
    """The bytes are not a picture that this algorithm can read."""
