import pytest
from rich.console import Console

from localcloud.steps import Steps


def test_a_step_is_named_and_timed() -> None:
    steps = Steps(Console(width=60))
    with steps.console.capture() as capture, steps.step("deploy") as say:
        say("[a/line] of any length " * 20)

    assert "✓ deploy" in capture.get()
    assert list(steps.seconds) == ["deploy"]


def test_a_failing_step_is_marked_and_its_error_passes() -> None:
    steps = Steps(Console(width=60))
    with (
        steps.console.capture() as capture,
        pytest.raises(ValueError, match="broken"),
        steps.step("deploy"),
    ):
        raise ValueError("broken")

    assert "✗ deploy" in capture.get()
    assert "deploy" in steps.seconds
