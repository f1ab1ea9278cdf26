// Which devices may be used beside those that were asked for, also by another manager's eBPF program.

import t from "tap";
import { buildDeviceSet, type DeviceRequest, isAllowed } from "../../../src/cgroups/devices/device-set.ts";
import { assembleDeviceProgram } from "../../../src/cgroups/devices/program.ts";
import { deviceRules } from "../../../src/cgroups/devices/rules.ts";
import { compareDevices, type Guard } from "../../../src/diff/device-rules.ts";
import { constantsOf, decides } from "../../../src/diff/interpreter.ts";
import type { DeviceRule } from "../../../src/spec/types.ts";

const NONE: DeviceRule = { allow: false, access: "rwm" };
const ALL: DeviceRule = { allow: true, access: "rwm" };
const GPU: DeviceRule = { allow: true, type: "c", major: 195, minor: 0, access: "rw" };

const setOf = (...rules: DeviceRule[]) => buildDeviceSet(deviceRules(rules, []));

function guardOf(program: Uint8Array): Guard {
  const numbers = constantsOf(program).map((number) => ({ major: number, minor: number }));
  return { numbers, allows: (request) => decides(program, request) };
}

function told(asked: readonly DeviceRule[], inForce: readonly DeviceRule[]): string[] | undefined {
  const guard = guardOf(assembleDeviceProgram(setOf(...inForce)));
  return compareDevices(setOf(...asked), guard)?.map(
    ({ what, asked, found }) => `${what}: ${asked} -> ${found}`,
  );
}

t.test("a program decides on paper as the rules that it was made from", async (t) => {
  const sets = [
    [NONE],
    [ALL],
    [NONE, GPU],
    [ALL, { allow: false, type: "b", major: 7, access: "rw" }],
    [NONE, { allow: true, type: "c", minor: 8, access: "r" }],
  ] as const;
  for (const rules of sets) {
    const set = setOf(...rules);
    const program = assembleDeviceProgram(set);
    for (const type of ["b", "c"] as const) {
      for (const major of [1, 5, 7, 10, 136, 195, 4000]) {
        for (const minor of [0, 1, 2, 3, 5, 8, 200]) {
          for (const access of [1, 2, 4, 6, 7]) {
            const request: DeviceRequest = { type, major, minor, access };
            t.equal(decides(program, request), isAllowed(set, request), JSON.stringify(request));
          }
        }
      }
    }
  }
});

t.test("the same rules in another program are no difference", async (t) => {
  t.strictSame(told([NONE, GPU], [NONE, GPU]), []);
  t.strictSame(told([NONE], [ALL, NONE]), []);
});

t.test("a device that was taken away, as by a reload of systemd, and one that was given", async (t) => {
  t.strictSame(told([NONE, GPU], [NONE]), ["c 195:0: rwm -> m"]);
  t.strictSame(told([NONE], [NONE, GPU]), ["c 195:0: m -> rwm"]);
  t.strictSame(
    told([NONE, { ...GPU, minor: -1 }], [NONE, GPU]),
    ["c 195:*: rwm -> m", "c 195:0: rwm -> rwm"].slice(0, 1),
  );
});

t.test("many devices are told at once", async (t) => {
  const open = ["c *:* (any character device): m -> rwm", "b *:* (any block device): m -> rwm"];
  t.strictSame(told([NONE], [ALL]), open);
});

t.test("a program that does more than compare numbers is not understood", async (t) => {
  const call = new Uint8Array([0x85, 0, 0, 0, 5, 0, 0, 0, 0x95, 0, 0, 0, 0, 0, 0, 0]);
  const request: DeviceRequest = { type: "c", major: 1, minor: 3, access: 2 };
  t.equal(decides(call, request), undefined);
  t.equal(compareDevices(setOf(NONE), guardOf(call)), undefined);
  const loop = new Uint8Array([0x05, 0, 0xff, 0xff, 0, 0, 0, 0]);
  t.equal(decides(loop, request), undefined, "nor one without an end");
  t.equal(decides(new Uint8Array(0), request), undefined);
});

t.test("loads of single bytes and halves, 64-bit operations and shifts are known", async (t) => {
  const program = new Uint8Array([
    ...[0x69, 0x12, 0, 0, 0, 0, 0, 0], // r2 = the lower half of access_type
    ...[0x71, 0x13, 2, 0, 0, 0, 0, 0], // r3 = the byte with the access
    ...[0xbf, 0x20, 0, 0, 0, 0, 0, 0], // r0 = r2
    ...[0x67, 0x00, 0, 0, 4, 0, 0, 0], // r0 <<= 4
    ...[0x4f, 0x30, 0, 0, 0, 0, 0, 0], // r0 |= r3
    ...[0x15, 0x00, 2, 0, 0x22, 0, 0, 0], // if r0 == 0x22 goto +2
    ...[0xb7, 0x00, 0, 0, 0, 0, 0, 0], // r0 = 0
    ...[0x95, 0, 0, 0, 0, 0, 0, 0],
    ...[0x95, 0, 0, 0, 0, 0, 0, 0],
  ]);
  t.equal(decides(program, { type: "c", major: 1, minor: 3, access: 2 }), true);
  t.equal(decides(program, { type: "b", major: 1, minor: 3, access: 2 }), false);
});
