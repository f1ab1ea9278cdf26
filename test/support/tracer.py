# What a container does that has CAP_SYS_PTRACE: takes hold of every process that appears in its pid namespace,
# as early as it can, and prints a JSON line with what that may do. Ends with the namespace.
import ctypes
import errno
import json
import os

PTRACE_SEIZE, PTRACE_INTERRUPT, PTRACE_DETACH, WALL = 0x4206, 0x4207, 17, 0x40000000
ptrace = ctypes.CDLL(None, use_errno=True).ptrace
ptrace.argtypes = [ctypes.c_long] * 4
ptrace.restype = ctypes.c_long


def status(pid):
    with open(f"/proc/{pid}/status") as file:
        return dict(line.rstrip("\n").split(":\t", 1) for line in file if ":\t" in line)


def look(pid):
    ptrace(PTRACE_INTERRUPT, pid, 0, 0)
    os.waitpid(pid, WALL)
    found = status(pid)
    root = os.stat(f"/proc/{pid}/root/")
    ptrace(PTRACE_DETACH, pid, 0, 0)
    seen = {key: found[key] for key in ("Name", "CapPrm", "CapEff", "CapBnd", "Seccomp")}
    return {**seen, "Root": f"{root.st_dev}:{root.st_ino}"}


def newest():
    """The last process id that was given in this pid namespace."""
    with open("/proc/loadavg") as file:
        return int(file.read().split()[-1])


last = newest()
print("ready", flush=True)
while True:
    # Those that were missed are not waited for.
    last = max(last, newest() - 2)
    for pid in [pid for _ in range(20) for pid in range(last + 1, last + 5)]:
        if ptrace(PTRACE_SEIZE, pid, 0, 0) == 0:
            last = pid
            try:
                print(json.dumps(look(pid)), flush=True)
            except (OSError, KeyError):
                pass  # it has been killed meanwhile
            break
        if ctypes.get_errno() != errno.ESRCH:
            last = pid
            break
