// Rules about mounts; runtime-spec config.md#mounts, runc's libcontainer/configs/validate, function
// mountsStrict.

import { byWords } from "../by-words.ts";
import {
  BIND_DATA_REASON,
  isIgnoredBindData,
  isMountWord,
  meantMountWord,
  namesIds,
} from "../mount-words.ts";
import type { Mount } from "../types.ts";
import { checkMappings } from "./namespaces.ts";
import {
  type Context,
  hasNul,
  isAbsolute,
  NAMESPACES,
  NUL_REASON,
  namespaceOf,
  type Report,
  type Rule,
} from "./report.ts";

export const MOUNT_RULES: readonly Rule[] = [
  {
    about: ["spec", "mounts"],
    reads: [],
    check: (context) => {
      const { report } = context;
      const mapped: { readonly mount: Mount; readonly index: number }[] = [];
      report.each(context.spec.mounts, "/mounts", (mount, index) => {
        destination(mount, index, report);
        const has = quickChecks(mount.options ?? NO_OPTIONS);
        if (has.bindData) bindData(mount, index, context);
        if (has.copyUp) copyUp(mount, index, context);
        const isMapped = mount.uidMappings !== undefined || mount.gidMappings !== undefined || has.idmap;
        if (isMapped) mapped.push({ mount, index });
      });
      if (mapped.length === 0 || !report.isSound(NAMESPACES)) return;
      for (const { mount, index } of mapped) idmap(mount, index, context);
    },
  },
];

const NO_OPTIONS: readonly string[] = [];

function destination(mount: Mount, index: number, report: Report): void {
  const { destination, source = "", type = "" } = mount;
  if (hasNul(destination)) report.fault(`/mounts/${index}/destination`, NUL_REASON);
  if (hasNul(source)) report.fault(`/mounts/${index}/source`, NUL_REASON);
  if (hasNul(type)) report.fault(`/mounts/${index}/type`, NUL_REASON);
  if (destination === "") report.fault(`/mounts/${index}/destination`, "must not be empty");
  else if (!isAbsolute(destination)) {
    // AS RUNC: accepted for old callers.
    const message = `relative path "${destination}" is deprecated, falling back to "/${destination}"`;
    report.warn(`/mounts/${index}/destination`, message);
  }
}

function isBind({ options }: Pick<Mount, "options">): boolean {
  return options !== undefined && (options.includes("bind") || options.includes("rbind"));
}

/** What hardly any mount has, once for all mounts with the same options. */
const quickChecks = byWords((options) => ({
  bindData: isBind({ options }) && !options.every(isMountWord),
  copyUp: options.includes("tmpcopyup"),
  idmap: options.includes("idmap") || options.includes("ridmap"),
}));

/**
 * DIFFERS: runc refuses any option of a file system on a bind mount; the OCI validation suite requires bind
 * mounts with "mode=755" and "size=1k". The kernel ignores such options, so options with a value are ignored
 * with a warning. A word without a value is more likely a misspelt option, and is refused, and so are ids.
 */
function bindData({ options = [] }: Mount, index: number, { report }: Context): void {
  for (let position = 0; position < options.length; position++) {
    const option = options[position] as string;
    if (isMountWord(option)) continue;
    const at = `/mounts/${index}/options/${position}`;
    const reason = `${BIND_DATA_REASON}, ${JSON.stringify(option)} is one`;
    if (isIgnoredBindData(option)) {
      report.warn(at, `${reason}, ignoring`);
      continue;
    }
    report.fault(at, reason, bindDataHint(option, report));
  }
}

function bindDataHint(option: string, report: Report): string | undefined {
  if (namesIds(option)) return "give the mount uidMappings and gidMappings";
  const meant = report.isFull ? undefined : meantMountWord(option);
  return meant === undefined ? undefined : `did you mean "${meant}"?`;
}

/** DIFFERS: runc ignores the option on other mounts, and the files that it should copy are missing. */
function copyUp({ type = "", options = [] }: Mount, index: number, { report }: Context): void {
  if (type === "tmpfs") return;
  const position = options.indexOf("tmpcopyup");
  report.fault(
    `/mounts/${index}/options/${position}`,
    `"tmpcopyup" is for a tmpfs, this mount is a "${type}"`,
  );
}

function idmap(mount: Mount, index: number, { spec, caller, report }: Context): void {
  const { uidMappings = [], gidMappings = [], options = [] } = mount;
  const own = Number(uidMappings.length > 0) + Number(gidMappings.length > 0);
  if (own === 0 && !options.includes("idmap") && !options.includes("ridmap")) return;
  const at = `/mounts/${index}`;
  checkMappings(uidMappings, `${at}/uidMappings`, report);
  checkMappings(gidMappings, `${at}/gidMappings`, report);
  if (!isBind(mount)) report.fault(at, "id-mapped mounts are only supported for bind-mounts");
  if (caller.euid !== 0) report.fault(at, "id-mapped mounts are not supported for rootless containers");
  // A mount without mappings uses those of the container's user namespace.
  if (own === 2 || (own === 0 && namespaceOf(spec, "user") !== undefined)) return;
  report.fault(at, "id-mapped mounts must have both uid and gid mappings specified");
}
