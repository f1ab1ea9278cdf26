// What a conversation does with the failures of what it has sent ahead, while tsrun works at something else:
// which error is thrown, and that nothing is lost, done twice or done although something before it has
// failed.

import t from "tap";
import { EACCES, EINVAL, ENOSYS, EPERM } from "../../../src/linux/numbers/errno.ts";
import { mkdirat, openat } from "../../../src/proxy/calls/calls.ts";
import { type Operation, operation } from "../../../src/proxy/calls/operation.ts";
import type { Clone } from "../../../src/proxy/cloning.ts";
import { Conversation } from "../../../src/proxy/conversation.ts";
import type { Step } from "../../../src/proxy/step.ts";
import { FakeKernel, ROOT } from "../rootfs/fake-kernel.ts";
import { Watched } from "./watched.ts";

const make = (name: string): Operation => mkdirat(ROOT, name, 0o755);

/** The names of directories that a kernel was asked to make, and of other calls. */
function asked(kernel: FakeKernel): string[] {
  return kernel.calls.map(({ call, args }) => (call === "mkdirat" ? String(args[1]) : call));
}

/** A kernel that refuses to make the directory `name`. */
function refusing(name: string, errno = EACCES): FakeKernel {
  const kernel = new FakeKernel();
  kernel.fails = ({ args }) => (args[1] === name ? errno : undefined);
  return kernel;
}

