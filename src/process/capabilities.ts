// The five capability sets of a process (capabilities(7)) as masks, and the structures of capset(2). Pure.
// Called by the plan and by identity.ts.

import { viewOf } from "../linux/call/words.ts";
import { CAPABILITY_NAMES } from "../linux/numbers/capabilities.ts";
import { nearestWord } from "../spec/nearest.ts";
import type { Capabilities } from "../spec/types.ts";

/** Bit n stands for capability n. */
export interface CapabilityMasks {
  readonly bounding: bigint;
  readonly effective: bigint;
  readonly permitted: bigint;
  readonly inheritable: bigint;
  readonly ambient: bigint;
}

export interface PlannedCapabilities {
  readonly masks: CapabilityMasks;
  /** AS RUNC: warnings about ignored capabilities, with runc's texts (runc: libcontainer/capabilities). */
  readonly warnings: readonly string[];
}

const SET_NAMES = ["bounding", "effective", "permitted", "inheritable", "ambient"] as const;

const _LINUX_CAPABILITY_VERSION_3 = 0x20080522;

/**
 * Reads `process.capabilities`. An absent set, or an absent object, means no capabilities. DIFFERS: if the
 * object is absent, runc 1.3.6 keeps all capabilities; runc 1.1 dropped all, as tsrun does.
 */
export function planCapabilities(capabilities: Capabilities = {}): PlannedCapabilities {
  const unknown = new Set<string>();
  const mask = (names: readonly string[] = []): bigint => {
    let bits = 0n;
    for (const name of names) {
      const number = numberOf(name);
      if (number === undefined) unknown.add(name);
      else bits |= 1n << BigInt(number);
    }
    return bits;
  };
  const [bounding = 0n, effective = 0n, permitted = 0n, inheritable = 0n, wanted = 0n] = SET_NAMES.map(
    (set) => mask(capabilities[set]),
  );
  // Only permitted and inheritable capabilities can become ambient (prctl(2), PR_CAP_AMBIENT_RAISE).
  const ambient = wanted & permitted & inheritable;
  const warnings = capabilityNames(wanted & ~ambient).map(
    (name) => `can't raise ambient capability ${name}: operation not permitted`,
  );
  if (unknown.size > 0) {
    warnings.unshift(unknownWarning([...unknown].sort()));
  }
  return { masks: { bounding, effective, permitted, inheritable, ambient }, warnings };
}

function unknownWarning(names: readonly string[]): string {
  const meant = names.map((name) => nearestWord(name, CAPABILITY_NAMES)).filter((name) => name !== undefined);
  const question = meant.length === 0 ? "" : `, did you mean ${meant.join(", ")}?`;
  return `ignoring unknown or unavailable capabilities: [${names.join(" ")}]${question}`;
}

/** The names of the bits of a mask. */
export function capabilityNames(mask: bigint): string[] {
  return numbersOf(mask).map(capabilityName);
}

/** The name of a number; one of a later kernel has none yet. */
export function capabilityName(number: number): string {
  return CAPABILITY_NAMES[number] ?? `capability ${number}`;
}

/** The numbers of the bits of a mask. */
export function numbersOf(mask: bigint): number[] {
  const numbers: number[] = [];
  if (mask === 0n) return numbers;
  const halves = [Number(mask & 0xffffffffn), Number((mask >> 32n) & 0xffffffffn)];
  for (let number = 0; number < 64; number++) {
    if ((((halves[number >> 5] as number) >>> (number & 31)) & 1) === 1) numbers.push(number);
  }
  return numbers;
}

export function numberOf(name: string): number | undefined {
  const index = (CAPABILITY_NAMES as readonly string[]).indexOf(name);
  return index < 0 ? undefined : index;
}

/** `struct __user_cap_header_struct` for the caller itself. */
export function capabilityHeader(): Uint8Array {
  const bytes = new Uint8Array(8);
  viewOf(bytes).setUint32(0, _LINUX_CAPABILITY_VERSION_3, true);
  return bytes;
}

export type CapsetMasks = Pick<CapabilityMasks, "effective" | "permitted" | "inheritable">;

/** Two `struct __user_cap_data_struct`: the low words of the three sets, then the high words. */
export function capabilityData({ effective, permitted, inheritable }: CapsetMasks): Uint8Array {
  const bytes = new Uint8Array(24);
  const view = viewOf(bytes);
  [effective, permitted, inheritable].forEach((mask, index) => {
    view.setUint32(index * 4, Number(mask & 0xffffffffn), true);
    view.setUint32(12 + index * 4, Number(mask >> 32n), true);
  });
  return bytes;
}
