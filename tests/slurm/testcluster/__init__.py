"""A real SLURM on loopback, for tests and contributors: three nodes of fake CPUs and GPUs, from Debian's packages."""

from tests.slurm.testcluster.cluster import Cluster
from tests.slurm.testcluster.errors import ClusterError, UnsupportedHost

__all__ = ["Cluster", "ClusterError", "UnsupportedHost"]
