"""Errors of staging and training."""


class StagingError(Exception):
    """Staging cannot go on."""


class ArchiveRefusedError(StagingError):
    """The archive is damaged, unsafe, or not laid out as CIFAR-100 is."""


class ArchiveUnavailableError(StagingError):
    """The published archive could not be downloaded."""


class TrainingError(Exception):
    """Training outside the stack cannot start, or ended without a model."""
