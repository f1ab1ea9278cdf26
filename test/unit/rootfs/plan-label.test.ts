// linux.mountLabel: which mounts take it, and how.

import t from "tap";
import type { CgroupLayout } from "../../../src/rootfs/plan/cgroup.ts";
import type { MountPlan } from "../../../src/rootfs/plan/mounts.ts";
import { planRootfs } from "../../../src/rootfs/plan/plan.ts";
import type { MountContext } from "../../../src/spec/annotations.ts";

const LABEL = "system_u:object_r:container_file_t:s0:c1,c2";

const v1: CgroupLayout = {
  v2: false,
  hierarchies: [
    { controllers: "memory", mountpoint: "/sys/fs/cgroup/memory", containerPath: "/sys/fs/cgroup/memory/x" },
  ],
  cgroupNamespace: true,
};

function mounts(
  mountLabel: string | undefined,
  cgroups: CgroupLayout = v1,
  mountContext: MountContext = "context",
): readonly MountPlan[] {
  const spec = {
    ociVersion: "1.0.2",
    root: { path: "rootfs" },
    mounts: [
      { destination: "/proc", type: "proc", source: "proc" },
      { destination: "/sys", type: "sysfs", source: "sysfs" },
      { destination: "/dev", type: "tmpfs", source: "tmpfs", options: ["mode=755"] },
      { destination: "/dev/pts", type: "devpts", source: "devpts" },
      { destination: "/dev/mqueue", type: "mqueue", source: "mqueue" },
      { destination: "/data", source: "/srv/data", options: ["bind"] },
      { destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup" },
    ],
    linux: { namespaces: [{ type: "mount" as const }], ...(mountLabel === undefined ? {} : { mountLabel }) },
  };
  const request = { spec, bundle: "/bundle", noPivot: false, cgroups, userNamespace: false, mountContext };
  return planRootfs(request).mounts;
}

function labels(plans: readonly MountPlan[]): unknown[] {
  return plans.map((plan) => {
    const label = plan.kind === "filesystem" ? (plan.context ?? plan.rootLabel) : undefined;
    return [plan.kind === "filesystem" ? plan.type : plan.kind, label === LABEL];
  });
}

t.test("what the policy labels itself, and what is bound, keeps its labels", async (t) => {
  t.strictSame(labels(mounts(LABEL)), [
    ["proc", false],
    ["sysfs", false],
    ["tmpfs", true],
    ["devpts", true],
    ["mqueue", true],
    ["bind", false],
    ["tmpfs", true],
    ["cgroup", false],
  ]);
});

t.test("queues get labels of their own, so only their directory has this one", async (t) => {
  const queue = mounts(LABEL).find((plan) => plan.destination === "/dev/mqueue");
  t.match(queue, { rootLabel: LABEL });
  t.notOk(queue?.kind === "filesystem" && queue.context !== undefined);
});

t.test("cgroup2 has no label, but what covers it where there is none", async (t) => {
  const plan = mounts(LABEL, { ...v1, v2: true }).at(-1);
  t.match(plan, { type: "cgroup2", lastResort: { context: LABEL } });
  t.notOk(plan?.kind === "filesystem" && plan.context !== undefined);
});

t.test("an annotation chooses the option of mount(8) that the label is given by", async (t) => {
  const plans = mounts(LABEL, v1, "rootcontext");
  t.strictSame(labels(plans), labels(mounts(LABEL)));
  const options = plans.map((plan) => (plan.kind === "filesystem" ? plan.contextOption : undefined));
  t.strictSame(options, [
    undefined,
    undefined,
    "rootcontext",
    "rootcontext",
    undefined,
    undefined,
    "rootcontext",
    undefined,
  ]);
  const plan = mounts(LABEL, { ...v1, v2: true }, "fscontext").at(-1);
  t.match(plan, { lastResort: { context: LABEL, contextOption: "fscontext" } });
});

t.test("without a label, or with an empty one, nothing is labelled", async (t) => {
  for (const none of [undefined, ""]) {
    t.notOk(
      mounts(none).some((plan) => "context" in plan || "rootLabel" in plan),
      JSON.stringify(none),
    );
  }
});
