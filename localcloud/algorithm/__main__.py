"""Command line: `python -m localcloud.algorithm train | serve`."""

import argparse
import os
import sys
from pathlib import Path

from localcloud.environment import port_number


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its exit code."""
    options = _parser().parse_args(arguments)
    # A picture is too little work to share among threads; by default the linear algebra library
    # would start one a core in this process and in every other server on the same few cores.
    # It reads the variable once, when numpy is imported: hence here, and the late imports.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if options.command == "train":
        from localcloud.algorithm import train

        return train.main(options.root)
    from localcloud.algorithm import serve

    return serve.main(options.model_dir, port=options.port)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m localcloud.algorithm", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True)
    train = commands.add_parser("train", help="run a training job")
    train.add_argument("--root", type=Path, default=Path("/opt/ml"), help="default: %(default)s")
    serve = commands.add_parser("serve", help="serve a model over HTTP on 127.0.0.1")
    serve.add_argument("--model-dir", type=Path, default=Path("/opt/ml/model"))
    serve.add_argument(
        "--port", type=port_number, default=0, help="default: a free one, see stdout"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
