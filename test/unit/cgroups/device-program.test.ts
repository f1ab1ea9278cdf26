// The eBPF program decides as the rule engine does, for whatever rules.

import t from "tap";
import { buildDeviceSet, type DeviceRequest, isAllowed } from "../../../src/cgroups/devices/device-set.ts";
import { assembleDeviceProgram, INSTRUCTION_SIZE } from "../../../src/cgroups/devices/program.ts";
import { type DeviceRule, deviceRules, WILDCARD } from "../../../src/cgroups/devices/rules.ts";
import { randomFrom } from "../../support/random.ts";
import { runDeviceProgram } from "./bpf-interpreter.ts";

function randomRule(next: (below: number) => number): DeviceRule {
  const kind = next(12);
  return {
    allow: next(2) === 1,
    type: kind === 0 ? "a" : kind < 6 ? "b" : "c",
    major: next(4) - 1,
    minor: next(4) - 1,
    access: 1 + next(7),
  };
}

function* allRequests(): Generator<DeviceRequest> {
  for (const type of ["b", "c"] as const) {
    for (let major = 0; major < 4; major++) {
      for (let minor = 0; minor < 4; minor++) {
        for (let access = 0; access < 8; access++) yield { type, major, minor, access };
      }
    }
  }
}

t.test("for 2,000 rule sets the program and the rule engine agree on every device and access", async (t) => {
  let compared = 0;
  for (let seed = 1; seed <= 2000; seed++) {
    const next = randomFrom(seed);
    const rules = Array.from({ length: next(9) }, () => randomRule(next));
    let set: ReturnType<typeof buildDeviceSet>;
    try {
      set = buildDeviceSet(rules);
    } catch {
      continue; // a hole in a wildcard
    }
    const program = assembleDeviceProgram(set);
    for (const request of allRequests()) {
      compared++;
      if (runDeviceProgram(program, request) !== isAllowed(set, request)) {
        t.fail(`seed ${seed}`, { rules, request });
        return;
      }
    }
  }
  t.ok(compared > 200_000, `${compared} decisions compared`);
});

t.test("no rules deny everything, and a rule for all devices allows it, in eight instructions", async (t) => {
  const request: DeviceRequest = { type: "c", major: 1, minor: 3, access: 2 };
  const none = assembleDeviceProgram(buildDeviceSet([]));
  t.equal(none.length, 8 * INSTRUCTION_SIZE);
  t.equal(runDeviceProgram(none, request), false);
  const all = { allow: true, type: "a", major: WILDCARD, minor: WILDCARD, access: 7 } as const;
  t.equal(runDeviceProgram(assembleDeviceProgram(buildDeviceSet([all])), request), true);
});

t.test("the bytes of a small program are those the kernel's header gives", async (t) => {
  const rule: DeviceRule = { allow: true, type: "c", major: 1, minor: 3, access: 7 };
  const program = assembleDeviceProgram(buildDeviceSet([rule]));
  t.equal(
    Buffer.from(program).toString("hex").replace(/.{16}/g, "$& ").trim(),
    [
      "6112000000000000", // r2 = *(u32 *)(r1 + 0)
      "bc23000000000000", // w3 = w2
      "54020000ffff0000", // w2 &= 0xffff
      "7403000010000000", // w3 >>= 16
      "6114040000000000", // r4 = *(u32 *)(r1 + 4)
      "6115080000000000", // r5 = *(u32 *)(r1 + 8)
      "5602040002000000", // if w2 != 2 goto +4
      "5604030001000000", // if w4 != 1 goto +3
      "5605020003000000", // if w5 != 3 goto +2
      "b400000001000000", // w0 = 1
      "9500000000000000", // exit
      "b400000000000000", // w0 = 0
      "9500000000000000", // exit
    ].join(" "),
  );
});

t.test(
  "the default rules let a container use its terminals and make any node, and not read a disk",
  async (t) => {
    const rules = deviceRules([{ allow: false, access: "rwm" }], []);
    const program = assembleDeviceProgram(buildDeviceSet(rules));
    const decide = (type: "b" | "c", major: number, minor: number, access: number): boolean =>
      runDeviceProgram(program, { type, major, minor, access });
    t.equal(decide("c", 1, 3, 6), true, "/dev/null");
    t.equal(decide("c", 136, 77, 6), true, "a terminal");
    t.equal(decide("b", 8, 0, 1), true, "mknod of a disk");
    t.equal(decide("b", 8, 0, 2), false, "reading it");
    t.equal(decide("b", 8, 0, 3), false, "mknod and read at once");
  },
);
