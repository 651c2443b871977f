"""What all tests share: no access to AWS, how much the property-based try, how Python tidies.

pytest tests/infrastructure/test_properties.py --hypothesis-profile=thorough
"""

import gc
import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, Phase, settings

# Python looks for garbage after every 700 new objects; service models, CDK's types and schemas are
# millions that stay. Looking less often saves a quarter of the time of the tests.
gc.set_threshold(200_000, 50, 100)

# No deadline: machines are busy, and a synthesis takes what it takes. The examples of the default
# profile are the same at every run, so that CI fails for a change and not by chance, and it does
# not look for the smallest that fails: that takes minutes of syntheses.
settings.register_profile(
    "default",
    max_examples=8,
    deadline=None,
    derandomize=True,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.too_slow],
)
settings.register_profile(
    "thorough",
    settings.get_profile("default"),
    max_examples=500,
    derandomize=False,
    phases=[Phase.explicit, Phase.generate, Phase.shrink],
)
settings.load_profile("default")


@pytest.fixture(scope="session", autouse=True)
def no_access_to_aws() -> Iterator[None]:
    """Nothing of the shell's: no profile, no credentials, no address of a running local cloud."""
    with pytest.MonkeyPatch.context() as patch:
        for name in list(os.environ):
            if name.startswith("AWS_"):
                patch.delenv(name)
        for name in ("AWS_CONFIG_FILE", "AWS_SHARED_CREDENTIALS_FILE"):
            patch.setenv(name, os.devnull)
        patch.setenv("AWS_EC2_METADATA_DISABLED", "true")
        yield
