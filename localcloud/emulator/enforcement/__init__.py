"""IAM on the local cloud: every call is judged by the policies of whoever makes it, as on AWS.

ministack judges the requests that reach it over HTTP once its environment has `AUTH=true`. This
package adds what it lacks:

- `requests.py`: requests that it does not understand, such as those of SageMaker, and its wording
  of a denial;
- `additional.py`: actions that a request needs beside its own, such as iam:PassRole;
- `tasks.py`: what Step Functions and EventBridge do, as the role of a state machine or a target;
- `judge.py`: what services ask when they act as a role, and the credentials of a role;
- `calls.py`: a record of every call that was judged.

The credentials of `localcloud.environment` are the administrator's: nothing is denied to them, and
what CloudFormation does is done by them.
"""

from localcloud.emulator.enforcement import additional, calls, judge, requests, tasks


def enforce() -> None:
    """Judge calls if this process was started to; once, after the repairs, before it serves."""
    if not judge.is_enforced():
        return
    calls.record()
    requests.extend()
    additional.judge()
    tasks.judge()
