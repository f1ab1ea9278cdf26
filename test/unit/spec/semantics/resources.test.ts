// Rules about limits, of config.json and of update.

import t from "tap";
import { checkResources } from "../../../../src/spec/semantics.ts";
import type { Resources } from "../../../../src/spec/types.ts";
import { linuxFaults, warnings } from "./findings.ts";

function check(resources: Resources): string[] {
  return checkResources(resources).faults.map(({ pointer, reason }) => `${pointer}: ${reason}`);
}

t.test("a device rule is about something", async (t) => {
  const devices = [
    { allow: false, access: "rwm" },
    { allow: true, type: "c", access: "wr" },
    { allow: true, type: "u", access: "x" },
    { allow: true, type: "", access: "" },
    { allow: true },
  ];
  t.strictSame(check({ devices }), [
    '/devices/2/type: must be "a", "b" or "c", is "u"',
    '/devices/2/access: must be letters of "rwm", is "x"',
    '/devices/3/access: must not be empty, allowed: letters of "rwm"',
    '/devices/4/access: must not be empty, allowed: letters of "rwm"',
  ]);
});

t.test("memory and swap together are at least the memory", async (t) => {
  t.strictSame(check({ memory: { limit: 100, swap: 100 } }), []);
  t.strictSame(check({ memory: { limit: 100, swap: -1 } }), []);
  t.strictSame(check({ memory: { limit: -1, swap: 50 } }), []);
  t.strictSame(check({ memory: { limit: 100, swap: 50 } }), [
    "/memory/swap: must be at least the memory limit, 100, since it includes memory: is 50",
  ]);
});

t.test("swappiness is a percentage, or Go's -1 as an unsigned number", async (t) => {
  t.strictSame(check({ memory: { swappiness: 100 } }), []);
  t.strictSame(check({ memory: { swappiness: 2 ** 64 } }), []);
  t.strictSame(check({ memory: { swappiness: 101 } }), ["/memory/swappiness: must be from 0 to 100, is 101"]);
});

t.test("what no kernel gives any more is warned about", async (t) => {
  const told = (memory: NonNullable<Resources["memory"]>) => warnings({ linux: { resources: { memory } } });
  const words = "Kernel memory settings are ignored and will be removed";
  t.strictSame(told({ kernel: 1, kernelTCP: 1 }), [`/linux/resources/memory/kernel: ${words}`]);
  t.strictSame(told({ kernelTCP: -1 }), [`/linux/resources/memory/kernelTCP: ${words}`]);
  t.strictSame(told({ useHierarchy: false }), [
    "/linux/resources/memory/useHierarchy: is ignored: a limit always holds for the cgroups below, too",
  ]);
  t.strictSame(told({ kernel: 0, kernelTCP: 0, useHierarchy: true, limit: 1 }), []);
});

t.test("idle is 0 or 1", async (t) => {
  t.strictSame(check({ cpu: { idle: 1 } }), []);
  t.strictSame(check({ cpu: { idle: -1 } }), ["/cpu/idle: must be 0 or 1, is -1"]);
});

t.test("no name of a unified resource leads out of the cgroup", async (t) => {
  t.strictSame(check({ unified: { "memory.high": "1" } }), []);
  t.strictSame(check({ unified: { "../x": "1", "..": "1" } }), [
    "/unified/..~1x: must be a file name, without slashes",
    "/unified/..: must be a file name, without slashes",
  ]);
});

t.test("in a configuration the same faults stand below /linux/resources", async (t) => {
  t.strictSame(linuxFaults({ resources: { cpu: { idle: 2 } } }), [
    "/linux/resources/cpu/idle: must be 0 or 1, is 2",
  ]);
});

t.test("a device number that the kernel would take for another is refused", async (t) => {
  const devices = [
    { allow: true, type: "c", major: -1, minor: 4294967295, access: "r" },
    { allow: true, type: "c", major: 4294967297, minor: -2, access: "r" },
  ];
  t.strictSame(check({ devices }), [
    "/devices/1/major: must be from -1, which is any, to 4294967295, is 4294967297",
    "/devices/1/minor: must be from -1, which is any, to 4294967295, is -2",
  ]);
  const weightDevice = [{ major: 4095, minor: 1048575, weight: 10 }];
  const throttleReadBpsDevice = [{ major: 4096, minor: -1, rate: 1 }];
  t.strictSame(check({ blockIO: { weightDevice, throttleReadBpsDevice } }), [
    "/blockIO/throttleReadBpsDevice/0/major: must be from 0 to 4095, is 4096",
    "/blockIO/throttleReadBpsDevice/0/minor: must be from 0 to 1048575, is -1",
  ]);
});
