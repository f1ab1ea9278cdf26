// How operations read in a trace and in an error: every kind of argument, every kind of result.

import t from "tap";
import { data, flags, octal, out, quote, shown, textArray } from "../../../src/proxy/calls/arguments.ts";
import {
  inChild,
  inParent,
  operation,
  operationError,
  orGoOn,
  render,
  resultOf,
} from "../../../src/proxy/calls/operation.ts";

t.test("an operation that was not carried out has no result", async (t) => {
  t.equal(render(operation("getpid", [], "ask")), "getpid()");
});

t.test("each kind of argument reads as strace shows it", async (t) => {
  const file = operation(
    "openat",
    [-100, "etc", flags(0o2000001, { O_WRONLY: 1, O_CLOEXEC: 0o2000000 })],
    "open",
  );
  t.equal(render(file), 'openat(AT_FDCWD, "etc", O_WRONLY|O_CLOEXEC)');
  t.equal(render(operation("close", [file], "close")), "close(<openat>)");
  file.result = 7;
  t.equal(render(file), 'openat(AT_FDCWD, "etc", O_WRONLY|O_CLOEXEC) = 7');
  t.equal(render(operation("close", [file], "close")), "close(7)");
  const rest = operation(
    "mount",
    [shown(0, "NULL"), 12n, octal(0o755), data(new Uint8Array(24), () => "{mode=0}"), out(256), out(4)],
    "mount",
  );
  t.equal(render(rest), "mount(NULL, 12, 0755, {mode=0}, {…}, {…})");
});

t.test("a number that a call filled in is shown", async (t) => {
  const memory = out(4);
  const ask = operation("ioctl", [5, memory], "ask");
  t.equal(render(ask), "ioctl(5, {…})");
  memory.bytes = Uint8Array.from([0xfe, 0xff, 0xff, 0xff]);
  ask.result = 0;
  t.equal(render(ask), "ioctl(5, [-2]) = 0");
});

t.test("a failure is shown by the errno's name", async (t) => {
  const ask = operation("close", [9], "close a descriptor");
  ask.result = -9;
  t.equal(render(ask), "close(9) = EBADF");
  ask.result = -4000;
  t.equal(render(ask), "close(9) = errno 4000");
});

t.test("strings are quoted, cut after 80 characters", async (t) => {
  t.equal(quote('a"\n\u0000'), '"a\\"\\n\\u0000"');
  t.equal(quote("x".repeat(80)), `"${"x".repeat(80)}"`);
  t.equal(quote("x".repeat(81)), `"${"x".repeat(80)}…"`);
});

t.test("of an array the first four are shown", async (t) => {
  const of = (...values: string[]) => textArray(values).show();
  t.equal(of(), "[]");
  t.equal(of("a", "b"), '["a", "b"]');
  t.equal(of("a", "b", "c", "d", "e"), '["a", "b", "c", "d", … 5 in all]');
});

t.test("the strings of an array lie one behind the other; one with a NUL is refused", async (t) => {
  const { bytes, pieces } = textArray(["", "dé", "", "\udcff", "x"]);
  t.equal(bytes.length, 6 * 8, "room for as many pointers, and for NULL");
  t.strictSame(pieces?.starts, [0, 1, 5, 6, 8]);
  t.equal(Buffer.from(pieces?.of.bytes ?? []).toString("latin1"), "\0d\xc3\xa9\0\0\xff\0x\0");
  t.equal(textArray([]).pieces, undefined);
  t.throws(() => textArray(["a", "b\0c"]), { code: "E_CONFIG", message: /^"b\\u0000c" holds a NUL/ });
});

t.test("flags without a name are shown in hex, none as 0", async (t) => {
  const table = { MS_NOSUID: 2, MS_NODEV: 4 };
  t.equal(flags(6, table).show(), "MS_NOSUID|MS_NODEV");
  t.equal(flags(0x106, table).show(), "MS_NOSUID|MS_NODEV|0x100");
  t.equal(flags(0, table).show(), "0");
  t.equal(flags(0x200000002, { ...table, HIGH: 0x200000000 }).show(), "MS_NOSUID|HIGH");
});

t.test("an error says what was attempted, the call and the reason in words", async (t) => {
  const failed = operation("mount", ["proc", "/proc"], 'mount "proc" on "/proc"');
  failed.result = -1;
  t.match(operationError(failed), {
    code: "E_SYSCALL",
    errno: "EPERM",
    message: 'cannot mount "proc" on "/proc": mount("proc", "/proc") = EPERM (operation not permitted)',
  });
});

t.test("modes leave the original as it is", async (t) => {
  const plain = operation("getpid", [], "ask");
  t.match(inChild(plain), { only: "child" });
  t.match(inParent(plain), { only: "parent" });
  t.match(orGoOn(plain), { goOn: true });
  t.strictSame([plain.only, plain.goOn], [undefined, undefined]);
});

t.test("only a success has a result to use", async (t) => {
  const ask = operation("getpid", [], "ask");
  t.throws(() => resultOf(ask), /getpid has no result/);
  ask.result = -1;
  t.throws(() => resultOf(ask), /getpid has no result/);
  ask.result = 0;
  t.equal(resultOf(ask), 0);
});
