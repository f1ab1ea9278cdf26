// Mounts of a configuration on a kernel in memory: what a failure costs, what repairs it, and what the errors
// say.

import t from "tap";
import { EACCES, EBUSY, EINVAL, ENODEV, ENOSYS, EPERM, EROFS } from "../../../src/linux/numbers/errno.ts";
import { openat } from "../../../src/proxy/calls/calls.ts";
import { render } from "../../../src/proxy/calls/operation.ts";
import { Conversation } from "../../../src/proxy/conversation.ts";
import { countOf } from "../../../src/proxy/wire/repeat.ts";
import { fullKernelMounts } from "../../../src/rootfs/build/leave-host.ts";
import { parseMounts } from "../../../src/rootfs/host/mountinfo.ts";
import { Watched } from "../proxy/watched.ts";
import { bind, build, failure, tmpfs } from "./building.ts";
import { V2 } from "./configurations.ts";
import { FakeKernel } from "./fake-kernel.ts";

t.test("what is there already takes one message", async (t) => {
  const kernel = new FakeKernel().with("/proc/", "/mnt/", "/etc/hosts");
  build(kernel, [{ destination: "/proc", type: "proc" }, tmpfs("/mnt"), bind("/host/hosts", "/etc/hosts")]);
  t.equal(kernel.trips, 1);
  t.equal(kernel.at("/proc")?.covered, "proc");
  t.equal(kernel.at("/etc/hosts")?.covered, "/host/hosts");
  t.equal(kernel.open.size, 0, "no descriptor stays open");
});

t.test("a hundred missing mount points cost hardly more than one", async (t) => {
  const mounts = Array.from({ length: 100 }, (_, index) => bind("/host/dir/", `/new/${index}/data`));
  const kernel = new FakeKernel();
  build(kernel, mounts);
  t.ok(kernel.trips < 12, `${kernel.trips} messages`);
  t.equal(kernel.at("/new/99/data")?.covered, "/host/dir/");
  t.equal(kernel.open.size, 0);
});

t.test("a missing mount point is made of the kind of its source", async (t) => {
  const kernel = new FakeKernel();
  build(kernel, [bind("/host/file", "/a/file"), bind("/host/dir/", "/a/dir"), tmpfs("/a/tmp")]);
  t.match(kernel.at("/a/file"), { covered: "/host/file", type: 0o100000 });
  t.match(kernel.at("/a/dir"), { covered: "/host/dir/", type: 0o040000 });
  t.match(kernel.at("/a/tmp"), { covered: "tmpfs" });
});

t.test("symbolic links are followed inside the root, wherever they point", async (t) => {
  const kernel = new FakeKernel().with(
    "/real/",
    "/absolute -> /real",
    "/relative -> absolute",
    "/up -> ../../../../real",
    "/nowhere -> /made/here",
    "/deep/link -> ../real/./",
  );
  build(kernel, [
    tmpfs("/absolute/a"),
    tmpfs("/relative/b"),
    tmpfs("/up/c"),
    tmpfs("/nowhere/d"),
    bind("/host/file", "/deep/link/e"),
  ]);
  for (const path of ["/real/a", "/real/b", "/real/c", "/made/here/d"]) {
    t.equal(kernel.at(path)?.covered, "tmpfs", path);
  }
  t.equal(kernel.at("/real/e")?.covered, "/host/file");
  t.equal(kernel.open.size, 0);
});

t.test("a link is itself the mount point when it is to be", async (t) => {
  const kernel = new FakeKernel().with("/real/", "/dir -> /real", "/real/link -> elsewhere");
  build(kernel, [bind("/host/file", "/dir/link", "dest-nofollow")]);
  t.equal(kernel.at("/real/link")?.covered, "/host/file");
});

