// Masked directories and read-only paths, on kernels that do not take them as they are.

import t from "tap";
import { EINVAL, ENOSYS } from "../../../src/linux/numbers/errno.ts";
import { close } from "../../../src/proxy/calls/calls.ts";
import { type Operation, render } from "../../../src/proxy/calls/operation.ts";
import { Conversation } from "../../../src/proxy/conversation.ts";
import { held } from "../../../src/proxy/step.ts";
import { type EmptyDirectory, maskDirectoryStep, readonlyPathStep } from "../../../src/rootfs/build/seal.ts";
import { RootContext } from "../../../src/rootfs/place/context.ts";
import { FakeKernel, ROOT } from "./fake-kernel.ts";

/** As Ubuntu's Linux 5.4: a tmpfs has two inodes at least. */
function wantsTwoInodes(one: Operation): number | undefined {
  return /nr_inodes(=|", ")1"/.test(render(one)) ? EINVAL : undefined;
}

function contextOn(kernel: FakeKernel): RootContext {
  const helper = { canHelp: false, root: -1, userNamespace: () => -1, attempt: () => undefined };
  const context = new RootContext({
    proxy: Conversation.with(kernel),
    helper,
    rootfs: "/b/rootfs",
    kindOf: () => "directory",
    openFilesLimit: () => 1024,
  });
  context.root = ROOT;
  return context;
}

function mask(kernel: FakeKernel, paths: readonly string[]): EmptyDirectory {
  const context = contextOn(kernel);
  const empty: EmptyDirectory = { inodes: 1 };
  for (const path of paths) {
    context.proxy.say(maskDirectoryStep(context, path, { empty, label: undefined, labelOption: "context" }));
  }
  context.proxy.settle();
  return empty;
}

function said(kernel: FakeKernel): string[] {
  return kernel.calls.map(render).filter((call) => call.includes("nr_inodes"));
}

t.test("directories are masked by a tmpfs of one inode", async (t) => {
  const kernel = new FakeKernel().with("/a/", "/b/");
  mask(kernel, ["/a", "/b"]);
  t.equal(said(kernel).length, 1, "one for both");
  t.match(said(kernel)[0], /"nr_inodes", "1"/);
  for (const path of ["/a", "/b"]) t.type(kernel.at(path)?.covered, "string", path);
});

t.test("a kernel that wants two inodes gets them", async (t) => {
  const kernel = new FakeKernel().with("/a/", "/b/");
  kernel.fails = wantsTwoInodes;
  const { maker } = mask(kernel, ["/a", "/b"]);
  t.match(said(kernel), [/"nr_inodes", "1"/, /"nr_inodes", "2"/]);
  for (const path of ["/a", "/b"]) t.type(kernel.at(path)?.covered, "string", path);
  if (maker === undefined) throw new Error("nothing was made");
  kernel.attempt([close(held(maker.mounted))]);
  t.equal(kernel.open.size, 0, "nothing else is open");
});

t.test("the same by mount(2)", async (t) => {
  const kernel = new FakeKernel().with("/a/", "/b/");
  kernel.fails = (one) => (["fsopen", "open_tree"].includes(one.call) ? ENOSYS : wantsTwoInodes(one));
  mask(kernel, ["/a", "/b"]);
  t.match(said(kernel), [/nr_inodes=1"/, /nr_inodes=2"/, /nr_inodes=2"/]);
  t.equal(kernel.open.size, 0);
});

t.test("a tmpfs that is refused for another reason is an error, after the second try", async (t) => {
  const kernel = new FakeKernel().with("/a/");
  kernel.fails = (one) => (render(one).includes("nr_inodes") ? EINVAL : undefined);
  t.throws(() => mask(kernel, ["/a"]), { message: /^cannot mask "\/a": fsconfig\(.*"2".* = EINVAL/ });
  t.equal(said(kernel).length, 2);
});

const ST_NOSUID = 0x2;

t.test("a path that mount(2) makes read-only keeps the other flags of its mount", async (t) => {
  const kernel = new FakeKernel().with("/a/");
  kernel.statfsFlags = ST_NOSUID;
  kernel.fails = ({ call }) => (call === "mount_setattr" ? ENOSYS : undefined);
  const context = contextOn(kernel);
  context.proxy.ask(readonlyPathStep(context, "/a"));
  t.match(kernel.calls.filter(({ call }) => call === "mount").map(render), [
    /MS_RDONLY\|MS_NOSUID\|MS_REMOUNT\|MS_BIND/,
  ]);
  t.equal(kernel.open.size, 0);
});
