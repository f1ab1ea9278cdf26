// The messages of criu's RPC that tsrun uses, with the numbers of rpc.proto (criu.org/RPC). Pure.

import type { Message, ValuesOf } from "../protobuf/protobuf.ts";

/** `criu_req_type` */
export const REQUEST = {
  DUMP: 1,
  RESTORE: 2,
  PRE_DUMP: 4,
  NOTIFY: 6,
  FEATURE_CHECK: 9,
  VERSION: 10,
} as const;

/** `criu_cg_mode`; an empty `--manage-cgroups-mode` means criu's default, which is `soft`. */
export const CGROUPS_MODES = { "": 6, soft: 3, full: 4, strict: 5, ignore: 0 } as const;

/** `criu_network_lock_method` */
export const NETWORK_LOCKS = { iptables: 1, nftables: 2, skip: 3 } as const;

const keyAndValue = {
  key: { number: 1, type: "string" },
  val: { number: 2, type: "string" },
} as const satisfies Message;

const inheritedFile = {
  key: { number: 1, type: "string" },
  fd: { number: 2, type: "int" },
} as const satisfies Message;

const joinedNamespace = {
  ns: { number: 1, type: "string" },
  nsFile: { number: 2, type: "string" },
} as const satisfies Message;

const cgroupRoot = {
  ctrl: { number: 1, type: "string" },
  path: { number: 2, type: "string" },
} as const satisfies Message;

const pageServer = {
  address: { number: 1, type: "string" },
  port: { number: 2, type: "int" },
} as const satisfies Message;

/** `criu_opts` */
const options = {
  imagesDirFd: { number: 1, type: "int" },
  pid: { number: 2, type: "int" },
  leaveRunning: { number: 3, type: "bool" },
  extUnixSk: { number: 4, type: "bool" },
  tcpEstablished: { number: 5, type: "bool" },
  evasiveDevices: { number: 6, type: "bool" },
  shellJob: { number: 7, type: "bool" },
  fileLocks: { number: 8, type: "bool" },
  logLevel: { number: 9, type: "int" },
  logFile: { number: 10, type: "string" },
  ps: { number: 11, type: pageServer },
  notifyScripts: { number: 12, type: "bool" },
  root: { number: 13, type: "string" },
  parentImg: { number: 14, type: "string" },
  trackMem: { number: 15, type: "bool" },
  autoDedup: { number: 16, type: "bool" },
  workDirFd: { number: 17, type: "int" },
  linkRemap: { number: 18, type: "bool" },
  extMnt: { number: 23, type: keyAndValue, repeated: true },
  manageCgroups: { number: 24, type: "bool" },
  cgRoot: { number: 25, type: cgroupRoot, repeated: true },
  rstSibling: { number: 26, type: "bool" },
  inheritFd: { number: 27, type: inheritedFile, repeated: true },
  manageCgroupsMode: { number: 34, type: "int" },
  external: { number: 37, type: "string", repeated: true },
  emptyNs: { number: 38, type: "int" },
  joinNs: { number: 39, type: joinedNamespace, repeated: true },
  freezeCgroup: { number: 44, type: "string" },
  tcpSkipInFlight: { number: 46, type: "bool" },
  lazyPages: { number: 48, type: "bool" },
  statusFd: { number: 49, type: "int" },
  orphanPtsMaster: { number: 50, type: "bool" },
  configFile: { number: 51, type: "string" },
  tcpClose: { number: 52, type: "bool" },
  lsmProfile: { number: 53, type: "string" },
  lsmMountContext: { number: 63, type: "string" },
  networkLock: { number: 64, type: "int" },
} as const satisfies Message;

/** `criu_features` */
const features = {
  memTrack: { number: 1, type: "bool" },
  lazyPages: { number: 2, type: "bool" },
} as const satisfies Message;

/** `criu_req` */
export const request = {
  type: { number: 1, type: "int" },
  opts: { number: 2, type: options },
  notifySuccess: { number: 3, type: "bool" },
  features: { number: 5, type: features },
} as const satisfies Message;

const version = {
  major: { number: 1, type: "int" },
  minor: { number: 2, type: "int" },
  sublevel: { number: 4, type: "int" },
} as const satisfies Message;

const notice = {
  script: { number: 1, type: "string" },
  pid: { number: 2, type: "int" },
} as const satisfies Message;

/** `criu_resp` */
export const response = {
  type: { number: 1, type: "int" },
  success: { number: 2, type: "bool" },
  notify: { number: 5, type: notice },
  errno: { number: 7, type: "int" },
  features: { number: 8, type: features },
  version: { number: 10, type: version },
} as const satisfies Message;

export type Request = ValuesOf<typeof request>;
export type Response = ValuesOf<typeof response>;
export type CriuOptions = ValuesOf<typeof options>;
export type Features = ValuesOf<typeof features>;

/** `ext_mount_map` */
export interface ExternalMount {
  readonly key: string;
  readonly val: string;
}

/** `inherit_fd` */
export interface InheritedFile {
  readonly key: string;
  readonly fd: number;
}

/** `cgroup_root` */
export interface CgroupRoot {
  readonly ctrl: string;
  readonly path: string;
}

/** The name of a request's type, for people. */
export function requestName(type: number | undefined): string {
  return Object.entries(REQUEST).find(([, number]) => number === type)?.[0] ?? `${type}`;
}
