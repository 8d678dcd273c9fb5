"""Which disks are far away."""

import os
from pathlib import Path

MOUNTS = Path("/proc/self/mounts")
FAR = (
    *("nfs", "cifs", "smb", "lustre", "gpfs", "beegfs", "ceph", "afs"),
    *("fuse.sshfs", "fuse.glusterfs", "fuse.rclone", "fuse.s3fs", "fuse.gcsfuse"),
)


def network_disk(folder: Path, *, mounts: Path = MOUNTS) -> str | None:
    """The kind of network file system that a folder lies on, or would; None for a local disk, and where Linux's table
    of mounts cannot be asked."""
    try:
        lines = mounts.read_text().splitlines()
    except OSError:
        return None
    at = os.path.realpath(folder)
    kinds = {}
    for line in lines:
        _, mounted, kind, *_ = line.split(" ")
        kinds[mounted.encode().decode("unicode_escape")] = kind  # a later mount hides an earlier one; \040 is a space
    on = max((point for point in kinds if os.path.commonpath([point, at]) == point), key=len, default="")
    kind = kinds.get(on, "")
    return kind if kind.startswith(FAR) else None
