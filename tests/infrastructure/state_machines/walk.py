"""Walks through a state machine with every input that a table has for it.

An input goes from state to state as on AWS. A task does nothing: it ends in each of the ways that
the table has for it, with a result or with an error. So every expression meets what it can meet,
and nothing else.
"""

import json
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from tests.infrastructure.state_machines.engines import Engine, Json, QueryEvaluationError, States
from tests.infrastructure.state_machines.inputs import CONTEXT, LISTED, MAP_ERRORS, MAP_RUN, ends

# So many of the inputs that reach a task meet each of its ends; all others the first of each kind.
THOROUGH = 2

# Items that a Map's results are made of at a time; messages name as many.
RESULTS = 20
MOST_RESULTS = 500

# Types that Step Functions, or the service behind a field, requires.
TYPES: dict[str, type | tuple[type, ...]] = {
    "Condition": bool,
    "Cause": str,
    "Error": str,
    "Items": (list, dict),
    "MaxConcurrency": int,
    "MessageDeduplicationId": str,
    "MessageGroupId": str,
    "Seconds": (int, float),
    "Subject": str,
    "TimeoutSeconds": (int, float),
}


class Evaluation(NamedTuple):
    path: str
    expression: str
    states: States
    variables: dict[str, Json]
    value: Json
    error: str  # empty if there is a value

    def __str__(self) -> str:
        return f"{self.path}: {json.dumps(self.states)[:1500]}"


class Situation(NamedTuple):
    """The input and variables of a state."""

    input: Json
    variables: dict[str, Json]
    item: Mapping[str, Json]  # of the Map that the state is in

    @property
    def key(self) -> str:
        return json.dumps([self.input, self.variables, self.item.get("Value")], sort_keys=True)


State = Mapping[str, Any]
Exit = tuple[Situation, str | None]  # the output, and the next state or None


