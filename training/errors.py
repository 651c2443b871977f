"""Errors of staging."""


class StagingError(Exception):
    """Staging cannot go on."""


class ArchiveRefusedError(StagingError):
    """The archive is damaged, unsafe, or not laid out as CIFAR-100 is."""


class ArchiveUnavailableError(StagingError):
    """The published archive could not be downloaded."""
