"""Tags where CDK's own `Tags.of` does not reach."""

from settings import Settings


def tag_list(settings: Settings) -> list[dict[str, str]]:
    """The tags of the settings as AWS APIs and most CloudFormation types take them."""
    return [{"Key": key, "Value": value} for key, value in settings.tags_by_key.items()]
