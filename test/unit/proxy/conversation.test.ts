// A conversation: what is sent when, what a failure does to what was said, and what is done meanwhile.

import t from "tap";
import { EACCES, EINVAL, ENOSYS, EPERM } from "../../../src/linux/numbers/errno.ts";
import { close, dup3, mkdirat, openat } from "../../../src/proxy/calls/calls.ts";
import { operation, render } from "../../../src/proxy/calls/operation.ts";
import { Conversation } from "../../../src/proxy/conversation.ts";
import { StandIn } from "../../../src/proxy/line.ts";
import { inWords, leftOpen, type Step } from "../../../src/proxy/step.ts";
import { FakeKernel, ROOT } from "../rootfs/fake-kernel.ts";
import { Watched } from "./watched.ts";

t.test("a failed step's descriptors are closed, and steps that are done stay done", async (t) => {
  const kernel = new FakeKernel().with("/a/", "/c/");
  const done: string[] = [];
  const step = (path: string): Step => ({
    operations: () => {
      const opened = openat(ROOT, "a", 0);
      return [opened, openat(ROOT, path, 0), mkdirat(ROOT, `${path}-${done.length}`, 0o755)];
    },
    recover: () => {
      kernel.with("/b/");
    },
    finish: () => {
      done.push(path);
    },
  });
  carryOut(Conversation.with(kernel), [step("a"), step("b"), step("c")]);
  t.same(done, ["a", "b", "c"]);
  t.equal(kernel.open.size, 6, "one descriptor of the failed try was closed");
});

t.test("repairs that do not help come to an end", async (t) => {
  const kernel = new FakeKernel();
  const hopeless: Step = { operations: () => [openat(ROOT, "no", 0)], recover: () => undefined };
  t.throws(() => carryOut(Conversation.with(kernel), [hopeless]), /no progress/);
});

t.test("only what is open is closed", async (t) => {
  const kernel = new FakeKernel().with("/a/");
  const [first, second] = [openat(ROOT, "a", 0), openat(ROOT, "a", 0)];
  const operations = [first, second, close(first)];
  kernel.attempt(operations);
  t.same(leftOpen(operations).map(render), [`close(${second.result})`]);
});

t.test("what a mount that failed was to be reached by is closed", async (t) => {
  const copy = { ...dup3(4, 900, 0), result: 900 };
  t.same(leftOpen([copy]).map(render), ["close(900)"]);
  t.same(leftOpen([copy, { ...close(900), result: 0 }]), []);
});

function carryOut(proxy: Conversation, steps: readonly Step[]): void {
  for (const step of steps) proxy.say(step);
  proxy.settle();
}

/** A conversation that notes who is asked for operations, and what is sent. */
function noted(kernel: FakeKernel, log: string[]): Conversation {
  return Conversation.on(new Watched(kernel, () => log.push("sent")));
}

function named(name: string, log: string[], size: number, more: Partial<Step> = {}): Step {
  return {
    operations: () => {
      log.push(name);
      return Array.from({ length: size }, (_, index) => mkdirat(ROOT, `${name}${index}`, 0o755));
    },
    ...more,
  };
}

t.test("nothing is sent for what is said before somebody waits for it", async (t) => {
  const log: string[] = [];
  const proxy = noted(new FakeKernel(), log);
  proxy.say(named("a", log, 1));
  proxy.say(mkdirat(ROOT, "b", 0o755));
  t.same(log, []);
  const made = proxy.ask(mkdirat(ROOT, "c", 0o755));
  t.same(log, ["a", "sent"], "one message for all");
  t.equal(made.result, 0);
});

t.test("an attempt at nothing is no message", async (t) => {
  const kernel = new FakeKernel();
  const proxy = Conversation.with(kernel);
  proxy.say(mkdirat(ROOT, "a", 0o755));
  t.equal(proxy.attempt([]), undefined);
  t.equal(kernel.trips, 0);
  proxy.ask([]);
  t.equal(kernel.trips, 1, "but to ask for nothing is to settle");
});

t.test("what is said after go is carried out later", async (t) => {
  const log: string[] = [];
  const proxy = noted(new FakeKernel(), log);
  proxy.say(named("a", log, 1));
  proxy.go();
  log.push("tsrun works");
  proxy.say(named("b", log, 1));
  proxy.settle();
  t.same(log, ["a", "sent", "tsrun works", "b", "sent"]);
});

t.test("a failure that nobody can repair is the operation's own error, or in other words", async (t) => {
  const kernel = new FakeKernel();
  kernel.fails = () => EACCES;
  const proxy = Conversation.with(kernel);
  t.throws(() => proxy.ask(mkdirat(ROOT, "a", 0o755)), { message: /^cannot create directory "a": mkdirat/ });
  t.throws(() => proxy.ask(inWords([mkdirat(ROOT, "b", 0o755)], () => new Error("so it is"))), {
    message: "so it is",
  });
  kernel.fails = () => undefined;
  t.equal(proxy.ask(mkdirat(ROOT, "c", 0o755)).result, 0, "what has failed is forgotten");
});

