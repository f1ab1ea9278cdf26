// Plans one entry of `mounts`. Pure; called by plan.ts. runtime-spec config.md#mounts.

import { TsrunError } from "../../errors.ts";
import { utf8 } from "../../linux/call/words.ts";
import { MS_BIND, MS_I_VERSION, MS_RDONLY, MS_REC, MS_REMOUNT } from "../../linux/numbers/mount.ts";
import type { MountContext } from "../../spec/annotations.ts";
import { BIND_DATA_REASON, isIgnoredBindData } from "../../spec/mount-words.ts";
import type { IDMapping, Mount } from "../../spec/types.ts";
import {
  type AttributeChange,
  attributeChange,
  changesBind,
  mountAttributes,
  superblockFlags,
} from "./attributes.ts";
import { type ParsedOptions, parseMountOptions } from "./mount-options.ts";
import { refusedTarget, stripRoot } from "./paths.ts";

interface Planned {
  /** Position in the configuration's `mounts`. */
  readonly index: number;
  readonly source: string;
  /** Clean, inside the root. */
  readonly destination: string;
  /** As written, for the hint of an error. */
  readonly options: readonly string[];
}

/** Options of every kind of mount. */
export interface Flagged {
  /** The requested MS_ flags. */
  readonly setFlags: number;
  readonly clearFlags: number;
  /** MS_SHARED and the like, with MS_REC, one after the other. */
  readonly propagation: readonly number[];
  /** Attributes for the mount and all below it. */
  readonly recursive: { readonly set: number; readonly clear: number } | undefined;
}

/** What a file system's type and options come to. */
interface ParsedFilesystem extends Flagged {
  /** The parsed options: the same object for all mounts with the same options. */
  readonly parsed: ParsedOptions;
  readonly type: string;
  /** Options of the file system. */
  readonly data: readonly string[];
  /** Flags of the super block: `ro`, `sync` and others. */
  readonly superblock: readonly string[];
  /** MOUNT_ATTR_ flags of the new mount. */
  readonly attributes: number;
  /** Mounted writable and made read-only at the end, since files are still created in it. */
  readonly readonlyLater: boolean;
  /** tmpfs takes the mode of the directory it covers, unless the options name one. */
  readonly inheritsMode: boolean;
  readonly copyUp: boolean;
  /** The mount point must be a directory and not a symbolic link. */
  readonly plainDirectory: boolean;
  /** Mounted with mount(2), because fsconfig(2) cannot express an option. */
  readonly needsMountCall: boolean;
  /** Refused: only bind mounts have maps. */
  readonly asksForMap: boolean;
}

/** A new file system. */
export interface FilesystemMount extends Planned, ParsedFilesystem {
  readonly kind: "filesystem";
  /** SELinux: the context of all its files. */
  readonly context?: string | undefined;
  /** The option for the label, if it is not "context" (mount(8)). */
  readonly contextOption?: MountContext | undefined;
  /** SELinux: the label of its root directory, if its files cannot all have one. */
  readonly rootLabel?: string | undefined;
  /** Used instead if the kernel does not allow this mount (cgroup2 without a new cgroup namespace). */
  readonly otherwise?: BindMount | undefined;
  /** Used instead if there is nothing to bind either. */
  readonly lastResort?: FilesystemMount | undefined;
}

export interface BindMount extends Planned {
  readonly kind: "bind";
  readonly parsed: ParsedBind;
  readonly idMap: IdMap | undefined;
  /** Bound instead if the source does not exist. */
  readonly otherSource?: string | undefined;
}

/** The options of a bind mount: the same object for all mounts with the same options. */
export interface ParsedBind extends Flagged {
  readonly withSubmounts: boolean;
  readonly change: AttributeChange | undefined;
  /**
   * If the source is a symbolic link: bind its target, bind the link itself, or copy the link.
   */
  readonly sourceLink: "followed" | "bound" | "copied";
  /** If the mount point is a symbolic link, mount on the link itself, not on its target. */
  readonly onLink: boolean;
  readonly asksForMap: boolean;
  /** Options that no bind mount has. */
  readonly unknown: readonly string[];
}

export interface IdMap {
  /** Empty: those of the container. */
  readonly uidMappings: readonly IDMapping[];
  readonly gidMappings: readonly IDMapping[];
  readonly withSubmounts: boolean;
}

/** New flags for an existing mount. */
export interface RemountMount extends Planned, Flagged {
  readonly kind: "remount";
  readonly type: string;
  readonly data: readonly string[];
  readonly change: AttributeChange;
}

/** A symbolic link in a mount that was just made: `cpu` to `cpu,cpuacct`. */
export interface SymlinkInMount {
  readonly kind: "symlink";
  readonly index: number;
  readonly destination: string;
  readonly target: string;
}

export type MountPlan = FilesystemMount | BindMount | RemountMount | SymlinkInMount;
export type RealMount = Exclude<MountPlan, SymlinkInMount>;

