"""IAM on the local cloud: every call is judged by the policies of whoever makes it, as on AWS.

ministack judges the requests that reach it over HTTP once its environment has `AUTH=true`. This
package adds what it lacks:

- `requests.py`: requests that it does not understand, such as those of SageMaker, and its wording
  of a denial;
- `additional.py`: iam:PassRole for requests that hand a role to a service, and the like;
- `missing_objects.py`: s3:ListBucket, without which a missing object is a denial;
- `tasks.py`: the tasks of a state machine, as the state machine's role;
- `wildcards.py`: `*` and `?` for every character of an ARN;
- `targets.py`: executions that EventBridge starts, as the target's role;
- `judge.py` and `sessions.py`: what services ask for when they act as a role;
- `calls.py`: a record of every call that was judged.

The credentials of `localcloud.environment` are the administrator's: nothing is denied to them, and
what CloudFormation does is done by them.
"""

from localcloud.emulator.enforcement import (
    additional,
    calls,
    judge,
    missing_objects,
    requests,
    targets,
    tasks,
    wildcards,
)


def enforce() -> None:
    """Judge calls if this process was started to; once, after the repairs, before it serves.

    Raises:
        PrivateNameError: the installed ministack is not the one this was written for.
    """
    if not judge.is_enforced():
        return
    calls.record()
    requests.extend()
    additional.judge()
    missing_objects.judge()
    tasks.judge()
    targets.judge()
    wildcards.extend()
