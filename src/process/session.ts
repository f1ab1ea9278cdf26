// Separates a process from tsrun's caller before anything of the container is made: its session, its keyring,
// its OOM score. Pure. Called by the stories right after the namespaces, while the host's /proc is still
// there.

import { ENOSYS } from "../linux/numbers/errno.ts";
import { AT_FDCWD, O_WRONLY } from "../linux/numbers/fcntl.ts";
import { PR_SET_DUMPABLE, PR_SET_PDEATHSIG, SIGKILL } from "../linux/numbers/sched.ts";
import { type Fd, shown } from "../proxy/calls/arguments.ts";
import { close, openat, prctl, write } from "../proxy/calls/calls.ts";
import { type Operation, operation, operationError, orGoOn, render } from "../proxy/calls/operation.ts";
import type { Step } from "../proxy/step.ts";
import { type LabelFiles, labelKeys, NO_LABELS } from "./labels.ts";
import type { ProcessPlan } from "./plan.ts";

export interface SessionOptions {
  /** An ordinary user owns /proc/self only while the process is dumpable. */
  readonly rootless: boolean;
  /** Where the label of the keyring is written to, if it has one. */
  readonly labels?: LabelFiles | undefined;
}

/** Session, keyring and OOM score. */
export function separate(plan: ProcessPlan, { rootless, labels }: SessionOptions): Step {
  const keyring = ownKeyring(plan, labels);
  const { oomScoreAdj } = plan;
  const score = oomScoreAdj === undefined ? [] : oomScoreOperations(oomScoreAdj, { rootless });
  return { ...keyring, operations: () => [makeSession(), ...score, ...keyring.operations()] };
}

/**
 * Makes the process the leader of a new session without a terminal. A child does not become a leader with it,
 * so each process that executes makes its own.
 */
export function makeSession(): Operation {
  return operation("setsid", [], "make a session");
}

/** Joins a session keyring, which children inherit; nothing if the caller's is kept. */
export function ownKeyring(plan: ProcessPlan, labels: LabelFiles = NO_LABELS): Step {
  const { making, check } = plan.newKeyring ? joinKeyring(plan) : { making: [], check: () => {} };
  const operations = labelKeys(plan, labels, making);
  return { operations: () => operations, finish: check };
}

/**
 * The first process must not outlive tsrun before it is set up. A change of ids clears this, and it is not
 * set again: from then on the process only waits for tsrun, and exits when it reads end of file from its
 * socket.
 */
export function dieWithTsrun(): Operation {
  return prctl(PR_SET_PDEATHSIG, [SIGKILL], "PR_SET_PDEATHSIG", "tie a process to tsrun");
}

/** The last thing before waiting for `start`: from now on tsrun may exit. */
export function outliveTsrun(): Operation {
  return prctl(PR_SET_PDEATHSIG, [0], "PR_SET_PDEATHSIG", "untie a process from tsrun");
}

/**
 * An ordinary user may look at a process, and thus join its namespaces, only while it is dumpable (proc(5)).
 */
export function showToOwner(): Operation {
  return prctl(PR_SET_DUMPABLE, [1], "PR_SET_DUMPABLE", "show the container's first process to its owner");
}

/**
 * Writes the OOM score through the host's /proc, also when it is 0: the caller may have had another.
 * DIFFERS: rootless, a score that only a privileged process may have is no error; runc refuses it.
 */
function oomScoreOperations(value: number, { rootless }: SessionOptions): Operation[] {
  const attempt = `set the OOM score adjustment to ${value}`;
  const mayFail = rootless ? orGoOn : (of: Operation) => of;
  const file = mayFail(openat(AT_FDCWD, "/proc/self/oom_score_adj", O_WRONLY, attempt));
  const operations = [file, mayFail(write(file, `${value}`, attempt)), mayFail(close(file))];
  if (!rootless) return operations;
  const setDumpable = (to: number) => prctl(PR_SET_DUMPABLE, [to], "PR_SET_DUMPABLE", attempt);
  return [setDumpable(1), ...operations, setDumpable(0)];
}

const KEYCTL_JOIN_SESSION_KEYRING = 1;
const KEYCTL_SETPERM = 5;
/** What join_session_keyring() in security/keys/process_keys.c gives a new one. */
const KEY_POS_ALL = 0x3f000000;
const KEY_USR_VIEW_READ_LINK = 0x00130000;
const KEY_USR_SEARCH = 0x00080000;
const KEY_OTH_SEARCH = 0x00000008;

/**
 * A session keyring with the container's name: it hides the caller's keys, and `exec` can join it. For that
 * it is made searchable; in a user namespace that takes the permission bit for others (runc:
 * keys.ModKeyringPerm).
 */
function joinKeyring(plan: ProcessPlan): { making: readonly Operation[]; check: () => void } {
  const name = `_ses.${plan.id}`;
  const attempt = `join the session keyring "${name}"`;
  const join = orGoOn(
    operation("keyctl", [shown(KEYCTL_JOIN_SESSION_KEYRING, "KEYCTL_JOIN_SESSION_KEYRING"), name], attempt),
  );
  if (plan.kind === "exec") return { making: [join], check: () => checkJoin(join) };
  const search = plan.userNamespace ? KEY_OTH_SEARCH : KEY_USR_SEARCH;
  const permissions = KEY_POS_ALL | KEY_USR_VIEW_READ_LINK | search;
  const adjust = orGoOn(setKeyPermissions(join, permissions));
  return {
    making: [join, adjust],
    check: () => {
      if (checkJoin(join)) checkSuccess(adjust);
    },
  };
}

function setKeyPermissions(key: Fd, permissions: number): Operation {
  return operation(
    "keyctl",
    [shown(KEYCTL_SETPERM, "KEYCTL_SETPERM"), key, shown(permissions, `0x${permissions.toString(16)}`)],
    "make the session keyring searchable",
  );
}

/** AS RUNC: a kernel without keyrings is no failure. Returns whether there is one. */
function checkJoin(join: Operation): boolean {
  if (join.result === -ENOSYS) return false;
  checkSuccess(join);
  return true;
}

function checkSuccess(of: Operation): void {
  if (of.result === undefined) throw new Error(`${render(of)} was not carried out`);
  if (of.result < 0) throw operationError(of);
}
