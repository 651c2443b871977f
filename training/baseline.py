"""Whether the validation pictures are enough for what the drift detector compares with."""

import math
from collections.abc import Mapping

from lambda_src.drift_detector.baseline import MINIMUM
from settings import Settings


def shortage(validation: Mapping[str, int], settings: Settings) -> str | None:
    """Which class is lacking how many pictures, and what to do; None if it is enough.

    `validation` is the number of pictures by class. Without a drift detector any number is enough.
    """
    if not settings.detects_drift:
        return None
    shares = dict(zip(settings.dataset.classes, settings.traffic_shares, strict=True))
    scarce = min(shares, key=lambda name: validation[name] / shares[name])
    needed = math.ceil(MINIMUM * shares[scarce])
    if validation[scarce] >= needed:
        return None
    return (
        f"{validation[scarce]} validation pictures of {scarce!r}: the drift detector's baseline "
        f"takes {MINIMUM} or more in all, {needed} of them of this class; stage more of it, or "
        "set drift.enabled = false, or the monitoring stack will fail"
    )
