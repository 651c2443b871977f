"""Define the errors of staging."""


class StagingError(Exception):
    """Staging failed."""


class ArchiveRefusedError(StagingError):
    """The archive is damaged, unsafe or laid out unlike CIFAR-100."""


class ArchiveUnavailableError(StagingError):
    """The published archive could not be downloaded."""


class PictureRefusedError(StagingError):
    """A picture is not staged; the message is the reason and ends a sentence."""
