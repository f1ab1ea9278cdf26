// The system calls that mount, as operations: mount(2), and the calls of Linux 5.2 and later. The
// others are in calls.ts.

import { u64Struct } from "../../linux/call/words.ts";
import { showFlags } from "../../linux/numbers/flags.ts";
import {
  FSCONFIG_CMD_CREATE,
  FSCONFIG_SET_FLAG,
  FSCONFIG_SET_STRING,
  FSMOUNT_CLOEXEC,
  FSOPEN_CLOEXEC,
  MOUNT_ATTR_FLAGS,
  MOVE_MOUNT_F_EMPTY_PATH,
  MOVE_MOUNT_T_EMPTY_PATH,
  MS_FLAGS,
} from "../../linux/numbers/mount.ts";
import { type Data, data, type Fd, flags, hex, NULL, shown } from "./arguments.ts";
import { type Operation, operation } from "./operation.ts";

// Made once, since hundreds of calls use each.
const OPEN_CLOEXEC = shown(FSOPEN_CLOEXEC, "FSOPEN_CLOEXEC");
const SET_FLAG = shown(FSCONFIG_SET_FLAG, "FSCONFIG_SET_FLAG");
const SET_STRING = shown(FSCONFIG_SET_STRING, "FSCONFIG_SET_STRING");
const CREATE = shown(FSCONFIG_CMD_CREATE, "FSCONFIG_CMD_CREATE");
const MOUNT_CLOEXEC = shown(FSMOUNT_CLOEXEC, "FSMOUNT_CLOEXEC");

export interface MountCall {
  readonly source?: string;
  readonly target: string;
  readonly type?: string;
  readonly flags: number;
  readonly data?: string;
}

/**
 * mount(2), for options that the mount API of Linux 5.2 cannot express, and for kernels without
 * mount_setattr(2).
 */
export function mount(call: MountCall, attempt: string): Operation {
  const optional = (value: string | undefined) => (value === undefined ? NULL : value);
  return operation(
    "mount",
    [
      optional(call.source),
      call.target,
      optional(call.type),
      flags(call.flags, MS_FLAGS),
      optional(call.data),
    ],
    attempt,
  );
}

export function umount2(path: string, how: number, attempt: string): Operation {
  return operation("umount2", [path, how], attempt);
}

export function fsopen(type: string, attempt: string): Operation {
  return operation("fsopen", [type, OPEN_CLOEXEC], attempt);
}

export function fsconfigFlag(context: Fd, key: string, attempt: string): Operation {
  return operation("fsconfig", [context, SET_FLAG, key, NULL, 0], attempt);
}

export function fsconfigString(context: Fd, key: string, value: string, attempt: string): Operation {
  return operation("fsconfig", [context, SET_STRING, key, value, 0], attempt);
}

export function fsconfigCreate(context: Fd, attempt: string): Operation {
  return operation("fsconfig", [context, CREATE, NULL, NULL, 0], attempt);
}

export function fsmount(context: Fd, attributes: number, attempt: string): Operation {
  return operation("fsmount", [context, MOUNT_CLOEXEC, flags(attributes, MOUNT_ATTR_FLAGS)], attempt);
}

export function openTree(dir: Fd, path: string, how: number, attempt: string): Operation {
  return operation("open_tree", [dir, path, hex(how)], attempt);
}

const EMPTY_PATHS = shown(
  MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH,
  "MOVE_MOUNT_F_EMPTY_PATH|MOVE_MOUNT_T_EMPTY_PATH",
);

/** move_mount(2) of a detached mount onto an open file: no path is walked. */
export function moveMount(tree: Fd, target: Fd, attempt: string): Operation {
  return operation("move_mount", [tree, "", target, "", EMPTY_PATHS], attempt);
}

export interface MountAttributes {
  readonly set?: number;
  readonly clear?: number;
  /** MS_SHARED, MS_SLAVE, MS_PRIVATE or MS_UNBINDABLE */
  readonly propagation?: number;
  readonly userNamespace?: number;
}

export function mountSetattr(
  dir: Fd,
  path: string,
  how: number,
  to: MountAttributes,
  attempt: string,
): Operation {
  return operation("mount_setattr", [dir, path, hex(how), attributesStruct(to), 32], attempt);
}

/** `struct mount_attr`; see `openHows`. */
const attributesStructs = new Map<number, Data>();

function attributesStruct(to: MountAttributes): Data {
  const key = attributesKey(to);
  let struct = key === undefined ? undefined : attributesStructs.get(key);
  if (struct === undefined) {
    struct = makeAttributesStruct(to);
    if (key !== undefined) attributesStructs.set(key, struct);
  }
  return struct;
}

/** A key for the structures that many mounts have: only attributes, or only propagation. */
function attributesKey({ set = 0, clear = 0, propagation = 0, userNamespace }: MountAttributes) {
  if (userNamespace !== undefined) return undefined;
  if (propagation === 0) return set * 2 ** 24 + clear;
  return set === 0 && clear === 0 ? -propagation : undefined;
}

function makeAttributesStruct({ set = 0, clear = 0, propagation = 0, userNamespace = 0 }: MountAttributes) {
  return data(u64Struct(set, clear, propagation, userNamespace), () => {
    const parts = [
      `attr_set=${showFlags(set, MOUNT_ATTR_FLAGS)}`,
      `attr_clr=${showFlags(clear, MOUNT_ATTR_FLAGS)}`,
    ];
    if (propagation !== 0) parts.push(`propagation=${showFlags(propagation, MS_FLAGS)}`);
    if (userNamespace !== 0) parts.push(`userns_fd=${userNamespace}`);
    return `{${parts.join(", ")}}`;
  });
}
