"""Every JSONata expression of every state machine, as the reference evaluates it: npm's jsonata.

Each is evaluated with all that it can meet on AWS (state_machines/inputs.py). In most fields
nothing catches an expression that fails: the execution ends, and its work is lost. So none may, and
the local cloud has to agree.
"""

import pkgutil
import re
import time
from collections.abc import Iterator

import pytest

from localcloud.emulator.names import private
from localcloud.emulator.repairs import jsonata as repair
from tests.infrastructure.state_machines import engines
from tests.infrastructure.state_machines.definitions import expressions, state_machines
from tests.infrastructure.state_machines.engines import Engine, Json, QueryEvaluationError
from tests.infrastructure.state_machines.inputs import MAX_CAUSE, MAX_ERROR, starts
from tests.infrastructure.state_machines.walk import Evaluation, Walk

# By state machine, and in it by path and question.
Evaluations = dict[str, dict[tuple[str, str], Evaluation]]

MAX_MESSAGE = 262_144  # bytes

NO_STATES: dict[str, Json] = {"input": {}, "context": {}}


@pytest.fixture(scope="module")
def jsonata() -> Iterator[Engine]:
    with engines.reference() as engine:
        yield engine


@pytest.fixture(scope="module")
def evaluations(jsonata: Engine) -> Evaluations:
    found: Evaluations = {}
    answers: dict[str, tuple[Json, str]] = {}
    for machine in state_machines():
        if list(expressions(machine.definition)):
            walk = Walk(machine.definition, jsonata, answers)
            walk.run(starts(machine.logical_id))
            found[str(machine)] = walk.evaluations
    return found


@pytest.fixture(scope="module")
def local_cloud() -> Iterator[Engine]:
    """The emulator's engine, repaired as it serves; its second is one of this thread."""
    with pytest.MonkeyPatch.context() as patch:
        for repaired in (repair.GET_PARSER, repair.ENCODER):
            owner, _, attribute = repaired.replace(":", ".").rpartition(".")
            patch.setattr(pkgutil.resolve_name(owner), attribute, private(repaired))
        clock = private("jsonata.timebox:Timebox")
        patch.setattr(clock, "current_milli_time", lambda: round(time.thread_time() * 1000))
        repair.repair()
        yield engines.emulator


def test_every_expression_is_evaluated(evaluations: Evaluations) -> None:
    definitions = {str(machine): machine.definition for machine in state_machines()}

    missing = {
        name: set(dict(expressions(definitions[name]))) - {path for path, _ in found}
        for name, found in evaluations.items()
    }

    assert len(missing) > 10
    assert {name: paths for name, paths in missing.items() if paths} == {}


def test_no_input_makes_an_expression_fail(evaluations: Evaluations) -> None:
    failures = {
        f"{name} {each}": each.error
        for name, found in evaluations.items()
        for each in found.values()
        if each.error
    }

    assert failures == {}


def test_only_a_catch_reads_the_error() -> None:
    # CreateStateMachine refuses any other: UNSUPPORTED_JSONATA_EXPRESSION.
    readers = {
        path
        for machine in state_machines()
        for path, expression in expressions(machine.definition)
        if "$states.errorOutput" in expression
    }

    assert readers
    assert [path for path in readers if not re.search(r"/Catch/\d+/(Output|Assign)", path)] == []


def test_no_variable_is_called_as_a_function_is(jsonata: Engine) -> None:
    # Where it is not assigned, it would be that function.
    names = {name for machine in state_machines() for name in variables(machine.definition)}

    exists = {name: jsonata(f"{{% $exists(${name}) %}}", NO_STATES, {}) for name in names}
    assert exists
    assert [name for name, found in exists.items() if found is not False] == []


def variables(definition: Json) -> Iterator[str]:
    """Return the names of the variables that the states assign."""
    if isinstance(definition, dict):
        yield from definition.get("Assign", {})
    if isinstance(definition, dict | list):
        for part in definition.values() if isinstance(definition, dict) else definition:
            yield from variables(part)


def test_services_take_what_they_are_sent(evaluations: Evaluations) -> None:
    # https://docs.aws.amazon.com/sns/latest/api/API_Publish.html
    forms = {
        "Subject": r"[!-~][ -~]{0,98}",
        "Message": r"(?s).+",
        "MessageGroupId": r"[!-~]{1,128}",
        "MessageDeduplicationId": r"[!-~]{1,128}",
        "Cause": rf"(?s).{{0,{MAX_CAUSE}}}",
        "Error": rf"(?s).{{0,{MAX_ERROR}}}",
    }
    sent = [
        (form, each)
        for found in evaluations.values()
        for each in found.values()
        if (form := forms.get(each.path.rpartition("/")[2])) and not each.error
    ]

    assert sent
    assert [str(each) for form, each in sent if not re.fullmatch(form, each.value)] == []
    sizes = [len(each.value.encode(errors="surrogatepass")) for _, each in sent]
    assert max(sizes) <= MAX_MESSAGE


def test_the_local_cloud_agrees(evaluations: Evaluations, local_cloud: Engine) -> None:
    once = {
        question: each
        for found in evaluations.values()
        for (_, question), each in found.items()
        if not each.error
    }
    differences = [
        (str(each), each.value, value)
        for each in once.values()
        for value in [value_of(local_cloud, each)]
        if not is_same(each.value, value)
    ]

    assert differences == []


def value_of(engine: Engine, evaluation: Evaluation) -> Json:
    try:
        return engine(evaluation.expression, evaluation.states, evaluation.variables)
    except QueryEvaluationError as error:
        return error


def is_same(one: Json, other: Json) -> bool:
    """Return whether both are the same JSON: 1 is 1.0, but not true; keys have an order."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return list(one) == list(other) and is_same(list(one.values()), list(other.values()))
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(is_same, one, other))
    return bool(one == other)


# --- can they fail? ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("$states.input.absent", "nothing"),
        ("$parse('no JSON')", "JSON"),
        ("'1' + 1", "T2001"),
        ("$lookup({}, 'constructor')", "function"),
        ("$eval('1')", "T1006"),
        ("{'a': absent}", '"absent" at the top level'),
        ("$map([1], function($one) { $ })", "at the top level"),
        ("$states.input[$$ = 1]", "not supported"),
        ("(", "S0"),
        (" + ".join(["1"] * 200), "levels"),
        ("($f := function($x) { $f($x + 1) }; $f(0))", "microseconds"),
    ],
)
def test_what_fails_on_aws_fails_in_the_reference(
    jsonata: Engine, expression: str, said: str
) -> None:
    with pytest.raises(QueryEvaluationError, match=said):
        jsonata(f"{{% {expression} %}}", NO_STATES, {})