export interface MountRequest {
  readonly mount: Mount;
  readonly index: number;
  readonly rootfs: string;
  readonly bundle: string;
  /** Whether the container has id maps, which `idmap` without mappings refers to. */
  readonly userNamespace: boolean;
}

/** Plans a bind mount or a file system; cgroup.ts plans `type: cgroup`. */
export function planMount(request: MountRequest): RealMount {
  const { mount } = request;
  const parsed = parseMountOptions(mount.options ?? NO_OPTIONS);
  const isBind = (parsed.setFlags & MS_BIND) !== 0;
  const type = mount.type ?? "";
  const destination = checkedDestination(request, isBind ? "bind" : type === "proc" ? "proc" : "other");
  if (isBind) return planBind(request, parsed, destination);
  if ((parsed.setFlags & MS_REMOUNT) !== 0) return planRemount(request, parsed);
  if (type === "" || type === "none" || type === "bind" || type === "rbind") {
    throw refuse(request, `no file system has the type "${type}"`, "say bind or rbind among the options");
  }
  return planFilesystem(request, { parsed, type }, destination);
}

/** The destination; refuses paths that may not be covered. */
export function checkedDestination(request: MountRequest, mountKind: "proc" | "bind" | "other"): string {
  const destination = stripRoot(request.rootfs, request.mount.destination);
  const refused = refusedTarget(destination, mountKind);
  if (refused !== undefined) {
    const advice = destination.startsWith("/proc/") ? IN_PROC : undefined;
    throw refuse(request, refused, advice);
  }
  return destination;
}

const IN_PROC = "mount elsewhere; linux.sysctl sets what is in /proc/sys, linux.maskedPaths hides the rest";

const NO_OPTIONS: readonly string[] = [];

const parsedBinds = new WeakMap<ParsedOptions, ParsedBind>();

function parsedBind(parsed: ParsedOptions): ParsedBind {
  let bind = parsedBinds.get(parsed);
  if (bind === undefined) {
    const { setFlags, clearFlags, propagation, extensions, data } = parsed;
    bind = {
      setFlags,
      clearFlags,
      propagation,
      recursive: recursiveOf(parsed),
      withSubmounts: (setFlags & MS_REC) !== 0,
      change: changesBind(parsed) ? attributeChange(setFlags) : undefined,
      sourceLink: sourceLink(parsed),
      onLink: extensions.has("dest-nofollow"),
      asksForMap: asksForMap(parsed),
      unknown: data.filter((word) => !isIgnoredBindData(word)),
    };
    parsedBinds.set(parsed, bind);
  }
  return bind;
}

export function planBind(
  request: MountRequest,
  parsed: ParsedOptions,
  destination = stripRoot(request.rootfs, request.mount.destination),
): BindMount | RemountMount {
  const { mount, bundle } = request;
  const bind = parsedBind(parsed);
  if (bind.unknown.length > 0) {
    const words = bind.unknown.map((word) => `"${word}"`).join(", ");
    throw refuse(request, BIND_DATA_REASON, `no option of bind mounts is called ${words}`);
  }
  if ((parsed.setFlags & MS_REMOUNT) !== 0) return planRemount(request, parsed);
  const source = mount.source ?? "";
  const mayMap = bind.asksForMap || mount.uidMappings !== undefined || mount.gidMappings !== undefined;
  return {
    kind: "bind",
    index: request.index,
    source: source.startsWith("/") ? source : `${bundle}/${source}`,
    destination,
    options: mount.options ?? NO_OPTIONS,
    parsed: bind,
    idMap: mayMap ? planIdMap(request, parsed) : undefined,
  };
}

function asksForMap({ extensions }: ParsedOptions): boolean {
  return extensions.has("idmap") || extensions.has("ridmap");
}

function sourceLink({ extensions }: ParsedOptions): ParsedBind["sourceLink"] {
  if (extensions.has("copy-symlink")) return "copied";
  return extensions.has("src-nofollow") ? "bound" : "followed";
}

function planRemount(request: MountRequest, parsed: ParsedOptions): RemountMount {
  return {
    ...planned(request, parsed),
    kind: "remount",
    type: request.mount.type ?? "",
    data: parsed.data,
    change: attributeChange(parsed.setFlags),
  };
}

export interface FilesystemRequest {
  readonly parsed: ParsedOptions;
  readonly type: string;
}

export function planFilesystem(
  request: MountRequest,
  { parsed, type }: FilesystemRequest,
  destination = stripRoot(request.rootfs, request.mount.destination),
): FilesystemMount {
  const { mount, index } = request;
  const filesystem = parsedFilesystem({ parsed, type, isDev: destination === "/dev" });
  const mayMap = filesystem.asksForMap || mount.uidMappings !== undefined || mount.gidMappings !== undefined;
  if (mayMap && planIdMap(request, parsed) !== undefined) {
    throw refuse(request, "id-mapped mounts are only supported for bind-mounts");
  }
  return {
    ...filesystem,
    kind: "filesystem",
    index,
    source: mount.source ?? "",
    destination,
    options: mount.options ?? NO_OPTIONS,
  };
}

