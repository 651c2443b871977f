"""The check of a model's answers: from the endpoint, a transform job or captures."""

MAX_CLASSES = 1_000
"""As ImageNet has; what is kept of a reply, and a report on it, grows with the classes."""
ROUNDING = 1e-6  # a sum of 32-bit floats ends a little above 1, or below 0


def check(values: object, *, classes: int | None = None) -> list[float]:
    """Return the probabilities of a parsed reply, with rounding taken off, or raise ValueError.

    They need not add up to 1. Without `classes`, any number up to `MAX_CLASSES` is accepted.
    """
    if not isinstance(values, list) or not values:
        raise ValueError("not a list with one probability per class")
    if len(values) > MAX_CLASSES:
        raise ValueError(f"{len(values):,} values; a model has at most {MAX_CLASSES:,} classes")
    for position, value in enumerate(values):
        # JSON's true is an int to Python, and no comparison with NaN is true.
        if type(value) not in (int, float) or not -ROUNDING <= value <= 1 + ROUNDING:
            raise ValueError(f"value {position} is not a number from 0 to 1")
    if classes is not None and len(values) != classes:
        raise ValueError(f"{len(values)} probabilities for {classes} classes")
    return [min(max(0.0, float(value)), 1.0) for value in values]
