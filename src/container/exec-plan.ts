// Plans `exec`: what is to run in which container, and what refuses that. Reads the container's state, and
// changes nothing.

import { TsrunError } from "../errors.ts";
import type { Descriptor } from "../linux/files/files.ts";
import type { NamespaceKind } from "../namespaces/plan.ts";
import { checkHostLabels } from "../process/host-side.ts";
import { type ProcessPlan, planProcess } from "../process/plan.ts";
import type { CompiledFilter } from "../seccomp/filter.ts";
import { readAnnotations } from "../spec/annotations.ts";
import type { Process, Seccomp, Spec } from "../spec/types.ts";
import { namespacesMade } from "./exec-namespaces.ts";
import { chooseProcess } from "./exec-process.ts";
import { type Listener, listenerOf, profileOf, seccompOf } from "./filter.ts";
import type { ExecOptions, GlobalOptions, Status } from "./options.ts";
import type { StateRecord } from "./record.ts";
import { isRootless } from "./rootless.ts";
import { holdInit, statusWith } from "./status.ts";
import { getStateDirectory, type StateDirectory } from "./store.ts";

export interface ExecPlan {
  readonly record: StateRecord;
  /**
   * The first process's directory in /proc. Its pid alone may belong to another process by the time its
   * namespaces are joined.
   */
  readonly init: Descriptor;
  readonly process: ProcessPlan;
  readonly asked: Process;
  readonly spec: Spec;
  readonly consoleSize: NonNullable<Spec["process"]>["consoleSize"];
  readonly terminal: boolean;
  readonly seccomp: CompiledFilter | undefined;
  readonly listener: Listener;
  /** The cgroup below the container's in which the container began, if an annotation names one. */
  readonly delegate: string | undefined;
  readonly rootless: boolean;
  readonly profile: Seccomp | undefined;
  /** The namespaces that create made. */
  readonly made: ReadonlySet<NamespaceKind>;
  /** Whether a failure is to be explained. */
  readonly explains: boolean;
}

/** Everything that can be refused is refused before there is a process. */
export function planExec(globals: GlobalOptions, options: ExecOptions): ExecPlan {
  using directory = getStateDirectory(globals.root, options.id);
  const record = directory.load();
  const init = holdInit(record);
  try {
    return planWith(init, record, { directory, globals, options });
  } catch (error) {
    init?.close();
    throw error;
  }
}

interface Planning {
  readonly directory: StateDirectory;
  readonly globals: GlobalOptions;
  readonly options: ExecOptions;
}

function planWith(
  init: Descriptor | undefined,
  record: StateRecord,
  { directory, globals, options }: Planning,
): ExecPlan {
  const status = statusWith(init, record, directory);
  checkStatus(status, options);
  // Until its root is entered, a process in its mount namespace finds the host's files.
  if (init === undefined || status === "creating") {
    throw new TsrunError("E_STATE", "cannot exec in a container in the creating state", {
      hint: `it is being made; "state ${record.id}" says when it is created`,
    });
  }
  const text = directory.configText();
  if (options.inShim !== undefined && text.length > LARGEST_CONFIG) throw new LeftToCommand();
  const spec = directory.loadConfig(text);
  const annotations = readAnnotations(spec);
  const process = chooseProcess(spec, options);
  if (options.inShim !== undefined && isForCommand(process)) throw new LeftToCommand();
  const plan = planProcess({
    kind: "exec",
    id: record.id,
    process,
    container: spec.process,
    linux: spec.linux,
    newKeyring: record.newKeyring,
    keepsGroups: annotations.keepsGroups,
  });
  checkHostLabels(plan);
  const seccomp = seccompOf(spec, globals);
  // The agent may keep its caller waiting.
  if (options.inShim !== undefined && seccomp?.notify === true) throw new LeftToCommand();
  return {
    record,
    delegate: annotations.delegate,
    init,
    process: plan,
    asked: process,
    spec,
    consoleSize: process.consoleSize,
    terminal: process.terminal === true,
    seccomp,
    listener: listenerOf(spec),
    profile: profileOf(spec),
    rootless: isRootless(globals),
    made: namespacesMade(spec),
    explains: options.inShim === undefined,
  };
}

/** Thrown if a shim is to leave this exec to a command. */
export class LeftToCommand extends Error {}

/** A larger configuration would keep a shim from its other requests for some milliseconds; bytes. */
const LARGEST_CONFIG = 128 << 10;
/** So would longer lists: each directory of PATH is two calls, and an image says how many there are. */
const LONGEST_LIST = 64;

/** A terminal's socket may keep its caller waiting. */
function isForCommand({ terminal, env, user, capabilities, execCPUAffinity }: Process): boolean {
  const sets = Object.values(capabilities ?? {});
  const places = (env ?? []).filter((one) => one.startsWith("PATH=")).map((one) => one.split(":"));
  const ranges = Object.values(execCPUAffinity ?? {}).map((list) => list.split(","));
  const lists = [...sets, ...places, ...ranges, user?.additionalGids ?? []];
  return terminal === true || lists.some((list) => list.length > LONGEST_LIST);
}

function checkStatus(status: Status, { ignorePaused }: ExecOptions): void {
  if (status === "stopped") throw stopped();
  if (status === "paused" && !ignorePaused) {
    throw new TsrunError("E_STATE", "cannot exec in a paused container (use --ignore-paused to override)");
  }
}

export function stopped(cause?: unknown): TsrunError {
  return new TsrunError("E_STATE", "cannot exec in a stopped container", { cause });
}
