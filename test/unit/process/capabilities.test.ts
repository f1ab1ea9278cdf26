// Capability sets as masks and as the structures of capset(2).

import t from "tap";
import { CAPABILITY_NAMES } from "../../../src/linux/numbers/capabilities.ts";
import {
  capabilityData,
  capabilityHeader,
  numbersOf,
  planCapabilities,
} from "../../../src/process/capabilities.ts";
import type { Capabilities } from "../../../src/spec/types.ts";

/** A configuration past a schema check that lets unknown names through. */
const unchecked = (sets: Record<string, string[]>): Capabilities => sets as Capabilities;

t.test("without an object, and without sets, there are none", async (t) => {
  const none = { bounding: 0n, effective: 0n, permitted: 0n, inheritable: 0n, ambient: 0n };
  t.strictSame(planCapabilities(undefined).masks, none);
  t.strictSame(planCapabilities({}).masks, none);
});

t.test("every capability has its bit", async (t) => {
  const { masks } = planCapabilities({ bounding: CAPABILITY_NAMES, effective: ["CAP_SYS_ADMIN"] });
  t.equal(masks.bounding, (1n << 41n) - 1n);
  t.equal(masks.effective, 1n << 21n);
  t.strictSame(numbersOf(1n | (1n << 40n)), [0, 40]);
});

t.test("an unknown name is left out with runc's warning", async (t) => {
  const plan = planCapabilities(unchecked({ bounding: ["CAP_UNKNOWN", "CAP_KILL", "UNKNOWN_CAP"] }));
  t.equal(plan.masks.bounding, 1n << 5n);
  t.strictSame(plan.warnings, ["ignoring unknown or unavailable capabilities: [CAP_UNKNOWN UNKNOWN_CAP]"]);
});

t.test("what is not both permitted and inheritable cannot be ambient, with runc's warning", async (t) => {
  const plan = planCapabilities({
    permitted: ["CAP_KILL", "CAP_NET_RAW"],
    inheritable: ["CAP_KILL", "CAP_CHOWN"],
    ambient: ["CAP_CHOWN", "CAP_KILL", "CAP_NET_RAW"],
  });
  t.equal(plan.masks.ambient, 1n << 5n);
  t.strictSame(plan.warnings, [
    "can't raise ambient capability CAP_CHOWN: operation not permitted",
    "can't raise ambient capability CAP_NET_RAW: operation not permitted",
  ]);
});

t.test("the structures of capset(2) hold low words before high words", async (t) => {
  const bytes = capabilityData({ effective: 1n, permitted: (1n << 40n) | 2n, inheritable: 1n << 31n });
  t.strictSame([...new Uint32Array(bytes.buffer)], [1, 2, 0x80000000, 0, 0x100, 0]);
  t.strictSame([...new Uint32Array(capabilityHeader().buffer)], [0x20080522, 0]);
});
