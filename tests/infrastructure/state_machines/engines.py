"""The two engines of JSONata: the reference, and the local cloud's."""

import json
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from localcloud.emulator.names import private
from tests.infrastructure.node import node_command

Json = Any
States = dict[str, Json]  # $states: input, context, and perhaps result or errorOutput


class QueryEvaluationError(Exception):
    """The expression fails, and with it the state: States.QueryEvaluationError."""


class Engine(Protocol):
    """Evaluates an expression with its `{% %}`."""

    def __call__(self, expression: str, states: States, variables: dict[str, Json]) -> Json:
        """Return the value.

        Raises:
            QueryEvaluationError: there is none.
        """


@contextmanager
def reference() -> Iterator[Engine]:
    """Run npm's jsonata, with the functions and limits of Step Functions."""
    command = node_command(Path(__file__).with_name("evaluate.cjs"), package="jsonata")
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdin and process.stdout
        questions, answers = process.stdin, process.stdout

        def evaluate(expression: str, states: States, variables: dict[str, Json]) -> Json:
            question = {
                "expression": _text(expression),
                "variables": variables | {"states": states},
            }
            questions.write(f"{json.dumps(question)}\n")
            questions.flush()
            answer = json.loads(answers.readline())
            if "error" in answer:
                raise QueryEvaluationError(answer["error"])
            return answer["value"]

        yield evaluate
        questions.close()


def emulator(expression: str, states: States, variables: dict[str, Json]) -> Json:
    """Evaluate as the local cloud's state machines do."""
    evaluate = private("ministack.services.stepfunctions:_evaluate_jsonata")
    failure: type[Exception] = private("ministack.services.stepfunctions:_ExecutionError")
    try:
        return evaluate(
            _text(expression),
            states["input"],
            states["context"] | {"variables": variables},
            states.get("result"),
            states.get("errorOutput"),
        )
    except failure as error:
        raise QueryEvaluationError(str(vars(error)["cause"])) from error


def _text(expression: str) -> str:
    return expression.removeprefix("{%").removesuffix("%}").strip()
