// Defines a case about a published attack: its CVE, or its topic if it has none; a sentence; and the attack.
// After each, the runtime's executable and a folder of the host must be unchanged, and nothing may be left.

import { statSync } from "node:fs";
import { join } from "node:path";
import type { Test } from "tap";
import { behaviour, type Condition, nothingLeft } from "./behaviour.ts";
import type { Lab } from "./lab.ts";
import { Outside } from "./outside.ts";
import { isRuncBefore, runtimePath } from "./runtime.ts";

export type AttackBody = (t: Test, lab: Lab, outside: Outside) => Promise<void>;

/** Every container that the body made is deleted by force before the search for leftovers. */
export function attack(name: string, sentence: string, body: AttackBody, ...conditions: Condition[]): void {
  behaviour(
    `${name}: ${sentence}`,
    async (t, lab) => {
      const outside = new Outside(join(lab.folder, "outside"));
      const before = binary();
      await body(t, lab, outside);
      t.strictSame(binary(), before, "the runtime's binary is untouched");
      t.strictSame(outside.changes(), [], "the host's folder is untouched");
      await lab.deleteAll();
      await nothingLeft(t, lab, "after delete --force");
    },
    ...conditions,
  );
}

/** The executable's status: any write would change the time of the last change. */
function binary(): unknown {
  const { dev, ino, size, mode, mtimeMs, ctimeMs } = statSync(runtimePath);
  return { dev, ino, size, mode, mtimeMs, ctimeMs };
}

/** For runc: skips versions that are vulnerable, before the one with the fix (`major.minor.patch`). */
export function mendedIn(version: string): Condition {
  return isRuncBefore(version) ? `runc is open to it, from ${version} on it is not` : undefined;
}

/** Capabilities of a container that is trusted with much, but not with the host. */
export const MANY_CAPABILITIES = [
  ..."CAP_SYS_ADMIN CAP_SYS_PTRACE CAP_DAC_OVERRIDE CAP_DAC_READ_SEARCH CAP_FOWNER CAP_KILL".split(" "),
  ..."CAP_CHOWN CAP_SETUID CAP_SETGID CAP_SETPCAP CAP_MKNOD CAP_SYS_CHROOT".split(" "),
];
