"""Contract tests of the limit of a state's size; each fails without its repair."""

from typing import Any

LIMIT = 262_144


def _returning(size: int) -> str:
    # A JSON string of that many bytes, with its two quotation marks.
    return f"def handler(event, context):\n    return 'x' * ({size} - 2)\n"


def test_a_result_of_exactly_256_kib_passes(functions: Any, execute: Any) -> None:
    function = functions.python(_returning(LIMIT))
    machine = {
        "StartAt": "Large",
        "States": {"Large": {"Type": "Task", "Resource": function, "End": True}},
    }

    assert execute(machine, {})["status"] == "SUCCEEDED"


def test_half_a_surrogate_pair_has_a_size_too(execute: Any) -> None:
    machine = {"StartAt": "Pass", "States": {"Pass": {"Type": "Pass", "End": True}}}

    assert execute(machine, "\ud800.png")["status"] == "SUCCEEDED"


def test_a_larger_result_fails_and_its_name_or_all_catches_it(functions: Any, execute: Any) -> None:
    function = functions.python(_returning(LIMIT + 1))

    def machine(caught: str) -> dict[str, Any]:
        catch = [{"ErrorEquals": [caught], "Next": "Caught"}]
        return {
            "StartAt": "Large",
            "States": {
                "Large": {"Type": "Task", "Resource": function, "Catch": catch, "End": True},
                "Caught": {"Type": "Succeed"},
            },
        }

    by_failure = execute(machine("States.TaskFailed"), {})
    assert by_failure["status"] == "FAILED"
    assert by_failure["error"] == "States.DataLimitExceeded"
    for caught in ("States.ALL", "States.DataLimitExceeded"):
        assert execute(machine(caught), {})["status"] == "SUCCEEDED"


def test_the_collected_results_of_a_map_count_as_one_output(functions: Any, execute: Any) -> None:
    function = functions.python(_returning(100_000))
    each = {"Type": "Task", "Resource": function, "End": True}
    machine = {
        "StartAt": "All",
        "States": {
            "All": {
                "Type": "Map",
                "ItemProcessor": {"StartAt": "Each", "States": {"Each": each}},
                "End": True,
            }
        },
    }

    assert execute(machine, [1, 2])["status"] == "SUCCEEDED"
    result = execute(machine, [1, 2, 3])
    assert (result["status"], result["error"]) == ("FAILED", "States.DataLimitExceeded")
