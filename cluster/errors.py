"""What the cluster cannot do."""


class ClusterUnavailable(Exception):
    """No Ray to compute on; the line names the address and what to do."""