t.test("without openat2(2), links are followed before anything is opened", async (t) => {
  const kernel = new FakeKernel().with("/real/", "/link -> /real");
  kernel.fails = (one) => (one.call === "openat2" ? ENOSYS : undefined);
  build(kernel, [tmpfs("/link/a"), bind("/host/file", "/link/a/b"), tmpfs("/new")]);
  t.equal(kernel.at("/real/a")?.covered, "tmpfs");
  t.equal(kernel.at("/new")?.covered, "tmpfs");
  t.equal(kernel.open.size, 1, "the tmpfs in which a mount point was to be made");
});

t.test("without the mount API, mount(2) reaches everything through descriptors", async (t) => {
  const kernel = new FakeKernel().with("/mnt/", "/file");
  kernel.fails = (one) => (one.call === "fsopen" || one.call === "open_tree" ? ENOSYS : undefined);
  build(kernel, [tmpfs("/mnt"), bind("/host/file", "/file", "ro")]);
  const mounts = kernel.calls.filter((one) => one.call === "mount").map(render);
  t.match(mounts[0], /mount\("tmpfs", "\/proc\/self\/fd\/900", "tmpfs", 0, "mode=755"\)/);
  t.match(mounts[1], /mount\("\/host\/file", "\/proc\/self\/fd\/900", NULL, MS_BIND, NULL\)/);
});

t.test("without the mount API, a label is the last of the data, and no source is called none", async (t) => {
  const kernel = new FakeKernel().with("/mnt/");
  kernel.fails = (one) => (one.call === "fsopen" ? ENOSYS : undefined);
  const mount = { destination: "/mnt", type: "tmpfs", source: "", options: ["mode=755", "size=1k"] };
  build(kernel, [mount], V2, { mountLabel: "a:b:c:s0:c1,c2" });
  const mounts = kernel.calls.filter((one) => one.call === "mount").map(render);
  const data = String.raw`"mode=755,size=1k,context=\\"a:b:c:s0:c1,c2\\""`;
  t.match(mounts[0], new RegExp(`mount\\("none", "/proc/self/fd/\\d+", "tmpfs", 0, ${data}\\)`));
});

t.test("a tmpfs takes over the mode of what it covers, unless it is told one", async (t) => {
  const kernel = new FakeKernel().with("/old/", "/link -> /old");
  build(kernel, [tmpfs("/old", "nosuid"), tmpfs("/new", "nosuid"), tmpfs("/link", "nosuid")]);
  const modes = kernel.calls.filter((one) => one.call === "fsconfig" && render(one).includes('"mode"'));
  t.equal(modes.length, 2, "of the two that exist");
  t.match(render(modes[0] ?? openat(0, "", 0)), /FSCONFIG_SET_STRING, "mode", "0711"/);
});

t.test(
  "the error of a mount names it, the call, the reason and its place in the configuration",
  async (t) => {
    const kernel = new FakeKernel().with("/mnt/");
    kernel.fails = (one) => (one.call === "fsopen" ? ENODEV : undefined);
    const error = failure(kernel, { destination: "/mnt", source: "x", type: "nofs", options: ["ro", "a=b"] });
    t.equal(
      error.message,
      'cannot mount "x" on "/mnt": fsopen("nofs", FSOPEN_CLOEXEC) = ENODEV (no such device)',
    );
    t.equal(
      error.hint,
      'this kernel has no filesystem "nofs", or its module is not loaded; ' +
        'mounts[0] of config.json: type "nofs", options "ro,a=b"',
    );
    t.equal(error.errno, "ENODEV");
  },
);

t.test("the kernel's own words about a parameter are part of the error", async (t) => {
  const kernel = new FakeKernel().with("/mnt/");
  kernel.messages = ["e tmpfs: Unknown parameter 'foo'\n"];
  kernel.fails = (one) => (render(one).includes('"foo"') ? EINVAL : undefined);
  t.match(
    failure(kernel, tmpfs("/mnt", "mode=700", "foo=1")).message,
    /\(invalid argument\): tmpfs: Unknown parameter 'foo'$/,
  );
});

