"""A small file system of a process's own (Linux, where users may have them): a disk that can really be full."""

import functools
import shutil
import subprocess

_UNSHARE = ("unshare", "--user", "--map-root-user", "--mount")


@functools.cache
def may_mount():
    """Whether there can be one here."""
    if shutil.which("unshare") is None:
        return False
    trial = [*_UNSHARE, "mount", "-t", "tmpfs", "tmpfs", "/mnt"]
    return subprocess.run(trial, capture_output=True, check=False).returncode == 0


def on_small_disk(directory, size):
    """What to put before a command so that it finds the directory on a file system of so many bytes. Others see it as
    `/proc/PID/root/...`.
    """
    return (*_UNSHARE, "sh", "-c", f'mount -t tmpfs -o size={size},mode=700 tmpfs "$0" && exec "$@"', str(directory))
