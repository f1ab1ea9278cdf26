// Parses the kernel's trace of capability checks: a line for each check, followed by the functions that led
// to it. Pure; capabilities.ts reads the trace.
//
//     cap_capable: cred …, target_ns …, capable_ns …, cap 0, ret 0
//     <stack trace>
//      => cap_capable
//      => security_capable
//      …

import { CAPABILITY_NAMES } from "../linux/numbers/capabilities.ts";

/**
 * Whenever memory is mapped, the kernel checks for CAP_SYS_ADMIN, which would allow the process to use the
 * last 3 % of memory. It goes on without, so this does not count as a use.
 */
const BY_THE_WAY = /vm_enough_memory/;
/** Functions of execve(2). */
const EXECUTES = /execve/;

export class CapabilityTrace {
  readonly #used = new Set<string>();
  #rest = "";
  #check: { readonly capability: number; readonly stack: string[] } | undefined;
  #isRunning = false;
  #lost = 0;

  get used(): string[] {
    const known = CAPABILITY_NAMES.filter((name) => this.#used.has(name));
    const others = [...this.#used].filter((name) => !isKnown(name)).sort();
    return [...known, ...others];
  }

  /** How many checks the kernel had to drop. */
  get lost(): number {
    return this.#lost;
  }

  /** Takes the next part of the trace, which may end within a line. */
  read(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#line(line);
  }

  /** From now on all checks are the program's; until now only those of execve(2) were. */
  programRuns(): void {
    if (this.#isRunning) return;
    this.#finish();
    this.#isRunning = true;
  }

  end(): void {
    this.#finish();
  }

  #line(line: string): void {
    if (line.startsWith(" => ")) {
      this.#check?.stack.push(line.slice(4));
      return;
    }
    const check = /^cap_capable: .*\bcap (\d+), ret (-?\d+)$/.exec(line);
    if (check !== null) {
      this.#finish();
      this.#check = check[2] === "0" ? { capability: Number(check[1]), stack: [] } : undefined;
      return;
    }
    this.#lost += Number(/\[LOST (\d+) EVENTS\]/.exec(line)?.[1] ?? 0);
  }

  #finish(): void {
    const check = this.#check;
    this.#check = undefined;
    if (check === undefined || check.stack.some((line) => BY_THE_WAY.test(line))) return;
    if (!this.#isRunning && !check.stack.some((line) => EXECUTES.test(line))) return;
    this.#used.add(CAPABILITY_NAMES[check.capability] ?? `CAP_${check.capability}`);
  }
}

function isKnown(name: string): boolean {
  return (CAPABILITY_NAMES as readonly string[]).includes(name);
}
