// What `features` promises to engines.

import t from "tap";
import { features } from "../../../src/features/features.ts";

// Through JSON, as callers see it.
const BUILD = { version: "0.1.0", commit: "abc", libseccomp: "2.6.0" };
const seen = JSON.parse(JSON.stringify(features(BUILD)));

t.test("the versions that CRI-O wants are there", async (t) => {
  t.match(seen, { ociVersionMin: "1.0.0", ociVersionMax: "1.3.0" });
});

t.test("containerd finds what it dereferences without looking", async (t) => {
  t.type(seen.linux.mountExtensions.idmap.enabled, "boolean");
  t.ok(seen.mountOptions.includes("rro"));
  t.same(seen.linux.namespaces, ["cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts"]);
});

t.test("hooks are those of the specification, in the order in which they run", async (t) => {
  const hooks = ["prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop"];
  t.strictSame(seen.hooks, hooks);
});

t.test("every capability of Linux 5.9 and later is known, in the order of their numbers", async (t) => {
  t.equal(seen.linux.capabilities.length, 41);
  t.equal(seen.linux.capabilities[0], "CAP_CHOWN");
  t.equal(seen.linux.capabilities[21], "CAP_SYS_ADMIN");
  t.equal(seen.linux.capabilities[40], "CAP_CHECKPOINT_RESTORE");
});

t.test("seccomp actions are those that a profile may hold", async (t) => {
  t.ok(seen.linux.seccomp.actions.includes("SCMP_ACT_ERRNO"));
  t.ok(seen.linux.seccomp.archs.includes("SCMP_ARCH_X86_64"));
});

t.test("security modules are supported, whatever the host has", async (t) => {
  t.match(seen.linux, { apparmor: { enabled: true }, selinux: { enabled: true } });
});

t.test("NUMA policies go by the kernel's names", async (t) => {
  t.ok(seen.linux.memoryPolicy.modes.includes("MPOL_INTERLEAVE"));
  t.ok(seen.linux.memoryPolicy.flags.includes("MPOL_F_STATIC_NODES"));
});

t.test("annotations name the build and the library in it", async (t) => {
  t.strictSame(seen.annotations, {
    "io.github.seccomp.libseccomp.version": "2.6.0",
    "org.opencontainers.runc.checkpoint.enabled": "true",
    "org.tsrun.version": "0.1.0",
    "org.tsrun.commit": "abc",
  });
  const bare = features({ ...BUILD, commit: "" });
  t.strictSame(JSON.parse(JSON.stringify(bare)).annotations, {
    "io.github.seccomp.libseccomp.version": "2.6.0",
    "org.opencontainers.runc.checkpoint.enabled": "true",
    "org.tsrun.version": "0.1.0",
  });
});

t.test("annotations that reach beyond the container are named, a prefix by its last dot", async (t) => {
  t.ok(seen.potentiallyUnsafeConfigAnnotations.includes("org.systemd.property."));
  t.ok(seen.potentiallyUnsafeConfigAnnotations.includes("org.criu.config"));
});
