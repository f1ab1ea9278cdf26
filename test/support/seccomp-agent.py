"""An agent for profiles with SCMP_ACT_NOTIFY (seccomp_unotify(2)): Node can neither receive a descriptor
nor call ioctl(2).

    seccomp-agent.py SOCKET ANSWER

ANSWER: `continue`; a number, the errno of every call; `silent`; `leave`, to end with the descriptor in hand;
or `full`, to listen with a queue that has no room and accept nobody. Prints `ready`, then a JSON line for
each message and each notification.
"""

import fcntl
import json
import os
import select
import signal
import socket
import struct
import sys

# _IOWR('!', 0, struct seccomp_notif) and _IOWR('!', 1, struct seccomp_notif_resp) of <linux/seccomp.h>
SECCOMP_IOCTL_NOTIF_RECV = 0xC0502100
SECCOMP_IOCTL_NOTIF_SEND = 0xC0182101
SECCOMP_USER_NOTIF_FLAG_CONTINUE = 1

path, answer = sys.argv[1:]


def say(what):
    print(json.dumps(what), flush=True)


def receive(listening):
    """Says the message of a connection; returns the descriptors that come with it."""
    connection, _ = listening.accept()
    with connection:
        message, descriptors, _, _ = socket.recv_fds(connection, 65536, 8)
    say({"message": json.loads(message), "descriptors": len(descriptors)})
    return descriptors


def respond(listener):
    notification = bytearray(80)
    try:
        fcntl.ioctl(listener, SECCOMP_IOCTL_NOTIF_RECV, notification)
        call, pid, _, number = struct.unpack_from("=QIIi", notification)
        say({"call": number, "pid": pid})
        if answer == "silent":
            return
        going_on = answer == "continue"
        error, flags = (0, SECCOMP_USER_NOTIF_FLAG_CONTINUE) if going_on else (-int(answer), 0)
        fcntl.ioctl(listener, SECCOMP_IOCTL_NOTIF_SEND, struct.pack("=QqiI", call, 0, error, flags))
    except OSError:
        pass  # The caller has been killed meanwhile.


listening = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
listening.bind(path)
listening.listen(0 if answer == "full" else 16)
filler = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
if answer == "full":
    filler.connect(path)
print("ready", flush=True)
if answer == "full":
    signal.pause()

poll = select.poll()
poll.register(listening, select.POLLIN)
while True:
    for descriptor, events in poll.poll():
        if descriptor == listening.fileno():
            for listener in receive(listening):
                poll.register(listener, select.POLLIN)
            if answer == "leave":
                sys.exit()
        elif events & select.POLLIN:
            respond(descriptor)
        else:
            # No process has the filter any more.
            poll.unregister(descriptor)
            os.close(descriptor)
