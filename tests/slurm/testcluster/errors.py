"""What can go wrong with the cluster; the message is all that a user sees."""


class ClusterError(Exception):
    """A daemon, a client or a wait failed. The message says which, with what it said."""


class UnsupportedHost(ClusterError):
    """This machine cannot have the cluster: a package or a right is missing. The message says how to get it."""
