// The advice about a mount that failed.

import t from "tap";
import { EACCES, EINVAL, ENODEV, ENOENT, ENOSYS, EPERM } from "../../../src/linux/numbers/errno.ts";
import { type Operation, operation } from "../../../src/proxy/calls/operation.ts";
import { adviceForBind, adviceForFilesystem } from "../../../src/rootfs/plan/advice.ts";

function failing(call: Operation["call"], errno: number): Operation {
  const failed = operation(call, [], "mount something");
  failed.result = -errno;
  return failed;
}

function forFilesystem(failed: Operation, log: string, data: readonly string[] = ["nosiud"]): string {
  return adviceForFilesystem({ type: "tmpfs", data }, { failed, log, refused: failed.call === "mount" });
}

t.test("a filesystem that is not there, by either way to mount", async (t) => {
  for (const call of ["fsopen", "mount"] as const) {
    t.match(forFilesystem(failing(call, ENODEV), ""), /^this kernel has no filesystem "tmpfs", .*; $/);
  }
  t.equal(forFilesystem(failing("fsconfig", ENODEV), ""), "", "a device that is not there");
});

t.test("a word that was meant for the runtime", async (t) => {
  const failed = failing("fsconfig", EINVAL);
  t.equal(forFilesystem(failed, "tmpfs: Unknown parameter 'nosiud'"), 'did you mean "nosuid"? ');
  t.equal(forFilesystem(failed, "tmpfs: Unknown parameter 'sizee'"), 'did you mean "size"? ');
  t.equal(forFilesystem(failed, "tmpfs: Unknown parameter 'frobnicate'"), "");
  t.equal(forFilesystem(failed, "tmpfs: Bad value for 'size'"), "");
});

t.test("an id that is not mapped", async (t) => {
  const failed = failing("fsconfig", EINVAL);
  t.match(forFilesystem(failed, "devpts: Invalid gid '5'"), /^the user namespace maps no gid 5: /);
});

t.test("what a user namespace may mount only with the namespace that is shown", async (t) => {
  const advice = (type: string) =>
    adviceForFilesystem({ type, data: [] }, { failed: failing("fsconfig", EPERM), log: "", refused: false });
  t.match(advice("sysfs"), /^in a user namespace "sysfs" needs a new network namespace too/);
  t.match(advice("proc"), /a new pid namespace/);
  t.match(advice("mqueue"), /a new ipc namespace/);
  for (const type of ["cgroup", "cgroup2"]) t.match(advice(type), /a new cgroup namespace/, type);
  t.equal(advice("ext4"), "");
  const other = { failed: failing("mount_setattr", EPERM), log: "", refused: false };
  t.equal(adviceForFilesystem({ type: "proc", data: [] }, other), "", "of a call after it");
});

t.test("where the kernel says nothing, its log", async (t) => {
  t.match(forFilesystem(failing("mount", EINVAL), ""), /^the kernel's log may say/);
  t.equal(forFilesystem(failing("mount", EINVAL), "", []), "");
});

t.test("a bind mount, by what failed of it", async (t) => {
  const advice = (part: "source" | "mapping", errno: number) => {
    const failed = failing("mount_setattr", errno);
    return adviceForBind(failed, { [part]: failed });
  };
  t.equal(advice("source", ENOENT), "the source must be there on the host; ");
  t.match(advice("source", EACCES), /may not reach the source/);
  t.match(advice("mapping", EINVAL), /does not support idmap mounts/);
  t.match(advice("mapping", ENOSYS), /need mount_setattr\(2\)/);
  t.equal(adviceForBind(failing("fsopen", EPERM), {}), "");
});
