// Rules about mounts; runtime-spec config.md#mounts, runc's libcontainer/configs/validate, function mountsStrict.

import { MS_BIND } from "../../linux/mount.ts";
import { parseMountOptions } from "../../rootfs/mount-options.ts";
import type { Mount } from "../types.ts";
import { checkMappings } from "./namespaces.ts";
import {
  type Context,
  hasNul,
  isAbsolute,
  NAMESPACES,
  NUL_REASON,
  namespaceOf,
  type Rule,
} from "./report.ts";

export const MOUNT_RULES: readonly Rule[] = [
  { reads: [], check: onMounts(destination) },
  { reads: [], check: onMounts(bindData) },
  { reads: [], check: onMounts(mappings) },
  { reads: [NAMESPACES], check: onMounts(idmap) },
];

function onMounts(check: (mount: Mount, at: string, context: Context) => void): (context: Context) => void {
  return (context) => {
    context.report.each(context.spec.mounts, "/mounts", (mount, pointer) => check(mount, pointer, context));
  };
}

function destination(mount: Mount, at: string, { report }: Context): void {
  for (const key of ["destination", "source", "type"] as const) {
    if (hasNul(mount[key] ?? "")) report.fault(`${at}/${key}`, NUL_REASON);
  }
  if (mount.destination === "") report.fault(`${at}/destination`, "must not be empty");
  else if (!isAbsolute(mount.destination)) {
    // AS RUNC: accepted for callers of old.
    report.warn(
      `${at}/destination`,
      `relative path "${mount.destination}" is deprecated, falling back to "/${mount.destination}"`,
    );
  }
}

function isBind(mount: Mount): boolean {
  return (parseMountOptions(mount.options ?? []).setFlags & MS_BIND) !== 0;
}

function bindData(mount: Mount, at: string, { report }: Context): void {
  const [first] = parseMountOptions(mount.options ?? []).data;
  if (first === undefined || !isBind(mount)) return;
  const index = mount.options?.indexOf(first) ?? 0;
  // The kernel would ignore it without a word.
  const reason = "bind mounts cannot have any filesystem-specific options applied";
  report.fault(`${at}/options/${index}`, `${reason}, ${JSON.stringify(first)} is one`);
}

function mappings(mount: Mount, at: string, { report }: Context): void {
  checkMappings(mount.uidMappings ?? [], `${at}/uidMappings`, report);
  checkMappings(mount.gidMappings ?? [], `${at}/gidMappings`, report);
}

function idmap(mount: Mount, at: string, { spec, host, report }: Context): void {
  const { uidMappings = [], gidMappings = [], options = [] } = mount;
  const own = Number(uidMappings.length > 0) + Number(gidMappings.length > 0);
  if (own === 0 && !options.includes("idmap") && !options.includes("ridmap")) return;
  if (!isBind(mount)) report.fault(at, "id-mapped mounts are only supported for bind-mounts");
  if (host.euid !== 0) report.fault(at, "id-mapped mounts are not supported for rootless containers");
  // Without mappings of its own, a mount takes those of the container's user namespace.
  if (own === 2 || (own === 0 && namespaceOf(spec, "user") !== undefined)) return;
  report.fault(at, "id-mapped mounts must have both uid and gid mappings specified");
}
