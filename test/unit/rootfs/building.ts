// Building the mounts of a configuration on a kernel in memory (fake-kernel.ts).

import { TsrunError } from "../../../src/errors.ts";
import { Conversation } from "../../../src/proxy/conversation.ts";
import { mountSteps } from "../../../src/rootfs/build/mount-steps.ts";
import { RootContext } from "../../../src/rootfs/place/context.ts";
import type { CgroupLayout } from "../../../src/rootfs/plan/cgroup.ts";
import { planRootfs } from "../../../src/rootfs/plan/plan.ts";
import type { Spec } from "../../../src/spec/types.ts";
import { specOf, V2 } from "./configurations.ts";
import { type FakeKernel, ROOT } from "./fake-kernel.ts";

export type Mounts = NonNullable<Spec["mounts"]>;

export function build(
  kernel: FakeKernel,
  mounts: Mounts,
  cgroups: CgroupLayout = V2,
  linux: Spec["linux"] = {},
  proxy = Conversation.with(kernel),
): RootContext {
  const request = { bundle: "/b", noPivot: false, cgroups, userNamespace: false };
  const plan = planRootfs({ spec: specOf(mounts, linux), ...request });
  const nobody = () => {
    throw new Error("nobody can help");
  };
  const noHelp = { canHelp: false, root: -1, userNamespace: nobody, attempt: nobody };
  const kindOf = (path: string) => (path.endsWith("/") ? ("directory" as const) : ("file" as const));
  const openFilesLimit = () => 1024;
  const context = new RootContext({
    proxy,
    helper: noHelp,
    rootfs: plan.rootfs,
    kindOf,
    openFilesLimit,
  });
  context.root = ROOT;
  const host = { kindOf, modeOf: () => undefined, mountPoint: () => undefined, openFilesLimit };
  for (const step of mountSteps(context, plan, { further: [], host }).steps) proxy.say(step);
  proxy.settle();
  return context;
}

export const tmpfs = (destination: string, ...options: string[]): Mounts[number] => ({
  destination,
  type: "tmpfs",
  source: "tmpfs",
  options: options.length === 0 ? ["mode=755"] : options,
});

export const bind = (source: string, destination: string, ...options: string[]): Mounts[number] => ({
  destination,
  source,
  options: ["bind", ...options],
});

export function failure(kernel: FakeKernel, ...mounts: Mounts): TsrunError {
  try {
    build(kernel, mounts);
  } catch (error) {
    if (error instanceof TsrunError) return error;
    throw error;
  }
  throw new Error("nothing failed");
}
