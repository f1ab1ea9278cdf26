// Counts the calls that a container makes, and decides about each as the container's own filter would. Pure:
// calls.ts receives the notifications and sends the answers.

import type { Instruction } from "../seccomp/bpf.ts";
import { ACTION_MASK, RETURN_ALLOW, RETURN_ERRNO, RETURN_LOG } from "../seccomp/observe.ts";
import { simulate } from "../seccomp/simulate.ts";

/** What happens to a call: it goes on, or fails with this errno. */
export type Verdict = "goes on" | number;

/** A system call, as a filter sees it. */
export interface CountedCall {
  /** AUDIT_ARCH_* */
  readonly architecture: number;
  readonly number: number;
  /** The errno with which the container's own profile made it fail; `undefined` if it went on. */
  readonly errno: number | undefined;
  readonly times: number;
}

/** SECCOMP_RET_DATA, and the largest errno that the kernel returns for it. */
const DATA_MASK = 0xffff;
const MAX_ERRNO = 4095;
const EPERM = 1;

/** The calls of one number on one architecture. */
interface Count {
  /** What happens to all of them, if that does not depend on their arguments. */
  verdict: Verdict | undefined;
  times: number;
  readonly failed: Map<number, number>;
}

export class Tally {
  readonly #own: readonly Instruction[];
  readonly #counts = new Map<number, Map<number, Count>>();
  #total = 0;

  /** @param own the container's own program */
  constructor(own: readonly Instruction[]) {
    this.#own = own;
  }

  get total(): number {
    return this.#total;
  }

  /** Counts a call, given as the words of its `struct seccomp_data`, and decides about it. */
  note(data: Uint32Array): Verdict {
    const count = this.#countOf(data[1] ?? 0, data[0] ?? 0);
    this.#total++;
    const verdict = count.verdict ?? this.#decide(data, count);
    if (verdict === "goes on") count.times++;
    else count.failed.set(verdict, (count.failed.get(verdict) ?? 0) + 1);
    return verdict;
  }

  calls(): CountedCall[] {
    const calls: CountedCall[] = [];
    for (const [architecture, counts] of this.#counts) {
      for (const [number, { times, failed }] of counts) {
        if (times > 0) calls.push({ architecture, number, errno: undefined, times });
        for (const [errno, often] of failed) calls.push({ architecture, number, errno, times: often });
      }
    }
    return calls;
  }

  #countOf(architecture: number, number: number): Count {
    let counts = this.#counts.get(architecture);
    if (counts === undefined) {
      counts = new Map();
      this.#counts.set(architecture, counts);
    }
    let count = counts.get(number);
    if (count === undefined) {
      count = { verdict: undefined, times: 0, failed: new Map() };
      counts.set(number, count);
    }
    return count;
  }

  #decide(data: Uint32Array, count: Count): Verdict {
    const { action, isFixed } = simulate(this.#own, data);
    const verdict = verdictOf(action);
    if (isFixed) count.verdict = verdict;
    return verdict;
  }
}

/** The filter notifies only of calls that are allowed or fail with an errno. Anything else is refused. */
function verdictOf(action: number): Verdict {
  const kind = (action & ACTION_MASK) >>> 0;
  if (kind === RETURN_ALLOW || kind === RETURN_LOG) return "goes on";
  return kind === RETURN_ERRNO ? Math.min(action & DATA_MASK, MAX_ERRNO) : EPERM;
}
