// The examples that `spec` writes.

import t from "tap";
import { exampleSpec, rootlessExample } from "../../../src/spec/defaults.ts";
import { loadConfig } from "../../../src/spec/load.ts";

function kinds(spec: ReturnType<typeof exampleSpec>): readonly string[] {
  return (spec.linux?.namespaces ?? []).map(({ type }) => type);
}

t.test("the example has runc's members in runc's order", async (t) => {
  const spec = exampleSpec();
  t.strictSame(Object.keys(spec), ["ociVersion", "process", "root", "hostname", "mounts", "linux"]);
  t.strictSame(Object.keys(spec.process ?? {}), [
    "terminal",
    "user",
    "args",
    "env",
    "cwd",
    "capabilities",
    "rlimits",
    "noNewPrivileges",
  ]);
  t.strictSame(Object.keys(spec.linux ?? {}), ["resources", "namespaces", "maskedPaths", "readonlyPaths"]);
  t.strictSame(
    spec.mounts?.map(({ destination }) => destination),
    ["/proc", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue", "/sys", "/sys/fs/cgroup"],
  );
  t.strictSame(spec.process?.args, ["sh"]);
  t.strictSame(spec.process?.capabilities?.bounding, ["CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE"]);
  t.strictSame(spec.root, { path: "rootfs", readonly: true });
  t.equal(spec.hostname, "runc");
});

t.test("on the unified hierarchy the example has a cgroup namespace", async (t) => {
  t.strictSame(kinds(exampleSpec()), ["pid", "network", "ipc", "uts", "mount"]);
  t.strictSame(kinds(exampleSpec({ cgroupV2: true })), ["pid", "network", "ipc", "uts", "mount", "cgroup"]);
});

t.test("the rootless example shares the network, maps its owner to root, and sets no limits", async (t) => {
  const spec = rootlessExample(exampleSpec(), { uid: 1000, gid: 100 });
  t.strictSame(kinds(spec), ["pid", "ipc", "uts", "mount", "user"]);
  t.strictSame(Object.keys(spec.linux ?? {}), [
    "uidMappings",
    "gidMappings",
    "namespaces",
    "maskedPaths",
    "readonlyPaths",
  ]);
  t.strictSame(spec.linux?.uidMappings, [{ containerID: 0, hostID: 1000, size: 1 }]);
  t.strictSame(spec.linux?.gidMappings, [{ containerID: 0, hostID: 100, size: 1 }]);
  const options = (destination: string): unknown =>
    spec.mounts?.find((mount) => mount.destination === destination)?.options;
  t.strictSame(options("/dev/pts"), ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620"]);
  t.strictSame(options("/sys"), ["rbind", "nosuid", "noexec", "nodev", "ro"]);
});

t.test("both examples pass the check, for root and for a user", async (t) => {
  const examples = [exampleSpec(), exampleSpec({ cgroupV2: true })];
  for (const spec of examples) {
    t.strictSame(loadConfig(JSON.stringify(spec), "config.json").warnings, []);
    const rootless = JSON.stringify(rootlessExample(spec, { uid: 1000, gid: 1000 }), null, "\t");
    t.strictSame(loadConfig(rootless, "config.json", { euid: 1000 }).warnings, []);
  }
});
