// The options that the command line passes to the stories in this folder. Plain values: paths are absolute,
// numbers are checked.

import type { DumpOptions, RevivalOptions } from "../checkpoint/options.ts";
import type { Descriptor } from "../linux/files/files.ts";
import type { Limits } from "../linux/process/limits.ts";
import type { Trace } from "../proxy/proxy.ts";
import type { Process } from "../spec/types.ts";

interface OwnLog {
  /** The descriptor, if it is a file or a socket that tsrun has opened. */
  readonly descriptor?: number | undefined;
  warning(message: string): void;
  /** A warning that is shown although the command fails: something of the container stays. */
  leftover(message: string): void;
  debug(message: string): void;
}

/** The options before (or after) every command. */
export interface GlobalOptions {
  /** State root, absolute. */
  readonly root: string;
  readonly systemdCgroup: boolean;
  /** No cgroup is made, and none is joined. */
  readonly cgroupsDisabled: boolean;
  /** Whether cgroup permission errors are tolerated; `auto` decides by effective uid and user namespace. */
  readonly rootless: "true" | "false" | "auto";
  /**
   * Receives warnings; they are shown when the command has succeeded, or at once under `--debug`.
   */
  readonly log: OwnLog;
  /** Receives phases, and each system call of the first process, under `--debug`. */
  readonly trace?: Trace | undefined;
  /** The descriptor of the file that `--trace` names. */
  readonly traceDescriptor?: number | undefined;
}

export interface CreateOptions {
  readonly id: string;
  /** Absolute path of the bundle directory. */
  readonly bundle: string;
  /** Absolute path of the configuration, if it is not the bundle's config.json. */
  readonly config?: string | undefined;
  readonly pidFile?: string | undefined;
  readonly consoleSocket?: string | undefined;
  readonly pidfdSocket?: string | undefined;
  readonly noPivot: boolean;
  readonly noNewKeyring: boolean;
  /** How many descriptors the container inherits: from 3 on, or after those of socket activation. */
  readonly preserveFds: number;
  /** How many descriptors from 3 on systemd means for the container (sd_listen_fds(3)). */
  readonly listenFds?: number | undefined;
  /** The socket for the message that the container is ready (sd_notify(3)). */
  readonly notifySocket?: string | undefined;
}

export interface StartOptions {
  readonly notifySocket?: string | undefined;
}

export interface RunOptions extends CreateOptions {
  readonly detach: boolean;
  /** Keep the container's state after the process has ended. */
  readonly keep: boolean;
  readonly noSubreaper: boolean;
}

export interface ExecOptions {
  readonly id: string;
  /** From `--process`; the options from `args` to `noNewPrivs` are then ignored. */
  readonly process: Process | undefined;
  readonly args: readonly string[];
  readonly cwd: string | undefined;
  readonly env: readonly string[];
  readonly tty: boolean;
  /** `UID[:GID]` */
  readonly user: string | undefined;
  readonly additionalGids: readonly number[];
  readonly capabilities: readonly string[];
  readonly apparmor: string | undefined;
  readonly processLabel: string | undefined;
  readonly noNewPrivs: boolean | undefined;
  readonly detach: boolean;
  readonly pidFile: string | undefined;
  readonly consoleSocket: string | undefined;
  readonly pidfdSocket: string | undefined;
  readonly preserveFds: number;
  /** `[CONTROLLER,…:]PATH` below the container's cgroup. */
  readonly cgroups: readonly string[];
  readonly ignorePaused: boolean;
  /** Set if a shim runs the story, in its own process. */
  readonly inShim?: InShim | undefined;
}

/** What a shim gives to `exec`; a command has these things by itself. */
export interface InShim {
  /** The process's standard input, output and error. */
  readonly stdio: readonly Descriptor[];
  /** Its limits of open files; the shim has raised its own. */
  readonly limits: Limits;
  /** Told whether the process may have executed the program by now: nobody must run it again then. */
  mayHaveExecuted(may: boolean): void;
  /** Called last, with the pid of the process: nothing will be undone any more. */
  began(pid: number): void;
}

export interface CheckpointOptions extends DumpOptions {
  readonly id: string;
}

export interface RestoreOptions extends RevivalOptions {
  readonly id: string;
  readonly bundle: string;
  readonly pidFile: string | undefined;
  readonly consoleSocket: string | undefined;
  readonly detach: boolean;
  readonly noPivot: boolean;
  readonly noSubreaper: boolean;
  /** The service manager's socket; the container must have been created with one. */
  readonly notifySocket?: string | undefined;
}

export interface KillOptions {
  readonly id: string;
  /** Signal number; 0 probes. */
  readonly signal: number;
  readonly all: boolean;
  /** Who asks, if it is not the process that has called tsrun. */
  readonly asker?: { readonly pid: number; readonly name: string };
}

export interface DeleteOptions {
  readonly id: string;
  readonly force: boolean;
}

export type Status = "creating" | "created" | "running" | "paused" | "stopped";

/** The output of `state`, and a row of `list`; the order of the keys is runc's. */
export interface ContainerState {
  readonly ociVersion: string;
  readonly id: string;
  /** Host pid of the first process, 0 if it has ended. */
  readonly pid: number;
  readonly status: Status;
  readonly bundle: string;
  readonly rootfs: string;
  /** RFC 3339 with nanoseconds, UTC. */
  readonly created: string;
  readonly annotations?: Readonly<Record<string, string>> | undefined;
  /** Name of the state directory's owner, or `#uid` if it has no name; empty in `state`. */
  readonly owner: string;
}
