"""Keeps a file open and mapped, and says after each line of input all that it sees in its directory: what the kernel remembers counts."""
import json
import mmap
import os
import sys

opened = os.open("file", os.O_RDONLY)
mapped = mmap.mmap(opened, 0, prot=mmap.PROT_READ)


def text(path):
    try:
        with open(path) as file:
            return file.read()
    except OSError as error:
        return error.strerror


for _ in sys.stdin:
    seen = {
        "mode": oct(os.stat("file").st_mode & 0o777),
        "held": oct(os.fstat(opened).st_mode & 0o777),
        "open": os.pread(opened, 100, 0).decode(),
        "path": text("file"),
        "mapped": mapped[:].decode(),
        "new": text("new"),
        "names": sorted(os.listdir(".")),
        "below": sorted(os.listdir("dir")),
        "gone": text("dir/gone"),
    }
    print(json.dumps(seen), flush=True)