const parsedTmpfs = new WeakMap<ParsedOptions, ParsedFilesystem>();

/** Worked out once for all tmpfs with the same options. */
function parsedFilesystem(asked: FilesystemRequest & { readonly isDev: boolean }): ParsedFilesystem {
  if (asked.type !== "tmpfs") return parseFilesystem(asked);
  let filesystem = parsedTmpfs.get(asked.parsed);
  if (filesystem === undefined) {
    filesystem = parseFilesystem(asked);
    parsedTmpfs.set(asked.parsed, filesystem);
  }
  return filesystem;
}

function parseFilesystem({
  parsed,
  type,
  isDev,
}: FilesystemRequest & { readonly isDev: boolean }): ParsedFilesystem {
  const { setFlags, clearFlags, propagation } = parsed;
  // AS RUNC: files are still created in these, so they become read-only at the end.
  const readonlyLater = (setFlags & MS_RDONLY) !== 0 && (type === "tmpfs" || isDev);
  const flags = readonlyLater ? setFlags & ~MS_RDONLY : setFlags;
  const data = splitData(parsed.data);
  return {
    setFlags,
    clearFlags,
    propagation,
    recursive: recursiveOf(parsed),
    parsed,
    type,
    data: data.parts,
    superblock: superblockFlags(flags),
    attributes: mountAttributes(flags),
    readonlyLater,
    inheritsMode: type === "tmpfs" && !namesMode(data.parts),
    copyUp: type === "tmpfs" && parsed.extensions.has("tmpcopyup"),
    plainDirectory: type === "proc" || type === "sysfs",
    needsMountCall: !data.plain || (setFlags & MS_I_VERSION) !== 0,
    asksForMap: asksForMap(parsed),
  };
}

function planned({ mount, index, rootfs }: MountRequest, parsed: ParsedOptions): Planned & Flagged {
  const { setFlags, clearFlags, propagation } = parsed;
  return {
    index,
    source: mount.source ?? "",
    destination: stripRoot(rootfs, mount.destination),
    options: mount.options ?? NO_OPTIONS,
    setFlags,
    clearFlags,
    propagation,
    recursive: recursiveOf(parsed),
  };
}

function recursiveOf({ recSet, recClear }: ParsedOptions): Flagged["recursive"] {
  return recSet === 0 && recClear === 0 ? undefined : { set: recSet, clear: recClear };
}

function planIdMap(request: MountRequest, parsed: ParsedOptions): IdMap | undefined {
  const { mount, userNamespace } = request;
  const withSubmounts = parsed.extensions.has("ridmap");
  const { uidMappings = [], gidMappings = [] } = mount;
  const asked = withSubmounts || parsed.extensions.has("idmap");
  if (!asked && uidMappings.length === 0 && gidMappings.length === 0) return undefined;
  const isContainers = uidMappings.length === 0 && gidMappings.length === 0 && userNamespace;
  if (!isContainers && (uidMappings.length === 0 || gidMappings.length === 0)) {
    throw refuse(request, "id-mapped mounts must have both uid and gid mappings specified");
  }
  return { uidMappings, gidMappings, withSubmounts };
}

/**
 * mount(2) takes the data as one string with commas; fsconfig(2) takes single options of up to 255 bytes, and
 * knows neither the quotes of SELinux contexts nor the escaped commas of overlay.
 */
function splitData(data: readonly string[]): { parts: readonly string[]; plain: boolean } {
  const parts: string[] = [];
  let plain = true;
  for (const word of data) {
    if (word.includes('"') || word.includes("\\,")) return { parts: data, plain: false };
    for (const part of word.split(",")) {
      if (part !== "") parts.push(part);
      // A code unit takes up to three bytes.
      if (part.length * 3 >= 256 && utf8(part).length >= 256) plain = false;
    }
  }
  return { parts, plain };
}

function namesMode(data: readonly string[]): boolean {
  for (const part of data) if (part.startsWith("mode=")) return true;
  return false;
}

/** `"proc" on "/proc"`, as errors name a mount. */
export function nameMount({ source, destination }: { source: string; destination: string }): string {
  return `"${source}" on "${destination}"`;
}

/** The place of a mount in the configuration, for the hint of an error. */
export function describeMount(mount: Pick<Planned, "index" | "options"> & { type?: string }): string {
  const type = mount.type === undefined ? "" : `type "${mount.type}", `;
  return `mounts[${mount.index}] of config.json: ${type}options "${mount.options.join(",")}"`;
}

function refuse({ mount, index }: MountRequest, reason: string, advice?: string): TsrunError {
  const { source = "", destination, options = [], type = "" } = mount;
  const where = describeMount({ index, options, type });
  return new TsrunError("E_CONFIG", `cannot mount ${nameMount({ source, destination })}: ${reason}`, {
    hint: advice === undefined ? where : `${advice}; ${where}`,
  });
}