t.test("each way in which a mount point cannot be had is said", async (t) => {
  const loop = new FakeKernel().with("/a -> b", "/b -> a");
  t.match(
    failure(loop, tmpfs("/a/x")).message,
    /^cannot mount "tmpfs" on "\/a\/x": .* = ELOOP \(too many levels/,
  );
  const file = new FakeKernel().with("/file");
  t.match(failure(file, tmpfs("/file/x")).message, /= ENOTDIR \(not a directory\)$/);
  const readonly = new FakeKernel();
  readonly.fails = (one) => (one.call === "mkdirat" ? EROFS : undefined);
  const error = failure(readonly, tmpfs("/new/x"));
  t.match(
    error.message,
    /^cannot mount "tmpfs" on "\/new\/x": mkdirat\(9, "new", 0755\) = EROFS \(read-only file system\)$/,
  );
  const proc = new FakeKernel().with("/proc -> /elsewhere", "/elsewhere/");
  const refused = failure(proc, { destination: "/proc", source: "proc", type: "proc" });
  t.match(refused.message, /filesystem "proc" must be mounted on ordinary directory$/);
  t.equal(refused.hint, 'mounts[0] of config.json: type "proc", options ""');
  const hidden = new FakeKernel().with("/proc/sys/", "/link -> /proc/sys");
  t.match(
    failure(hidden, tmpfs("/link")).message,
    /"\/proc\/sys" cannot be mounted because it is inside \/proc$/,
  );
  const inPlaceOfProc = new FakeKernel().with("/proc/", "/link -> /proc");
  t.match(
    failure(inPlaceOfProc, tmpfs("/link")).message,
    /"\/proc" cannot be mounted because it is not of type proc$/,
  );
});

t.test("a procfs may be mounted on /proc by way of a link", async (t) => {
  const kernel = new FakeKernel().with("/proc/", "/link -> /");
  build(kernel, [{ destination: "/link/proc", source: "proc", type: "proc" }]);
  t.equal(kernel.at("/proc")?.covered, "proc");
});

t.test("a directory does not go on a file, nor a file on a directory", async (t) => {
  const kernel = new FakeKernel().with("/file");
  kernel.fails = (one) => (one.call === "move_mount" ? EINVAL : undefined);
  t.match(
    failure(kernel, bind("/host/dir/", "/file")).message,
    /^cannot mount "\/host\/dir\/" on "\/file": .*move_mount/,
  );
});

t.test("a source that cannot be reached, and nobody who could help", async (t) => {
  const kernel = new FakeKernel().with("/file");
  kernel.fails = (one) => (one.call === "open_tree" ? EACCES : undefined);
  const error = failure(kernel, bind("/host/x", "/file"));
  t.match(error.message, /open_tree\(AT_FDCWD, "\/host\/x", .*\) = EACCES \(permission denied\)$/);
  t.match(error.hint, /^the container's root user may not reach the source; mounts\[0\]/);
  kernel.fails = (one) => (render(one).includes('"/host/x"') ? EACCES : undefined);
  t.match(failure(kernel, bind("/host/x", "/new")).message, /open_tree\(AT_FDCWD, "\/host\/x"/);
  t.match(kernel.at("/new"), { type: 0o040000, covered: undefined }, "nor be looked at");
});

t.test("kernels without mount_setattr(2) get mount(2), at the cost of one message", async (t) => {
  const kernel = new FakeKernel().with("/a", "/b");
  kernel.fails = (one) => (one.call === "mount_setattr" ? ENOSYS : undefined);
  build(kernel, [bind("/host/x", "/a", "ro", "nosuid"), bind("/host/y", "/b", "rprivate")]);
  t.equal(kernel.trips, 2);
  const mounts = kernel.calls.filter((one) => one.call === "mount").map(render);
  t.match(
    mounts[0],
    /mount\(NULL, "\/proc\/self\/fd\/900", NULL, MS_RDONLY\|MS_NOSUID\|MS_REMOUNT\|MS_BIND, NULL\)/,
  );
  t.match(mounts[1], /MS_REC\|MS_PRIVATE/);
  t.equal(kernel.at("/b")?.covered, "/host/y");
});

t.test("where cgroup2 may not be mounted, what there is of it is bound", async (t) => {
  for (const errno of [EPERM, EBUSY]) {
    const kernel = new FakeKernel().with("/sys/fs/cgroup/");
    kernel.fails = (one) => (one.call === "fsopen" ? errno : undefined);
    build(kernel, [{ destination: "/sys/fs/cgroup", type: "cgroup", options: ["ro"] }]);
    t.equal(kernel.at("/sys/fs/cgroup")?.covered, "/sys/fs/cgroup");
  }
});

t.test("before the root is only moved, whole procfs and sysfs mounts outside of it are found", async (t) => {
  const mountinfo = [
    "22 27 0:21 / /proc rw,relatime shared:1 - proc proc rw",
    "23 27 0:22 / /with\\040space rw - sysfs sysfs rw",
    "24 27 0:21 /sys /proc/sys ro - proc proc rw",
    "25 27 0:23 / /b/rootfs/proc rw - proc proc rw",
    "26 27 0:24 / /dev rw - devtmpfs devtmpfs rw",
    "27 1 8:1 / / rw shared:2 - ext4 /dev/sda rw",
    "28 27 0:21 / /twice rw - proc proc rw",
    "29 28 0:21 / /twice rw - proc proc rw",
    "30 27 0:21 / /hidden rw - proc proc rw",
    "31 30 0:25 / /hidden rw - tmpfs tmpfs rw",
    "",
  ].join("\n");
  t.same(fullKernelMounts(parseMounts(mountinfo), "/b/rootfs"), [
    { path: "/proc", holder: "/" },
    { path: "/with space", holder: "/" },
    { path: "/twice", holder: undefined },
    { path: "/hidden", holder: undefined },
  ]);
});

/** Binds of five kinds, as volumes are. */
const VOLUMES = [["ro"], ["rbind", "rprivate"], ["nosuid", "ro"], [], ["rbind", "nodev"]];

t.test("of a hundred mounts that are alike few are asked for their operations", async (t) => {
  const kernel = new FakeKernel();
  const mounts = Array.from({ length: 100 }, (_, index) => {
    kernel.with(`/mnt/${index}/`);
    return bind(`/host/${index}/`, `/mnt/${index}`, ...(VOLUMES[index % 5] ?? []));
  });
  const line = new Watched(kernel);
  build(kernel, mounts, V2, {}, Conversation.on(line));
  const entries = line.messages.reduce((sum, message) => sum + message.length, 0);
  const operations = line.messages.reduce((sum, message) => sum + countOf(message), 0);
  t.ok(entries < 200 && operations > 500, `${operations} operations in ${entries} entries`);
  for (let index = 0; index < 100; index++) {
    if (kernel.at(`/mnt/${index}`)?.covered !== `/host/${index}/`) t.fail(`/mnt/${index}`);
  }
  t.equal(kernel.open.size, 0, "no descriptor stays open");
});

t.test("one of many that fails is the one that the error is about", async (t) => {
  const kernel = new FakeKernel();
  const mounts = Array.from({ length: 60 }, (_, index) => {
    kernel.with(`/mnt/${index}/`);
    return bind(`/host/${index}/`, `/mnt/${index}`, "ro");
  });
  kernel.fails = (one) => (one.args[1] === "/host/41/" ? EACCES : undefined);
  t.throws(() => build(kernel, mounts), { message: /mount "\/host\/41\/" on "\/mnt\/41"/ });
  t.equal(kernel.at("/mnt/40")?.covered, "/host/40/");
  t.equal(kernel.at("/mnt/42")?.covered, undefined);
});
