// The checks of the plan stage, all of them on one configuration.

import t from "tap";
import { planFindings } from "../../../src/explain/plan-findings.ts";
import type { Spec } from "../../../src/spec/types.ts";

const GOOD: Spec = {
  ociVersion: "1.2.0",
  process: { cwd: "/", args: ["sh"] },
  root: { path: "rootfs" },
  linux: { namespaces: [{ type: "mount" }] },
};

function find(spec: Spec, systemdCgroup = false): readonly string[] {
  const hierarchies = { layout: "v2", mounts: [] } as const;
  return planFindings({ spec, bundle: "/b", hierarchies, systemdCgroup }).faults.map(
    ({ pointer, reason }) => `${pointer}: ${reason}`,
  );
}

t.test("a good configuration has none", async (t) => {
  t.strictSame(find(GOOD), []);
});

t.test("a path of systemd's without systemd is doubted", async (t) => {
  const warnings = (cgroupsPath: string, systemdCgroup = false) => {
    const spec = { ...GOOD, linux: { ...GOOD.linux, cgroupsPath } };
    const hierarchies = { layout: "v2", mounts: [] } as const;
    return planFindings({ spec, bundle: "/b", hierarchies, systemdCgroup }).warnings;
  };
  t.match(warnings("system.slice:docker:x"), [{ pointer: "/linux/cgroupsPath", reason: /--systemd-cgroup/ }]);
  t.strictSame(warnings("system.slice:docker:x", true), []);
  t.strictSame(warnings("/a:b:c"), []);
  t.strictSame(warnings("plain"), []);
});

t.test("each check is made, whatever the others say", async (t) => {
  const mounts = [{ destination: "/a" }, { destination: "/b", type: "tmpfs" }, { destination: "/c" }];
  const linux: NonNullable<Spec["linux"]> = {
    maskedPaths: ["/x"],
    resources: { memory: { swap: 5 }, unified: { "a/b": "1" } },
  };
  t.strictSame(find({ ...GOOD, mounts, linux }), [
    "/linux: unable to restrict sys entries without a private MNT namespace",
    '/mounts/0: cannot mount "" on "/a": no file system has the type ""',
    '/mounts/2: cannot mount "" on "/c": no file system has the type ""',
    "/linux/resources: unable to set swap limit without memory limit",
  ]);
});

t.test("the cgroup's path is read as the driver reads it", async (t) => {
  const spec = { ...GOOD, linux: { ...GOOD.linux, cgroupsPath: "/a/b" } };
  t.strictSame(find(spec), []);
  t.match(find(spec, true)[0], /^\/linux\/cgroupsPath: expected cgroupsPath to be of format/);
});

t.test(
  "a property for systemd's unit that cannot be given is a fault, or a warning without systemd",
  async (t) => {
    const annotations = {
      "org.systemd.property.CPUWeight": "uint64 50",
      "org.systemd.property.TasksMax": "uint32 4294967296",
    };
    const reason =
      "annotation org.systemd.property.TasksMax=uint32 4294967296 value parse error: " +
      "uint32 must be from 0 to 4294967295, is 4294967296";
    const request = {
      spec: { ...GOOD, annotations, linux: { ...GOOD.linux, cgroupsPath: "a.slice:b:c" } },
      bundle: "/b",
      hierarchies: { layout: "v2", mounts: [] },
    } as const;
    const pointer = "/annotations/org.systemd.property.TasksMax";
    const given = planFindings({ ...request, systemdCgroup: true });
    t.match(given, { faults: [{ pointer, reason }], warnings: [] });
    t.strictSame([given.faults.length, given.warnings.length], [1, 0]);
    const without = planFindings({ ...request, systemdCgroup: false });
    t.strictSame(without.faults, []);
    t.match(without.warnings.at(-1), {
      pointer,
      reason: `is refused if --systemd-cgroup is given: ${reason}`,
    });
    t.equal(without.warnings.length, 2, "and the path");
  },
);
