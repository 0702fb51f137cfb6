"""`python -m bench`.

Python puts the working folder before all else that may be imported, and a folder `models` in it would hide ours: it is
taken away again. A checkout that is not installed is then named, for the processes that this one starts as well.
"""

import os
import sys
from pathlib import Path

if __name__ == "__main__":
    if not sys.flags.safe_path:
        del sys.path[0]
    root = str(Path(__file__).resolve().parents[1])
    if root not in sys.path:
        sys.path.insert(0, root)
        os.environ["PYTHONPATH"] = os.pathsep.join(filter(None, [root, os.environ.get("PYTHONPATH")]))
    from bench.cli.app import main

    main()
