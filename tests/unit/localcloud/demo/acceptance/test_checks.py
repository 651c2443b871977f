import re
from typing import get_args

from localcloud.cdk import PROJECT
from localcloud.demo.acceptance.checks import CHECKS
from localcloud.demo.acceptance.run import DESTROYED
from localcloud.demo.acceptance.training_checks import PRESETS
from settings import load
from settings.training import Training

FIDELITY = (PROJECT / "docs/fidelity.md").read_text(encoding="utf-8")


def test_each_check_has_a_name_and_an_assumption_of_its_own() -> None:
    assert len({each.name for each in CHECKS}) == len(CHECKS)
    assert len({each.assumption for each in CHECKS}) == len(CHECKS)


def test_each_belongs_to_a_section_of_what_is_not_verified() -> None:
    headings = {"", *re.findall(r"^## (.+)$", FIDELITY, re.MULTILINE)}

    assert {each.section for each in (*CHECKS, DESTROYED)} <= headings


def test_both_presets_are_trained() -> None:
    assert set(PRESETS) == {"pretrained", "small-from-scratch"}
    assert get_args(Training.model_fields["preset"].annotation) == PRESETS


def test_the_environment_has_what_the_checks_need() -> None:
    settings = load("acceptance")

    assert settings.retention.removal == "destroy"
    assert settings.detects_drift
    assert settings.capture.sampling_percentage == 100
    assert settings.endpoint.autoscaling.enabled
    assert settings.endpoint.update_policy.rollback_on_alarms
    assert settings.monitoring.dashboard
