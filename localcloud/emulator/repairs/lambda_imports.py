"""A Python function that does not use boto3 starts without importing it, as on AWS.

ministack imports botocore in every worker before the handler, most of a cold start, to have it add
a header to the function's own calls. That can wait until the handler imports botocore itself.
"""

from localcloud.emulator.repairs import worker_script

INSTALL = "    _ms_install_invoke_depth()\n"
BEFORE_ANY_SESSION = "botocore.session"


def repair() -> None:
    """Add the header when botocore is imported; a session takes it over when it is made."""
    later = f'    when_imported("{BEFORE_ANY_SESSION}", _ms_install_invoke_depth)\n'
    worker_script.extend(worker_script.PYTHON, prologue="python_imports.py", edits={INSTALL: later})
