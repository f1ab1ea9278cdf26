"""A person at a terminal, for the tests: Node has no pseudo-terminals.

    pty.py STEPS PROGRAM ARGUMENT...    runs the program on a terminal of its own
    pty.py STEPS --listen SOCKET        takes a terminal from a console socket, and prints "up" when it listens

STEPS is a JSON list, done in order: {"expect": REGEX} {"send": TEXT} {"size": [ROWS, COLUMNS]} {"modes": true}
{"touch": FILE} {"echo": BYTES}, which sends that much and wants the same back. All of them together may
take LIMIT_SECONDS, or as long as {"within": SECONDS} says from then on. Prints one JSON object: what was
shown, the exit status (128 + signal), and the terminal's modes before, at "modes", and after.
"""

import fcntl
import json
import os
import re
import select
import signal
import socket
import struct
import sys
import termios
import time

LIMIT_SECONDS = 45
PIECE = 4096


class Person:
    def __init__(self, master):
        self.master = master
        self.shown = b""
        self.seen = 0
        self.open = True
        self.modes = []
        self.deadline = time.monotonic() + LIMIT_SECONDS

    def look(self, seconds):
        """Takes what the terminal shows; false when there was nothing."""
        if not self.open or not select.select([self.master], [], [], seconds)[0]:
            return False
        try:
            piece = os.read(self.master, 65536)
        except OSError:
            piece = b""
        self.open = piece != b""
        self.shown += piece
        return self.open

    def expect(self, pattern):
        while True:
            found = re.compile(pattern.encode(), re.M).search(self.shown, self.seen)
            if found:
                self.seen = found.end()
                return
            if not self.open or time.monotonic() > self.deadline:
                raise Missing(f"{pattern!r} was not shown after {self.shown[self.seen:]!r}")
            self.look(0.1)

    def echo(self, count):
        """Sends letters, and takes them back meanwhile, as whoever pastes a long text does."""
        text = (b"abcdefghijklmnopqrstuvwxyz0123456789" * (count // 36 + 1))[:count]
        begin, sent = len(self.shown), 0
        os.set_blocking(self.master, False)
        while len(self.shown) - begin < count:
            if not self.open or time.monotonic() > self.deadline:
                raise Missing(f"{len(self.shown) - begin} of {count} bytes came back, {sent} were sent")
            wanted = [self.master] if sent < count else []
            if select.select([], wanted, [], 0)[1]:
                try:
                    sent += os.write(self.master, text[sent : sent + PIECE])
                except BlockingIOError:
                    pass
            self.look(0.01)
        os.set_blocking(self.master, True)
        if self.shown[begin:] != text:
            raise Missing("what came back is not what was sent")
        self.shown, self.seen = self.shown[:begin], begin

    def do(self, step):
        (name, value), = step.items()
        if name == "expect":
            self.expect(value)
        elif name == "send":
            os.write(self.master, value.encode())
        elif name == "size":
            fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", *value, 0, 0))
        elif name == "modes":
            self.modes.append(modes_of(self.master))
        elif name == "touch":
            open(value, "w").close()
        elif name == "echo":
            self.echo(value)
        elif name == "within":
            self.deadline = time.monotonic() + value
        else:
            raise Missing(f"no such step: {name}")


class Missing(Exception):
    """Something did not come that was to come."""


def modes_of(terminal):
    return termios.tcgetattr(terminal)[:4]


def start(command):
    """Starts the program; our own hold on the other end keeps the terminal's modes."""
    master, slave = os.openpty()
    fcntl.ioctl(master, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    pid = os.fork()
    if pid == 0:
        os.close(master)
        os.login_tty(slave)
        os.execvp(command[0], command)
    return master, slave, pid


def take(path):
    """The one message that a runtime sends: a name and a descriptor."""
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    server.bind(path)
    server.listen(1)
    print("up", flush=True)
    connection, _ = server.accept()
    name, control, _, _ = connection.recvmsg(4096, socket.CMSG_SPACE(16))
    descriptors = [fd for *_, text in control for fd in struct.unpack(f"{len(text) // 4}i", text)]
    return name.decode(), descriptors, connection


def end_of(pid, person):
    """The exit status; whoever does not end is ended."""
    while True:
        person.look(0.02)
        found, status = os.waitpid(pid, os.WNOHANG)
        if found:
            code = os.waitstatus_to_exitcode(status)
            break
        if time.monotonic() > person.deadline:
            os.kill(pid, signal.SIGKILL)
    while person.look(0.05):
        pass
    return code if code >= 0 else 128 - code


def main():
    steps, command = json.loads(sys.argv[1]), sys.argv[2:]
    report = {"missing": None}
    if command[0] == "--listen":
        name, descriptors, connection = take(command[1])
        report.update(name=name, descriptors=len(descriptors))
        person = Person(descriptors[0])
    else:
        master, _slave, pid = start(command)
        person = Person(master)
    person.modes.append(modes_of(person.master))
    try:
        for step in steps:
            person.do(step)
    except Missing as reason:
        report["missing"] = str(reason)
        if command[0] != "--listen":
            person.deadline = 0
    if command[0] == "--listen":
        report["silent"] = not select.select([connection], [], [], 0)[0] or connection.recv(1) == b""
    else:
        report["code"] = end_of(pid, person)
        person.modes.append(modes_of(person.master))
    report.update(shown=person.shown.decode("latin1"), modes=person.modes)
    print(json.dumps(report, default=lambda value: value.decode("latin1")))


main()