t.test("an attempt hands back what failed, and nothing is closed for it", async (t) => {
  const kernel = new FakeKernel().with("/a/");
  const proxy = Conversation.with(kernel);
  const [opened, missing] = [openat(ROOT, "a", 0), openat(ROOT, "no", 0)];
  t.equal(proxy.attempt([opened, missing]), missing);
  t.equal(kernel.open.size, 1);
});

t.test("a function takes its turn, and what it says comes before what was said after it", async (t) => {
  const log: string[] = [];
  const proxy = noted(new FakeKernel(), log);
  proxy.say(named("a", log, 1));
  proxy.say(() => {
    proxy.ask(named("b", log, 1));
    proxy.say(named("c", log, 1));
  });
  proxy.say(named("d", log, 1));
  proxy.settle();
  t.same(log, ["a", "sent", "b", "sent", "c", "d", "sent"], "c and d in one message");
});

t.test("the next message is laid out while the one before is on its way", async (t) => {
  const log: string[] = [];
  carryOut(noted(new FakeKernel(), log), [named("a", log, 400), named("b", log, 400), named("c", log, 400)]);
  // Which step is too much for a message shows only when it has been asked.
  t.same(log.filter((word, index) => word !== log[index + 1]).join(" "), "a b sent b c sent c sent");
});

t.test("nobody is asked ahead of a step that has something to ask itself", async (t) => {
  const log: string[] = [];
  const next = () => log.push("next");
  carryOut(noted(new FakeKernel(), log), [named("a", log, 1, { next }), named("b", log, 1)]);
  t.same(log, ["a", "sent", "next", "b", "sent"]);
  log.length = 0;
  let first: (() => void) | undefined = () => {
    log.push("first");
    first = undefined;
  };
  const asking: Step = {
    ...named("b", log, 1),
    get first() {
      return first;
    },
  };
  carryOut(noted(new FakeKernel(), log), [named("a", log, 1), asking, named("c", log, 1)]);
  t.same(log, ["a", "sent", "first", "b", "c", "sent"]);
});

t.test("what was laid out ahead is forgotten when a message fails", async (t) => {
  const log: string[] = [];
  const kernel = new FakeKernel();
  let repaired = false;
  kernel.fails = (one) => (!repaired && one.args[1] === "a0" ? EINVAL : undefined);
  const recover = () => {
    log.push("repaired");
    repaired = true;
  };
  carryOut(noted(kernel, log), [named("a", log, 400, { recover }), named("b", log, 400)]);
  t.same(log, ["a", "b", "sent", "b", "repaired", "a", "b", "sent", "b", "sent"]);
});

t.test("a child is told what to do while it is still being made", async (t) => {
  const log: string[] = [];
  const kernel = new FakeKernel();
  const line = new Watched(kernel, () => log.push("cloned"));
  line.child = () => {
    log.push("there");
    return new StandIn(kernel);
  };
  const socket = { close: () => {} } as unknown as Parameters<Conversation["clone"]>[0]["socket"];
  const cloned = Conversation.on(line).clone({ operations: [operation("clone3", [], "clone")], socket });
  t.same(log, ["cloned"]);
  cloned.say(named("a", log, 1));
  t.equal(cloned.pid, 1);
  t.same(log, ["cloned", "a", "there"], "what was said is laid out while the kernel works");
  cloned.say(named("b", log, 1));
  cloned.settle();
  t.same(log.slice(3), ["a", "b"], "what is said later goes into the same message");
  t.equal(kernel.trips, 2, "after that with the clone");
});

t.test(
  "a clone that fails is tried in the other way, and then is an error when the child is needed",
  async (t) => {
    const kernel = new FakeKernel();
    kernel.fails = (one) => (one.call === "clone3" ? ENOSYS : one.call === "clone" ? EPERM : undefined);
    const socket = { close: () => {} } as unknown as Parameters<Conversation["clone"]>[0]["socket"];
    const cloned = Conversation.with(kernel).clone({
      operations: [operation("clone3", [], "make a child")],
      socket,
      otherwise: () => [operation("clone", [], "make a child")],
    });
    t.throws(() => cloned.pid, { message: /^cannot make a child: clone\(\) = EPERM/ });
    t.throws(() => cloned.pid, { message: /EPERM/ }, "again, without another try");
    t.same(
      kernel.calls.map(({ call }) => call),
      ["clone3", "clone"],
    );
  },
);
