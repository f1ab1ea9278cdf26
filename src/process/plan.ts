// Plans the first process: config.json's `process` with every default filled in and every name turned into a
// number. Pure. Called by the stories before anything is touched; runtime-spec config.md#process.

import { TsrunError } from "../errors.ts";
import { RLIM_INFINITY, RLIMITS, type RlimitName } from "../linux/numbers/rlimits.ts";
import type { Linux, Process, Rlimit } from "../spec/types.ts";
import { type CapabilityMasks, planCapabilities } from "./capabilities.ts";
import { type Environment, planEnvironment } from "./environment.ts";
import type { SchedulingPlan } from "./scheduling.ts";

export interface PlannedUser {
  readonly uid: number;
  readonly gid: number;
  readonly additionalGids: readonly number[];
}

export interface PlannedRlimit {
  readonly name: RlimitName;
  readonly resource: number;
  readonly soft: bigint;
  readonly hard: bigint;
}

export interface ProcessPlan {
  /** The container's first process, or one of `exec`. */
  readonly kind: "init" | "exec";
  readonly id: string;
  readonly args: readonly string[];
  readonly environment: Environment;
  readonly cwd: string;
  readonly user: PlannedUser;
  readonly umask: number;
  readonly capabilities: CapabilityMasks;
  readonly noNewPrivileges: boolean;
  readonly rlimits: readonly PlannedRlimit[];
  readonly oomScoreAdj: number | undefined;
  readonly scheduling: SchedulingPlan;
  readonly affinity: { readonly initial: string | undefined; readonly final: string | undefined };
  readonly apparmorProfile: string | undefined;
  readonly selinuxLabel: string | undefined;
  /** Make a new session keyring. */
  readonly newKeyring: boolean;
  /** The supplementary groups stay the caller's: setgroups(2) is left out. */
  readonly keepsGroups: boolean;
  /** Whether the container is in a new or joined user namespace. */
  readonly userNamespace: boolean;
  /** Warnings about ignored settings, to be logged. */
  readonly warnings: readonly string[];
}

export interface ProcessInput {
  readonly kind: "init" | "exec";
  /** The container's id. */
  readonly id: string;
  readonly process: Process;
  /**
   * AS RUNC: members that the process of an `exec` does not set come from the container's (runc:
   * newInitConfig).
   */
  readonly container?: Process | undefined;
  readonly linux: Linux | undefined;
  readonly newKeyring: boolean;
  /** `run.oci.keep_original_groups` */
  readonly keepsGroups?: boolean;
}

/** The umask if the configuration has none (runc: prepareRootfs). */
const DEFAULT_UMASK = 0o022;

/** Reads `process`. */
export function planProcess(input: ProcessInput): ProcessPlan {
  const { kind, id, process, container, linux } = input;
  const { user = {} } = process;
  const { masks, warnings } = planCapabilities(process.capabilities ?? container?.capabilities);
  const affinity = kind === "exec" ? (process.execCPUAffinity ?? container?.execCPUAffinity) : undefined;
  return {
    kind,
    id,
    args: process.args ?? [],
    environment: planEnvironment(process.env),
    cwd: process.cwd,
    user: {
      uid: id32(user.uid, "uid"),
      gid: id32(user.gid, "gid"),
      additionalGids: user.additionalGids ?? [],
    },
    umask: user.umask ?? container?.user?.umask ?? DEFAULT_UMASK,
    capabilities: masks,
    noNewPrivileges: process.noNewPrivileges === true,
    // AS RUNC: if a process file of `exec` has no limits, the caller's stay, and its oomScoreAdj is ignored.
    rlimits: (process.rlimits ?? []).map(planRlimit),
    oomScoreAdj: kind === "exec" ? container?.oomScoreAdj : process.oomScoreAdj,
    scheduling: {
      scheduler: process.scheduler ?? container?.scheduler,
      ioPriority: process.ioPriority ?? container?.ioPriority,
      personality: linux?.personality,
      memoryPolicy: linux?.memoryPolicy,
    },
    affinity: { initial: unlessEmpty(affinity?.initial), final: unlessEmpty(affinity?.final) },
    apparmorProfile: unlessEmpty(process.apparmorProfile) ?? unlessEmpty(container?.apparmorProfile),
    selinuxLabel: unlessEmpty(process.selinuxLabel) ?? unlessEmpty(container?.selinuxLabel),
    newKeyring: input.newKeyring,
    keepsGroups: input.keepsGroups === true,
    userNamespace: linux?.namespaces?.some(({ type }) => type === "user") === true,
    warnings,
  };
}

/** The id of all bits set means "as it is" to setresuid(2): the process would stay root. */
function id32(id = 0, name: string): number {
  if (id === 0xffffffff) throw new TsrunError("E_CONFIG", `process.user.${name} ${id} is no id`);
  return id;
}

function planRlimit({ type, soft, hard }: Rlimit): PlannedRlimit {
  return { name: type, resource: RLIMITS[type], soft: limit(soft), hard: limit(hard) };
}

/** A parser may have rounded 2^64 - 1 up; it still means "no limit". */
function limit(value: number | bigint): bigint {
  const exact = BigInt(value);
  return exact > RLIM_INFINITY ? RLIM_INFINITY : exact;
}

function unlessEmpty(text: string | undefined): string | undefined {
  return text === "" ? undefined : text;
}
