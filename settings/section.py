"""What all sections of the settings have in common."""

from pydantic import BaseModel, ConfigDict


class Section(BaseModel):
    """A section of the TOML file: frozen, no unknown keys, no conversions."""

    # strict: "93" is not a number and 1 is not true; a typing slip should stop the synth.
    model_config = ConfigDict(
        frozen=True, extra="forbid", strict=True, use_attribute_docstrings=True
    )
