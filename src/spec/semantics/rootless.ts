// Rules for containers of a user without privileges; runc's libcontainer/configs/validate, rootless.go.

import { readAnnotations } from "../annotations.ts";
import type { IDMapping } from "../types.ts";
import { type Context, NAMESPACES, namespaceOf, type Rule } from "./report.ts";

/** Tried only when tsrun is not root. */
export const ROOTLESS_RULES: readonly Rule[] = [
  { reads: [NAMESPACES], check: userNamespace },
  { reads: ["/process/user/additionalGids", "/annotations"], check: groups },
  {
    reads: [NAMESPACES, "/mounts", "/linux/uidMappings", "/linux/gidMappings"],
    check: mountOwners,
  },
  { reads: ["/linux/netDevices"], check: netDevices },
];

function userNamespace({ spec, report }: Context): void {
  if (namespaceOf(spec, "user") === undefined) {
    report.fault(NAMESPACES, 'rootless container requires user namespaces: add {"type": "user"}');
  }
}

function groups({ spec, report }: Context): void {
  // AS RUNC: setgroups(2) must be forbidden before a user may write a gid_map.
  // If the caller's groups are kept, none are set.
  if ((spec.process?.user?.additionalGids ?? []).length > 0 && !readAnnotations(spec).keepsGroups) {
    report.fault("/process/user/additionalGids", "cannot set any additional groups in a rootless container");
  }
}

function mountOwners({ spec, report }: Context): void {
  if (namespaceOf(spec, "user")?.path !== undefined) return;
  const { uidMappings = [], gidMappings = [] } = spec.linux ?? {};
  const byOption: Readonly<Record<string, readonly IDMapping[]>> = { uid: uidMappings, gid: gidMappings };
  spec.mounts?.forEach((mount, at) => {
    mount.options?.forEach((option, index) => {
      const [, kind = "", id = ""] = /^(uid|gid)=(\d+)$/.exec(option) ?? [];
      const mappings = byOption[kind];
      if (mappings === undefined) return;
      const inside = Number(id);
      if (mappings.some((map) => inside >= map.containerID && inside - map.containerID < map.size)) return;
      report.fault(`/mounts/${at}/options/${index}`, `"${option}" is not mapped in /linux/${kind}Mappings`);
    });
  });
}

function netDevices({ spec, report }: Context): void {
  if (Object.keys(spec.linux?.netDevices ?? {}).length === 0) return;
  report.fault("/linux/netDevices", "network devices cannot be moved into a rootless container");
}
