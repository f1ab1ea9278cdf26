// Reads what the kernel's trace says about checks of capabilities: for each check a line, and behind it the
// functions that led to it. Pure; capabilities.ts reads the trace.
//
//     cap_capable: cred …, target_ns …, capable_ns …, cap 0, ret 0
//     <stack trace>
//      => cap_capable
//      => security_capable
//      …

import { CAPABILITY_NAMES } from "../linux/numbers/capabilities.ts";

/**
 * Whenever memory is mapped the kernel asks whether the process may have the last 3 % of it, CAP_SYS_ADMIN,
 * and goes on without. That is no use of it.
 */
const BY_THE_WAY = /vm_enough_memory/;
/** What execve(2) consists of. */
const EXECUTES = /execve/;

export class CapabilityTrace {
  readonly #used = new Set<string>();
  #rest = "";
  #check: { readonly capability: number; readonly stack: string[] } | undefined;
  #isRunning = false;
  #lost = 0;

  get used(): string[] {
    return CAPABILITY_NAMES.filter((name) => this.#used.has(name)).concat(
      [...this.#used].filter((name) => !isKnown(name)).sort() as never[],
    );
  }

  /** How many checks the kernel had to drop. */
  get lost(): number {
    return this.#lost;
  }

  /** A part of the trace, which may end within a line. */
  read(text: string): void {
    const lines = (this.#rest + text).split("\n");
    this.#rest = lines.pop() ?? "";
    for (const line of lines) this.#line(line);
  }

  /** All that comes from now on is the program's; until now only execve(2) was. */
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
