# device-programs.py CGROUP ACTION [HEX]: the eBPF programs that guard the devices of a cgroup v2, for tests
# that play another manager. ACTION: "clear" detaches all of them; "add" attaches one more, of these instructions.
import ctypes
import os
import platform
import struct
import sys

PROG_LOAD, PROG_ATTACH, PROG_DETACH, PROG_GET_FD_BY_ID, PROG_QUERY = 5, 8, 9, 13, 16
TYPE_CGROUP_DEVICE, CGROUP_DEVICE, ALLOW_MULTI = 15, 6, 2
NUMBER = 280 if platform.machine() == "aarch64" else 321
libc = ctypes.CDLL(None, use_errno=True)


def bpf(command, attributes):
    buffer = ctypes.create_string_buffer(attributes, 128)
    result = libc.syscall(NUMBER, command, buffer, 128)
    if result < 0:
        sys.exit(f"bpf({command}): {os.strerror(ctypes.get_errno())}")
    return result, buffer.raw


def attached(cgroup):
    ids = (ctypes.c_uint32 * 64)()
    attributes = struct.pack("<IIIIQI", cgroup, CGROUP_DEVICE, 0, 0, ctypes.addressof(ids), 64)
    _, raw = bpf(PROG_QUERY, attributes)
    return list(ids[: struct.unpack_from("<I", raw, 24)[0]])


cgroup = os.open(sys.argv[1], os.O_RDONLY | os.O_DIRECTORY)
if sys.argv[2] == "clear":
    for number in attached(cgroup):
        program, _ = bpf(PROG_GET_FD_BY_ID, struct.pack("<I", number))
        bpf(PROG_DETACH, struct.pack("<III", cgroup, program, CGROUP_DEVICE))
else:
    code = ctypes.create_string_buffer(bytes.fromhex(sys.argv[3]))
    license = ctypes.create_string_buffer(b"GPL")
    count = len(sys.argv[3]) // 16
    pointers = [ctypes.addressof(code), ctypes.addressof(license)]
    attributes = struct.pack("<IIQQ", TYPE_CGROUP_DEVICE, count, *pointers)
    program, _ = bpf(PROG_LOAD, attributes)
    bpf(PROG_ATTACH, struct.pack("<IIII", cgroup, program, CGROUP_DEVICE, ALLOW_MULTI))
