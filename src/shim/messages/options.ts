// Options that callers give a runtime (containerd's api/types/runc/options and api/types/runtimeoptions/v1),
// and what a shim tells of itself (api/types/introspection.proto). Pure.

import { decode, type Message, TEXT_MAP, type ValuesOf } from "../../protobuf/protobuf.ts";
import { ANY, type Any } from "./well-known.ts";

export const RUNC_OPTIONS = {
  noPivotRoot: { number: 1, type: "bool" },
  noNewKeyring: { number: 2, type: "bool" },
  shimCgroup: { number: 3, type: "string" },
  ioUid: { number: 4, type: "int" },
  ioGid: { number: 5, type: "int" },
  binaryName: { number: 6, type: "string" },
  root: { number: 7, type: "string" },
  criuPath: { number: 8, type: "string" },
  systemdCgroup: { number: 9, type: "bool" },
  criuImagePath: { number: 10, type: "string" },
  criuWorkPath: { number: 11, type: "string" },
  taskApiAddress: { number: 12, type: "string" },
  taskApiVersion: { number: 13, type: "int" },
} as const satisfies Message;

export type RuntimeOptions = ValuesOf<typeof RUNC_OPTIONS>;

/**
 * What callers send for a runtime type that they do not know: their own table of options, as text or as a
 * path.
 */
export const GENERIC_OPTIONS = {
  typeUrl: { number: 1, type: "string" },
  configPath: { number: 2, type: "string" },
  configBody: { number: 3, type: "bytes" },
} as const satisfies Message;

/** What all messages about checkpoints have. */
const FOR_CRIU = {
  openTcp: { number: 2, type: "bool" },
  externalUnixSockets: { number: 3, type: "bool" },
  terminal: { number: 4, type: "bool" },
  fileLocks: { number: 5, type: "bool" },
  emptyNamespaces: { number: 6, type: "string", repeated: true },
  cgroupsMode: { number: 7, type: "string" },
} as const satisfies Message;

export const CHECKPOINT_OPTIONS = {
  exit: { number: 1, type: "bool" },
  ...FOR_CRIU,
  imagePath: { number: 8, type: "string" },
  workPath: { number: 9, type: "string" },
} as const satisfies Message;

export type CheckpointOptions = ValuesOf<typeof CHECKPOINT_OPTIONS>;

/**
 * What clients of containerd 1.6, such as its `ctr`, send to a shim that is not containerd's own (containerd,
 * runtime/linux/runctypes).
 */
export const CREATE_OPTIONS = {
  noPivotRoot: { number: 1, type: "bool" },
  ...FOR_CRIU,
  noNewKeyring: { number: 8, type: "bool" },
  shimCgroup: { number: 9, type: "string" },
  ioUid: { number: 10, type: "int" },
  ioGid: { number: 11, type: "int" },
  criuWorkPath: { number: 12, type: "string" },
  criuImagePath: { number: 13, type: "string" },
} as const satisfies Message;

/** The same for a checkpoint. */
export const OLD_CHECKPOINT_OPTIONS = {
  ...CHECKPOINT_OPTIONS,
  workPath: { number: 8, type: "string" },
  imagePath: { number: 9, type: "string" },
} as const satisfies Message;

export const RUNTIME_INFO = {
  name: { number: 1, type: "string" },
  version: {
    number: 2,
    type: { version: { number: 1, type: "string" }, revision: { number: 2, type: "string" } },
  },
  options: { number: 3, type: ANY },
  features: { number: 4, type: ANY },
  annotations: { number: 5, type: TEXT_MAP, repeated: true },
} as const satisfies Message;

/** The type's name, which is the last part of its URL. */
function typeName({ typeUrl = "" }: Any): string {
  return typeUrl.slice(typeUrl.lastIndexOf("/") + 1);
}

export interface OptionsReader {
  /** The error for an unknown type: ignoring it would ignore what was asked for. */
  readonly unknown: (name: string) => Error;
  /** Reads the file that the caller names in place of its options, as `ctr` and Docker do. */
  readonly readFile: (path: string) => string;
}

/** The options of a task. */
export function readRuntimeOptions(any: Any | undefined, reader: OptionsReader): RuntimeOptions {
  if (any?.value === undefined || any.value.length === 0) return {};
  switch (typeName(any)) {
    case "containerd.runc.v1.Options":
      return decode(RUNC_OPTIONS, any.value);
    case "containerd.linux.runc.CreateOptions":
      return ofCreate(decode(CREATE_OPTIONS, any.value));
    case "runtimeoptions.v1.Options":
      return ofGeneric(decode(GENERIC_OPTIONS, any.value), reader);
    default:
      throw reader.unknown(typeName(any));
  }
}

/** The other members are about checkpoints, and come with the request for a checkpoint, too. */
function ofCreate(options: ValuesOf<typeof CREATE_OPTIONS>): RuntimeOptions {
  const { noPivotRoot, noNewKeyring, shimCgroup, ioUid, ioGid, criuWorkPath, criuImagePath } = options;
  return { noPivotRoot, noNewKeyring, shimCgroup, ioUid, ioGid, criuWorkPath, criuImagePath };
}

function ofGeneric(
  { configBody, configPath }: ValuesOf<typeof GENERIC_OPTIONS>,
  { readFile }: OptionsReader,
): RuntimeOptions {
  if (configBody !== undefined && configBody.length > 0) return ofTable(new TextDecoder().decode(configBody));
  return configPath ? ofTable(readFile(configPath)) : {};
}

/** A table of TOML as containerd's configuration writes it: `SystemdCgroup = true`, `Root = "/x"`. */
function ofTable(table: string): RuntimeOptions {
  const options: Record<string, unknown> = {};
  for (const line of table.split("\n")) {
    const [, key = "", value = ""] = /^\s*(\w+)\s*=\s*(.*?)\s*$/.exec(line) ?? [];
    const name = key.charAt(0).toLowerCase() + key.slice(1);
    if (!Object.hasOwn(RUNC_OPTIONS, name)) continue;
    if (value === "true" || value === "false") options[name] = value === "true";
    else if (/^\d+$/.test(value)) options[name] = Number(value);
    else options[name] = value.replace(/^["'](.*)["']$/, "$1");
  }
  return options as RuntimeOptions;
}

/** Whether a cgroups path names a unit of systemd: `system.slice:docker:4e88`. */
export function namesUnit(cgroupsPath: string | undefined): boolean {
  return /^([^/:]+\.slice)?:[^/:]*:[^/:]+$/.test(cgroupsPath ?? "");
}

/** The options of a checkpoint; Docker and `ctr` send the same message. */
export function readCheckpointOptions(any: Any | undefined): CheckpointOptions {
  if (any?.value === undefined) return {};
  const isOld = typeName(any) === "containerd.linux.runc.CheckpointOptions";
  return decode(isOld ? OLD_CHECKPOINT_OPTIONS : CHECKPOINT_OPTIONS, any.value);
}
