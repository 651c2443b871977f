"""Shared by all tests: processes side by side, examples, isolation from AWS, and real data.

`pytest tests/infrastructure/test_properties.py --hypothesis-profile=thorough` tries many examples.
"""

import gc
import os
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings

TOGETHER = ("tests/local/deployed/", "tests/local/updates/", "tests/infrastructure/")
"""Folders whose modules stay in one process, which deploys or synthesizes once for all of them."""

REAL_DATA = Path(__file__).parents[2] / "shared" / "data"

# Python collects garbage after every 700 new objects; service models, CDK's types and schemas are
# millions that stay. Collecting less often saves a quarter of the tests' time.
gc.set_threshold(200_000, 50, 100)

# Processes run side by side, where numpy's threads only wait for each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

# No deadline: machines are busy, and a synthesis takes as long as it takes. The default examples
# are the same in every run, so that CI fails for a change and not by chance. They are not shrunk:
# that takes minutes of syntheses.
settings.register_profile(
    "default",
    max_examples=5,
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


def pytest_configure() -> None:
    """Hide the shell's profile, credentials and local cloud; some modules use AWS when imported."""
    for name in [name for name in os.environ if name.startswith("AWS_")]:
        del os.environ[name]
    os.environ["AWS_CONFIG_FILE"] = os.environ["AWS_SHARED_CREDENTIALS_FILE"] = os.devnull
    os.environ["AWS_EC2_METADATA_DISABLED"] = "true"


@pytest.hookimpl(optionalhook=True)  # of pytest-xdist
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Give processes side by side (`-n 2`) whole modules, as the tests of one share fixtures."""
    from xdist.scheduler import LoadScopeScheduling

    def scope(nodeid: str) -> str:
        together = (folder for folder in TOGETHER if nodeid.startswith(folder))
        return next(together, nodeid.partition("::")[0])

    config.option.loadscopereorder = False  # in the order of the command line
    scheduler = LoadScopeScheduling(config, log)
    scheduler._split_scope = scope
    return scheduler


@pytest.fixture(scope="session")
def real_captures() -> Path:
    """Return the folder of what a real endpoint captured; the repository does not have it."""
    return _real("captures")


@pytest.fixture(scope="session")
def real_archive() -> Path:
    """Return CIFAR-100's vehicles, which these captures show; the repository does not have them."""
    return _real("cifar-100-python-vehicles.tar.gz")


def _real(name: str) -> Path:
    path = REAL_DATA / name
    if not path.exists():
        pytest.skip(f"real data is missing: ../shared/data/{name}")
    return path
