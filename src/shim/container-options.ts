// The options of a container, from containerd and from its bundle. `create` saves them for `delete`, which
// containerd runs when the shim has died.

import { open, readText, remove, status, writeAll } from "../linux/files/files.ts";
import { isSameFile } from "../linux/files/statx.ts";
import { O_CREAT, O_NOFOLLOW, O_TRUNC, O_WRONLY, S_IFREG } from "../linux/numbers/fcntl.ts";
import { findInPath } from "../linux/process/find-in-path.ts";
import { namesUnit, type RuntimeOptions, readRuntimeOptions } from "./messages/options.ts";
import type { Any } from "./messages/well-known.ts";
import { RequestError } from "./ttrpc/status.ts";

/** The file in the bundle. */
export const OPTIONS = "options.json";

/** The options that `create` saves. */
type KeptOptions = RuntimeOptions & { readonly id?: string };

interface Mapping {
  readonly containerID: number;
  readonly hostID: number;
}

interface Bundle {
  readonly linux?: {
    readonly uidMappings?: readonly Mapping[];
    readonly gidMappings?: readonly Mapping[];
    readonly cgroupsPath?: string;
    readonly namespaces?: readonly { readonly type: string; readonly path?: string }[];
  };
}

/** What a task asks for. */
export interface TaskOptions extends RuntimeOptions {
  /**
   * Whether other processes may outlive the first one, because the container has no pid namespace of its own.
   * When it ends, its bundle may be gone.
   */
  readonly outlivesItsInit: boolean;
}

/** The options of a task, with what its bundle asks for. */
export function optionsOf(any: Any | undefined, bundle: string): TaskOptions {
  const options = readRuntimeOptions(any, {
    unknown: (name) => new RequestError("invalid argument", `unknown runtime options "${name}"`),
    readFile: readRegular,
  });
  checkRuntime(options.binaryName);
  // Docker and containerd set these options only for containerd's own shim: whether systemd makes the
  // cgroups, and the owner of the streams.
  const { cgroupsPath, uidMappings, gidMappings, namespaces } = readBundle(bundle).linux ?? {};
  return {
    ...options,
    systemdCgroup: options.systemdCgroup === true || namesUnit(cgroupsPath),
    ioUid: options.ioUid || rootOf(uidMappings),
    ioGid: options.ioGid || rootOf(gidMappings),
    outlivesItsInit: namespaces?.some(({ type, path = "" }) => type === "pid" && path === "") !== true,
  };
}

/**
 * Under the name of containerd's own shim, this one is also asked for other runtimes. Nobody is to get tsrun
 * in place of another runtime without knowing it.
 */
function checkRuntime(binaryName = ""): void {
  if (binaryName === "" || !/(^|\/)containerd-shim-runc-v\d+$/.test(process.argv0)) return;
  const path = binaryName.includes("/") ? binaryName : findInPath(binaryName);
  if (path !== undefined && isSameFile(status(path), status("/proc/self/exe"))) return;
  const text = `cannot run "${binaryName}": ${process.argv0} is tsrun, which starts no other runtime`;
  throw new RequestError("invalid argument", text);
}

/** The host's id of the container's root. */
function rootOf(mappings: readonly Mapping[] = []): number {
  return mappings.find(({ containerID }) => containerID === 0)?.hostID ?? 0;
}

export function keepOptions(bundle: string, options: KeptOptions): void {
  const path = `${bundle}/${OPTIONS}`;
  remove(path);
  using file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW, { mode: 0o600 });
  writeAll(file.number, JSON.stringify(options), `"${path}"`);
}

/** The options that `create` saved; empty if there are none. */
export function readOptions(bundle: string): KeptOptions {
  try {
    return JSON.parse(readText(`${bundle}/${OPTIONS}`)) as KeptOptions;
  } catch {
    // The shim died before it saved them.
    return {};
  }
}

function readBundle(bundle: string): Bundle {
  return (JSON.parse(readRegular(`${bundle}/config.json`)) ?? {}) as Bundle;
}

/** Anything but a regular file could block the shim, or never end. */
function readRegular(path: string): string {
  const type = status(path)?.type;
  if (type !== undefined && type !== S_IFREG) {
    throw new RequestError("invalid argument", `cannot read "${path}": it is no regular file`);
  }
  return readText(path);
}
