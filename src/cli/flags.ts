// The options that several commands share, and the global ones. The names are runc's. Pure.

import type { OptionTable } from "./options.ts";

/** Accepted before and after the command. */
export const globalOptions = {
  debug: {
    type: "boolean",
    describe: "enable debug logging: what was decided and, with --log, every system call",
  },
  log: {
    type: "string",
    describe: "where log lines go (default: stderr): [file:]PATH, journald:NAME or syslog:NAME",
    words: "file",
  },
  "log-format": {
    type: "string",
    describe: "format of log lines: text or json",
    default: "text",
    words: ["text", "json"],
  },
  "log-level": {
    type: "string",
    describe: "least serious messages to log: error, warning or debug; debug is the same as --debug",
    defaultDescription: "warning",
    words: ["error", "warning", "debug"],
  },
  trace: {
    type: "string",
    describe: "write where the time went, call by call, to this file, for Perfetto or OpenTelemetry",
    words: "file",
  },
  root: {
    type: "string",
    describe: "directory that holds the state of the containers; it should be on a tmpfs",
    defaultDescription: "/run/tsrun, or $XDG_RUNTIME_DIR/tsrun when not root",
    words: "directory",
  },
  "systemd-cgroup": {
    type: "boolean",
    describe: 'let systemd make the cgroups; cgroupsPath then has the form "slice:prefix:name"',
  },
  "cgroup-manager": {
    type: "string",
    describe: "who makes the cgroups: systemd (same as --systemd-cgroup), cgroupfs, or disabled: nobody",
    defaultDescription: "cgroupfs",
    words: ["cgroupfs", "systemd", "disabled"],
  },
  rootless: {
    type: "string",
    describe: "ignore cgroup permission errors: true, false or auto",
    default: "auto",
    words: ["true", "false", "auto"],
  },
} as const satisfies OptionTable;

/** Before the command only, like `--help`. */
export const versionOption = {
  version: { type: "boolean", alias: "v", describe: "print the version" },
  // crun's short name for it.
  V: { type: "boolean", describe: "print the version", hidden: true },
} as const satisfies OptionTable;

export const bundle = {
  type: "string",
  alias: "b",
  describe: "path to the bundle directory (default: the current directory)",
  words: "directory",
} as const;

/** Of `list` and `ps`; see `readFormat`. */
export const listFormat = {
  type: "string",
  alias: "f",
  describe: "table or json",
  default: "table",
  words: ["table", "json"],
} as const;

/** The options of both `create` and `run`. */
export const createOptions = {
  bundle,
  config: {
    type: "string",
    alias: "f",
    describe: "path to the configuration (default: config.json of the bundle)",
    words: "file",
  },
  "console-socket": {
    type: "string",
    describe: "path to an AF_UNIX socket that will receive the master end of the console's pseudoterminal",
    words: "file",
  },
  "pidfd-socket": {
    type: "string",
    describe: "path to an AF_UNIX socket that will receive a pidfd of the container's first process",
    words: "file",
  },
  "pid-file": {
    type: "string",
    describe: "file to write the process id to",
    words: "file",
  },
  "no-pivot": {
    type: "boolean",
    describe: "do not use pivot_root to enter the root file system; for a root file system on a ramdisk",
  },
  "no-new-keyring": {
    type: "boolean",
    describe: "keep the caller's session keyring instead of creating one for the container",
  },
  "preserve-fds": {
    type: "number",
    describe: "pass N additional file descriptors to the container (stdio + $LISTEN_FDS + N in total)",
    default: 0,
  },
} as const satisfies OptionTable;