@dataclass
class Walk:
    """One state machine, and what was evaluated in it."""

    definition: dict[str, Any]
    engine: Engine
    answers: dict[str, tuple[Json, str]] = field(default_factory=dict)
    """Values and errors by question, shared with other walks."""
    evaluations: dict[tuple[str, str], Evaluation] = field(default_factory=dict)
    """By path and question."""
    left: dict[tuple[str, str], list[Exit]] = field(default_factory=dict)
    visits: Counter[str] = field(default_factory=Counter)
    listed: dict[str, set[str]] = field(default_factory=lambda: defaultdict(set))

    def run(self, starts: list[Json]) -> None:
        """Walk from each input that an execution can be started with."""
        self._run(self.definition, [Situation(start, {}, {}) for start in starts], "")

    # --- states ----------------------------------------------------------------------------------

    def _run(self, machine: State, starts: list[Situation], path: str) -> list[Json]:
        """Return the different outputs of the machine."""
        outputs: dict[str, Json] = {}
        waiting = [(machine["StartAt"], situation) for situation in starts]
        seen = set()
        while waiting:
            name, situation = waiting.pop(0)
            at = f"{path}/States/{name}"
            visit = (at, situation.key)
            if visit in seen:
                continue
            seen.add(visit)
            if visit not in self.left:
                self.visits[at] += 1
                self.left[visit] = []
                with suppress(QueryEvaluationError):  # it ends the execution, and is recorded
                    for each in self._enter(machine["States"][name], situation, at):
                        self.left[visit].append(each)
            for output, next_state in self.left[visit]:
                if next_state is None:
                    outputs[output.key] = output.input
                else:
                    waiting.append((next_state, output))
        return list(outputs.values())

    def _enter(self, state: State, situation: Situation, path: str) -> Iterator[Exit]:
        match state["Type"]:
            case "Pass" | "Succeed" | "Wait":
                self._fields(state, situation, path, "Seconds", "Timestamp")
                yield from self._leave(state, situation, path)
            case "Fail":
                self._fields(state, situation, path, "Error", "Cause")
            case "Choice":
                yield from self._choose(state, situation, path)
            case "Task":
                yield from self._call(state, situation, path)
            case "Map" if "ItemReader" in state:
                yield from self._distribute(state, situation, path)
            case "Map":
                yield from self._iterate(state, situation, path)
            case other:
                raise NotImplementedError(f"{path}: state of type {other}")

    def _choose(self, state: State, situation: Situation, path: str) -> Iterator[Exit]:
        for index, rule in enumerate(state["Choices"]):
            at = f"{path}/Choices/{index}"
            if self._field(rule, situation, at, "Condition"):
                yield from self._leave(rule, situation, at)
                return
        yield from self._leave(state, situation, path)

    def _call(self, state: State, situation: Situation, path: str) -> Iterator[Exit]:
        arguments = self._field(state, situation, path, "Arguments")
        results, errors = ends(state["Resource"], arguments)
        if self.visits[path] > THOROUGH:
            results, errors = results[:1], errors[:1]
        for result in results:
            yield from self._leave(state, situation, path, result=result)
        for error in errors:
            yield from self._catch(state, situation, error, path)

    def _catch(self, state: State, situation: Situation, error: Json, path: str) -> Iterator[Exit]:
        for index, catcher in enumerate(state.get("Catch", [])):
            if any(_is_caught(error["Error"], name) for name in catcher["ErrorEquals"]):
                at = f"{path}/Catch/{index}"
                yield from self._leave(catcher, situation, at, errorOutput=error)
                return

    def _iterate(self, state: State, situation: Situation, path: str) -> Iterator[Exit]:
        self._fields(state, situation, path, "MaxConcurrency")
        items = self._field(state, situation, path, "Items")
        starts = self._items(state, situation, list(items), path)
        outputs = self._run(state["ItemProcessor"], starts, f"{path}/ItemProcessor")
        for results in self._lists(outputs, path) if items else [[]]:
            yield from self._leave(state, situation, path, result=results)

    def _distribute(self, state: State, situation: Situation, path: str) -> Iterator[Exit]:
        self._fields(state, situation, path, "ItemReader", "ResultWriter", "MaxConcurrency")
        items = LISTED[state["ItemReader"].get("ReaderConfig", {}).get("InputType", "OBJECTS")]
        starts = self._items(state, situation, items, path)
        batch = {
            "Items": [start.input for start in starts],
            "BatchInput": self._field(
                state["ItemBatcher"], situation, f"{path}/ItemBatcher", "BatchInput"
            ),
        }
        self._run(state["ItemProcessor"], [Situation(batch, {}, {})], f"{path}/ItemProcessor")
        yield from self._leave(state, situation, path, result=MAP_RUN)
        for error in MAP_ERRORS:
            yield from self._catch(state, situation, error, path)

    def _items(
        self, state: State, situation: Situation, items: list[Json], path: str
    ) -> list[Situation]:
        """Return what the different items start with."""
        starts = []
        for index, value in enumerate(items):
            start = situation._replace(item={"Index": index, "Value": value})
            if "ItemSelector" in state:
                try:
                    value = self._field(state, start, path, "ItemSelector")
                except QueryEvaluationError:
                    continue
            starts.append(start._replace(input=value))
        return starts

    def _lists(self, outputs: list[Json], path: str) -> Iterator[list[Json]]:
        """Return lists of results in which each new output occurs: one, some and many in a list."""
        keys = {json.dumps(output, sort_keys=True): output for output in outputs}
        fresh = [output for key, output in keys.items() if key not in self.listed[path]]
        if fresh and not self.listed[path]:
            yield (fresh * MOST_RESULTS)[:MOST_RESULTS]
        self.listed[path] |= set(keys)
        yield from ([output] for output in fresh[:RESULTS])
        for start in range(0, len(fresh), RESULTS):
            yield fresh[start : start + RESULTS]

    # --- fields ----------------------------------------------------------------------------------

    def _leave(self, state: State, situation: Situation, path: str, **more: Json) -> Iterator[Exit]:
        """Evaluate Output, by default the result or error in `more` or else the input, and Assign.

        Of a Choice state, this is its default.
        """
        output = next(iter(more.values()), situation.input)
        try:
            if "Output" in state:
                output = self._field(state, situation, path, "Output", **more)
            assigned = self._field(state, situation, path, "Assign", **more) or {}
        except QueryEvaluationError:
            return
        left = situation._replace(input=output, variables=situation.variables | assigned)
        yield left, state.get("Next", state.get("Default"))

    def _fields(self, state: State, situation: Situation, path: str, *names: str) -> None:
        for name in names:
            self._field(state, situation, path, name)

    def _field(
        self, state: State, situation: Situation, path: str, name: str, **more: Json
    ) -> Json:
        states = {"input": situation.input, "context": CONTEXT, **more}
        return self._render(state.get(name), states, situation, f"{path}/{name}")

    def _render(self, template: Json, states: States, situation: Situation, path: str) -> Json:
        if isinstance(template, str) and template.startswith("{%"):
            if "Map.Item" in template:  # in no other: the same input would be many
                item = {"Map": {"Item": dict(situation.item)}}
                states = states | {"context": CONTEXT | item}
            return self._evaluate(template, states, situation.variables, path)
        if isinstance(template, dict):
            return {
                key: self._render(value, states, situation, f"{path}/{key}")
                for key, value in template.items()
            }
        if isinstance(template, list):
            return [
                self._render(value, states, situation, f"{path}/{index}")
                for index, value in enumerate(template)
            ]
        return template

    def _evaluate(
        self, expression: str, states: States, variables: dict[str, Json], path: str
    ) -> Json:
        question = json.dumps([expression, states, variables])
        if question not in self.answers:
            try:
                self.answers[question] = self.engine(expression, states, variables), ""
            except QueryEvaluationError as raised:
                self.answers[question] = None, str(raised)
        value, error = self.answers[question]
        if not error and not isinstance(value, TYPES.get(path.rpartition("/")[2], object)):
            error = f"a value of type {type(value).__name__}"
        evaluation = Evaluation(path, expression, states, variables, value, error)
        self.evaluations[path, question] = evaluation
        if error:
            raise QueryEvaluationError(error)
        return value


def _is_caught(error: str, name: str) -> bool:
    if name == "States.ALL":
        return error != "States.Runtime"
    if name == "States.TaskFailed":
        return error != "States.Timeout"
    return error == name
