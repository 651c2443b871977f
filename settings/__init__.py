"""Typed, frozen, validated settings: one TOML file per environment, read in one place.

>>> from settings import load
>>> load("dev").endpoint_name
'scones-dev'
"""

from settings.loader import SettingsError, available_environments, load
from settings.schema import Settings

__all__ = ["Settings", "SettingsError", "available_environments", "load"]
