// The flags that `checkpoint` and `restore` share, and their conversion to the stories' options. Pure.

import { CGROUPS_MODES, NETWORK_LOCKS } from "../checkpoint/messages.ts";
import type { ImageOptions } from "../checkpoint/options.ts";
import { TsrunError } from "../errors.ts";
import { absoluteIfGiven } from "./create-options.ts";
import type { OptionTable, Values } from "./options.ts";
import { absolutePath } from "./paths.ts";

export const criuOptions = {
  "work-path": { type: "string", describe: "path for saving work files and logs", words: "directory" },
  "tcp-established": { type: "boolean", describe: "allow open tcp connections" },
  "ext-unix-sk": { type: "boolean", describe: "allow external unix sockets" },
  "shell-job": { type: "boolean", describe: "allow shell jobs" },
  "file-locks": { type: "boolean", describe: "handle file locks, for safety" },
  "lazy-pages": { type: "boolean", describe: "use userfaultfd to lazily restore memory pages" },
  "auto-dedup": { type: "boolean", describe: "enable auto deduplication of memory images" },
  "manage-cgroups-mode": {
    type: "string",
    describe: "how criu deals with cgroups: soft, full, strict or ignore",
    default: "",
    defaultDescription: "soft",
    words: ["soft", "full", "strict", "ignore"],
  },
  "empty-ns": {
    type: "string",
    array: true,
    describe: "create a namespace, but do not restore its properties: network",
  },
  "network-lock": {
    type: "string",
    describe: "how criu blocks network packets meanwhile: iptables, nftables or skip",
    default: "",
    defaultDescription: "iptables",
    words: ["iptables", "nftables", "skip"],
  },
} as const satisfies OptionTable;

/** Checks the words and makes paths absolute. Without `--image-path` it is runc's default, `./checkpoint`. */
export function readCriuOptions(
  options: Values<typeof criuOptions>,
  { imagePath, cwd }: { imagePath: string | undefined; cwd: () => string },
): ImageOptions {
  for (const namespace of options["empty-ns"]) {
    if (namespace !== "network") throw unknown(`namespace "${namespace}" is not supported`, ["network"]);
  }
  return {
    imagePath: absolutePath(imagePath === undefined || imagePath === "" ? "checkpoint" : imagePath, cwd),
    workPath: absoluteIfGiven(options["work-path"], cwd),
    tcpEstablished: options["tcp-established"],
    extUnixSk: options["ext-unix-sk"],
    shellJob: options["shell-job"],
    fileLocks: options["file-locks"],
    lazyPages: options["lazy-pages"],
    autoDedup: options["auto-dedup"],
    manageCgroupsMode: readCgroupsMode(options["manage-cgroups-mode"]),
    networkLock: readNetworkLock(options["network-lock"]),
  };
}

function readCgroupsMode(word: string): number {
  const mode = Object.entries(CGROUPS_MODES).find(([name]) => name === word);
  if (mode !== undefined) return mode[1];
  throw unknown("invalid manage-cgroups-mode value", Object.keys(CGROUPS_MODES).slice(1));
}

function readNetworkLock(word: string): number | undefined {
  if (word === "") return undefined;
  const lock = Object.entries(NETWORK_LOCKS).find(([name]) => name === word);
  if (lock !== undefined) return lock[1];
  throw unknown("invalid network-lock value", Object.keys(NETWORK_LOCKS));
}

function unknown(message: string, known: readonly string[]): TsrunError {
  return new TsrunError("E_USAGE", message, { hint: `it can be ${known.join(", ")}` });
}

/** `--page-server ADDRESS:PORT`; an IPv6 address is in brackets. */
export function readPageServer(given: string | undefined): { address: string; port: number } | undefined {
  if (given === undefined || given === "") return undefined;
  const [, bracketed, plain, port] = /^(?:\[([^\]]+)\]|([^:[\]]+)):([^:]+)$/.exec(given) ?? [];
  const address = bracketed ?? plain;
  if (address === undefined || port === undefined) {
    throw new TsrunError("E_USAGE", "Use --page-server ADDRESS:PORT to specify page server");
  }
  if (!/^\d+$/.test(port)) throw new TsrunError("E_USAGE", "Invalid port number");
  return { address, port: Number(port) };
}

/** The previous dump. AS RUNC: a relative path, so that both dumps can be moved together. */
export function readParentPath(given: string | undefined): string | undefined {
  if (given === undefined || given === "") return undefined;
  if (given.startsWith("/")) {
    throw new TsrunError("E_USAGE", "--parent-path must be relative", {
      hint: "relative to --image-path, such as ../before",
    });
  }
  return given;
}
