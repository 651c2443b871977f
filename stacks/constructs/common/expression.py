"""How JSONata is written in a state machine."""


def expression(text: str) -> str:
    """Return the JSONata on one line, as Step Functions takes it."""
    return "{% " + " ".join(line.strip() for line in text.strip().splitlines()) + " %}"
