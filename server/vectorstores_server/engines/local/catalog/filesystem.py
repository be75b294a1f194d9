"""The file system that a data directory needs: one on which SQLite's locks hold."""

from pathlib import Path

from vectorstores_tools.contract.errors import Unavailable

NETWORK = frozenset({
    "9p", "afs", "beegfs", "ceph", "cifs", "coda", "davfs", "fuse.davfs2", "fuse.glusterfs", "fuse.rclone", "fuse.s3fs",
    "fuse.sshfs", "gfs2", "glusterfs", "lustre", "ncpfs", "nfs", "nfs4", "ocfs2", "smb3", "smbfs",
})  # fmt: skip
MOUNTS = Path("/proc/self/mountinfo")


def refuse_network(directory: Path, mounts: Path = MOUNTS) -> None:
    """Raise Unavailable where locks do not hold between machines. Elsewhere than on Linux nothing is checked."""
    if not mounts.exists():
        return
    kind = _file_system(directory.absolute().resolve(), mounts.read_text("utf-8", "surrogateescape"))
    if kind in NETWORK:
        raise Unavailable(
            f"The data directory {directory} is on a network file system ({kind}), where a database can be damaged.",
            "Set VECTOR_STORES_DATA (--data) to a directory on a local disk.",
        )


def _file_system(directory: Path, mountinfo: str) -> str:
    """Return the type of the mount that holds `directory`: the longest mount point above it, the last one of those."""
    best, kind = -1, ""
    for line in mountinfo.splitlines():
        before, _, after = line.partition(" - ")
        # Spaces in a mount point stand there as \040.
        point = before.split(" ")[4].encode("latin-1", "replace").decode("unicode_escape")
        if directory.is_relative_to(point) and len(point) >= best:
            best, kind = len(point), after.split(" ")[0]
    return kind
