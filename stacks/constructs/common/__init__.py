"""Parts of the constructs of all stacks: functions, state machines, roles, alarms, grants."""