t.test(
  "a failure of what was sent ahead is told when somebody waits, and nothing said since is done",
  async (t) => {
    const kernel = refusing("a");
    const proxy = Conversation.with(kernel);
    proxy.say(make("a"));
    proxy.go();
    proxy.say(make("b"));
    proxy.say(() => t.fail("a function that was said after it"));
    t.throws(() => proxy.ask(make("c")), { message: /^cannot create directory "a": mkdirat\(.*EACCES/ });
    t.strictSame(asked(kernel), ["a"]);
    proxy.ask(make("d"));
    t.strictSame(asked(kernel), ["a", "d"], "the conversation goes on, without what was given up");
  },
);

t.test("an attempt does not hand back the failure of something that was sent before it", async (t) => {
  const kernel = refusing("a");
  const proxy = Conversation.with(kernel);
  proxy.say(make("a"));
  proxy.go();
  t.throws(() => proxy.attempt([make("b")]), { message: /^cannot create directory "a"/ });
  t.strictSame(asked(kernel), ["a"], "and is not made");
});

t.test("what a process does last is not left to one that has failed before", async (t) => {
  for (const last of ["leave", "execute"] as const) {
    const kernel = refusing("a");
    const left: string[] = [];
    const actor = Object.assign(kernel, {
      leave: (some: readonly Operation[]) => left.push(`${some.length}`),
    });
    const proxy = Conversation.with(actor);
    proxy.say(make("a"));
    proxy.go();
    t.throws(() => proxy[last]([make("b")]), { message: /^cannot create directory "a"/ }, last);
    t.strictSame(left, [], "nothing is left");
  }
});

t.test("a repair of what was sent ahead comes before what was said since, which is done once", async (t) => {
  const kernel = refusing("a").with("/dir/");
  const proxy = Conversation.with(kernel);
  const log: string[] = [];
  const step: Step = {
    operations: () => [openat(ROOT, "dir", 0), make("a")],
    recover: () => {
      kernel.fails = () => undefined;
      proxy.say(make("repair"));
    },
    finish: () => log.push("finished"),
  };
  proxy.say(step);
  proxy.go();
  proxy.say(make("b"));
  proxy.say(() => log.push("turn"));
  proxy.ask(make("c"));
  const made = asked(kernel).filter((name) => name !== "openat");
  t.strictSame(made, ["a", "repair", "close", "a", "b", "c"], "with what the failed try had open");
  t.strictSame(log, ["finished", "turn"]);
});

t.test("steps before the failed one have been done, and steps behind it have not", async (t) => {
  const kernel = refusing("b");
  const proxy = Conversation.with(kernel);
  const finished: string[] = [];
  for (const name of ["a", "b", "c"]) {
    proxy.say({ operations: () => [make(name)], finish: () => finished.push(name) });
  }
  proxy.go();
  t.strictSame(finished, [], "nobody has waited yet");
  t.throws(() => proxy.settle(), { message: /^cannot create directory "b"/ });
  t.strictSame(finished, ["a"]);
  t.strictSame(asked(kernel), ["a", "b"]);
});

t.test("of several messages those behind the failed one are never sent", async (t) => {
  const kernel = refusing("a7");
  const proxy = Conversation.with(kernel);
  for (const name of ["a", "b", "c"]) {
    proxy.say(Array.from({ length: 400 }, (_, index) => make(`${name}${index}`)));
  }
  proxy.go();
  t.equal(kernel.trips, 1, "go sends one message");
  t.throws(() => proxy.settle(), { message: /"a7"/ });
  t.equal(kernel.trips, 1, "and it stays the only one, though the next was laid out");
});

t.test("an error while a message is on its way does not become that of what is asked next", async (t) => {
  const kernel = refusing("a");
  const proxy = Conversation.with(kernel);
  const finished: string[] = [];
  proxy.say({ operations: () => [make("a")], finish: () => finished.push("a") });
  proxy.go();
  // Laid out while "a" is on its way.
  proxy.say({
    operations: () => {
      throw Object.assign(new Error("out of memory"), { name: "InternalError" });
    },
  });
  t.throws(() => proxy.settle(), { message: "out of memory" });
  t.equal(proxy.attempt([make("b")]), undefined, "to undo something");
  t.strictSame(asked(kernel), ["a", "b"]);
  t.strictSame(finished, []);
});

t.test("a message that cannot be sent leaves no answer to wait for", async (t) => {
  const kernel = new FakeKernel();
  let isBroken = true;
  const line = new Watched(kernel, () => {
    if (isBroken) throw new Error("does not fit");
  });
  const received = line.receive.bind(line);
  line.receive = () => (isBroken ? t.fail("would wait for ever") : received()) as Operation | undefined;
  const proxy = Conversation.on(line);
  proxy.say(make("a"));
  t.throws(() => proxy.go(), { message: "does not fit" });
  proxy.say(make("b"));
  t.throws(() => proxy.settle(), { message: "does not fit" });
  isBroken = false;
  proxy.ask(make("c"));
  t.strictSame(asked(kernel), ["c"], "nor anything that was given up");
});

const socket = { close: () => {} } as unknown as Clone["socket"];

/** A clone that needs its second way. */
function clone(more: Partial<Clone> = {}): Clone {
  return {
    operations: [operation("clone3", [], "make a child")],
    otherwise: () => [operation("clone", [], "make a child")],
    socket,
    ...more,
  };
}

/** A kernel whose processes can be cloned, where clone3(2) may be missing. */
class Cloneable extends FakeKernel {
  readonly inside = new FakeKernel();

  child(): FakeKernel {
    return this.inside;
  }
}

t.test("a clone waits for what was sent ahead, and what is said after it is done after it", async (t) => {
  const kernel = new Cloneable().with("/dir/");
  kernel.fails = ({ call }) => (call === "clone3" ? ENOSYS : undefined);
  const proxy = Conversation.with(kernel);
  const opened = openat(ROOT, "dir", 0);
  proxy.say(opened);
  proxy.go();
  const child = proxy.clone(clone());
  proxy.say(make("b"));
  child.say(make("inside"));
  t.equal(child.pid, 1);
  t.ok((opened.result ?? -1) > 0, "the answer to the first message is its own");
  child.settle();
  proxy.settle();
  t.strictSame(asked(kernel), ["openat", "clone3", "clone", "b"], "also where the first way fails");
  t.strictSame(asked(kernel.inside), ["inside"]);
});

t.test("a failure before the clone is the error of both, and the child is told nothing", async (t) => {
  for (const first of ["parent", "child"] as const) {
    const kernel = new Cloneable();
    kernel.fails = ({ args }) => (args[1] === "a" ? EINVAL : undefined);
    const proxy = Conversation.with(kernel);
    proxy.say(make("a"));
    const child = proxy.clone(clone());
    child.say(make("inside"));
    const error = { message: /^cannot create directory "a"/ };
    if (first === "parent") t.throws(() => proxy.settle(), error);
    t.throws(() => child.pid, error, `asked after the ${first}`);
    t.throws(() => child.settle(), error, "again");
    t.strictSame([asked(kernel), asked(kernel.inside)], [["a"], []]);
    child.end();
  }
});

t.test("a failure of what was sent ahead stops the clone", async (t) => {
  const kernel = new Cloneable();
  kernel.fails = ({ args }) => (args[1] === "a" ? EINVAL : undefined);
  const proxy = Conversation.with(kernel);
  proxy.say(make("a"));
  proxy.go();
  t.throws(() => proxy.clone(clone()), { message: /^cannot create directory "a"/ });
  t.strictSame(asked(kernel), ["a"]);
});

t.test("a child that fails at once is the error, whoever hears of it first", async (t) => {
  const kernel = new Cloneable();
  kernel.fails = ({ args }) => (args[1] === "a" ? EINVAL : undefined);
  kernel.child = () => {
    throw new Error("the child has failed");
  };
  const proxy = Conversation.with(kernel);
  const child = proxy.clone(clone());
  t.throws(() => proxy.settle(), { message: "the child has failed" });
  t.throws(() => proxy.ask(make("a")), { message: /^cannot create directory "a"/ });
  t.throws(() => child.pid, { message: "the child has failed" }, "not what has failed since");
});

t.test("for a process that is ended nothing is laid out: there may be no memory for it", async (t) => {
  const kernel = new Cloneable();
  const proxy = Conversation.with(kernel);
  const child = proxy.clone(clone());
  child.say({
    operations: () => {
      throw Object.assign(new Error("out of memory"), { name: "InternalError" });
    },
  });
  t.throws(() => child.pid, { message: "out of memory" });
  child.end();
  t.strictSame(asked(kernel), ["clone3"], "the answer of the clone, by which it is known, has been read");
});

t.test("a clone that fails in both ways is given up, and the parent goes on", async (t) => {
  const kernel = new Cloneable();
  kernel.fails = ({ call }) => (call === "clone3" ? ENOSYS : call === "clone" ? EPERM : undefined);
  const proxy = Conversation.with(kernel);
  const child = proxy.clone(clone());
  t.throws(() => child.pid, { message: /^cannot make a child: clone\(\) = EPERM/ });
  proxy.ask(make("b"));
  t.strictSame(asked(kernel), ["clone3", "clone", "b"]);
});

/** What the engine throws, in place of a system call. */
const outOfMemory = () => Object.assign(new Error("out of memory"), { name: "InternalError" });

t.test("a child is ended though tsrun ran out of memory while the clone was awaited", async (t) => {
  for (const where of ["the answer of the parent", "the answer of the child"]) {
    const ended: string[] = [];
    const line = new Watched(new FakeKernel());
    const inside = Object.assign(new Watched(new FakeKernel()), { end: () => ended.push("child") });
    const refusals = [where];
    const receive = line.receive.bind(line);
    line.receive = () => {
      if (where.endsWith("parent") && refusals.pop() !== undefined) throw outOfMemory();
      return receive();
    };
    line.child = () => {
      if (refusals.pop() === undefined) return inside;
      // As that of proxy.ts, which ends the child then.
      ended.push("child");
      throw outOfMemory();
    };
    const child = Conversation.on(line).clone(clone());
    child.say(make("inside"));
    t.throws(() => child.pid, { message: "out of memory" }, where);
    child.end();
    t.strictSame(ended, ["child"], where);
    t.strictSame(inside.messages, [], "and is told nothing");
  }
});
