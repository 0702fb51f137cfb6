"""`python -m tests.slurm.testcluster up|down`: a cluster to try things on."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from tests.slurm.testcluster import Cluster, ClusterError, UnsupportedHost
from tests.slurm.testcluster.config import CPUS, GPUS, NODES, PARTITIONS
from tests.slurm.testcluster.host import prefix


def main() -> int:
    """0 where it worked, 2 where this machine cannot have a cluster, 1 where anything else went wrong."""
    arguments = _parser().parse_args()
    cluster = Cluster(arguments.dir, accounting=arguments.verb == "up" and arguments.accounting)
    try:
        if arguments.verb == "up":
            cluster.up()
            print(f"export SLURM_CONF={cluster.conf}")
            print(_summary(arguments.dir))
        elif not cluster.running():
            print(f"No cluster is up in '{cluster.root}'.")
        else:
            cluster.down()
            print(f"Ended. Logs: {cluster.root / 'log'}")
    except ClusterError as error:
        print(error, file=sys.stderr)
        return 2 if isinstance(error, UnsupportedHost) else 1
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.slurm.testcluster", description=__doc__)
    verbs = parser.add_subparsers(dest="verb", required=True)
    up = verbs.add_parser("up", help='start it; for your shell: eval "$(python -m tests.slurm.testcluster up)"')
    down = verbs.add_parser("down", help="end it and the jobs on it; the logs stay")
    for verb in (up, down):
        verb.add_argument("--dir", type=Path, default=_default(), help="its folder (default: %(default)s)")
    up.add_argument("--accounting", action="store_true", help="with slurmdbd, so that sacct works")
    return parser


def _default() -> Path:
    return Path(tempfile.gettempdir()) / "sparse-latent-bench-cluster"


def _summary(folder: Path) -> str:
    """Comments to the shell."""
    where = "" if folder == _default() else f" --dir {folder}"
    lines = [
        f"# Nodes {', '.join(NODES)} of {CPUS} CPUs and {GPUS} fake GPUs each; partitions {', '.join(PARTITIONS)}. "
        f"To end it: python -m tests.slurm.testcluster down{where}"
    ]
    if prefix():
        lines.append(
            "# srun, other than in a job, needs a hostname on loopback: unshare --uts sh -c 'hostname localhost; bash'"
        )
    return "\n".join(lines)


if __name__ == "__main__":
    sys.exit(main())
