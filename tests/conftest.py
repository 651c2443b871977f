"""How many examples the property-based tests try: few at each run, more with a profile.

pytest tests/infrastructure/test_properties.py --hypothesis-profile=thorough
"""

from hypothesis import HealthCheck, Phase, settings

# No deadline: machines are busy, and a synthesis takes what it takes. The examples of the default
# profile are the same at every run, so that CI fails for a change and not by chance.
settings.register_profile(
    "default",
    max_examples=15,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.too_slow],
    phases=[Phase.explicit, Phase.generate],
)
settings.register_profile(
    "thorough", settings.get_profile("default"), max_examples=500, derandomize=False
)
settings.load_profile("default")
