"""Unpacks a model's archive into an empty folder; refuses members that would land outside of it, links, and damaged archives, with the reason on standard error.

Needs Python 3.10 and nothing else.
"""

import os
import shutil
import sys
import tarfile
import zlib


def unpack(archive, target):
    root = os.path.realpath(target)
    with tarfile.open(archive, "r:*") as members:
        for member in members:
            name = member.name
            path = os.path.realpath(os.path.join(root, name))
            if os.path.isabs(name) or not (path == root or path.startswith(root + os.sep)):
                sys.exit(f"the member {name!r} would be written outside of the model's folder")
            if member.isdir():
                os.makedirs(path, exist_ok=True)
            elif member.isfile():
                os.makedirs(os.path.dirname(path), exist_ok=True)
                with members.extractfile(member) as source, open(path, "wb") as file:
                    shutil.copyfileobj(source, file)
            else:
                sys.exit(f"the member {name!r} is a link or a device; pack the file itself (tar -h)")


if __name__ == "__main__":
    try:
        unpack(*sys.argv[1:])
    except (tarfile.TarError, EOFError, zlib.error, OSError) as error:
        # The error of an unknown format has a line for each format.
        sys.exit(f"it cannot be unpacked: {str(error).splitlines()[0].rstrip(':')}; give the folder of a model, also for a single ONNX file, or its model.tar.gz")
