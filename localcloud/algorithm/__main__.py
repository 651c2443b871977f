"""Command line: `python -m localcloud.algorithm train JOB_FOLDER | serve MODEL_FOLDER`."""

import os
import sys
from pathlib import Path

if __name__ == "__main__":
    command, folder = sys.argv[1:]
    # A picture is too little work for several threads; by default the linear algebra library
    # starts one a core in each server. It reads this when numpy is imported: hence late imports.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    if command == "train":
        from localcloud.algorithm import train

        sys.exit(train.main(Path(folder)))
    from localcloud.algorithm import serve

    sys.exit(serve.main(Path(folder)))
