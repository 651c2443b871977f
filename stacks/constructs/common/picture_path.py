"""What alarms and the dashboard need to know of the state machines that classify pictures."""

from collections.abc import Mapping
from dataclasses import dataclass

from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_stepfunctions as sfn


@dataclass(frozen=True, kw_only=True)
class PicturePath:
    """A path of pictures to the model: a state machine and the functions that only it calls."""

    title: str
    """As in headings."""
    state_machine: sfn.IStateMachine
    functions: Mapping[str, lambda_.IFunction]
    tolerant: frozenset[str] = frozenset()
    """Functions of which a few errors are normal: bad pictures, or a busy endpoint."""
    not_watched: frozenset[str] = frozenset()
    """Functions of which most errors are intended."""
    less_at_a_time: str
    """How to make fewer calls at a time."""
