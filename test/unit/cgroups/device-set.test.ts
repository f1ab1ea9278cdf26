// The set that device rules give, and the fewest steps from one set to another.

import t from "tap";
import {
  ALLOW_ALL,
  buildDeviceSet,
  type DeviceSet,
  isAllowed,
  parseDevicesList,
  sameDeviceSet,
  transition,
} from "../../../src/cgroups/devices/device-set.ts";
import { deviceRules, parseAccess, showRule } from "../../../src/cgroups/devices/rules.ts";
import type { DeviceRule as DeviceRuleSpec } from "../../../src/spec/types.ts";

const DENY_ALL: DeviceRuleSpec = { allow: false, access: "rwm" };

/** `+c 1:3 rwm` allows, `-b 8:* r` denies, `+a` and `-a` mean everything. */
function set(...rules: readonly string[]): DeviceSet {
  return buildDeviceSet(deviceRules(rules.map(parse), []).slice(0, rules.length));
}

function parse(rule: string): DeviceRuleSpec {
  const allow = rule.startsWith("+");
  const [type = "a", numbers = "*:*", access = "rwm"] = rule.slice(1).split(" ");
  const [major = "*", minor = "*"] = numbers.split(":");
  return {
    allow,
    type,
    access,
    ...(major === "*" ? {} : { major: Number(major) }),
    ...(minor === "*" ? {} : { minor: Number(minor) }),
  };
}

function steps(from: DeviceSet, to: DeviceSet): string[] {
  return transition(from, to).map((rule) => `${rule.allow ? "allow" : "deny"} ${showRule(rule)}`);
}

t.test("rules before the last rule for everything are forgotten", async (t) => {
  const twice = set("-a", "+c 1:3 rwm", "-c 10:229 rwm", "-a", "+c 1:5 rwm");
  t.ok(sameDeviceSet(twice, set("+c 1:5 rwm")));
  t.equal(isAllowed(twice, { type: "c", major: 1, minor: 3, access: 2 }), false);
});

t.test("a later rule takes away what an earlier one gave, access by access", async (t) => {
  const some = set("+c 1:3 rwm", "-c 1:3 w");
  t.same(steps(set(), some), ["allow c 1:3 rm"]);
  t.same(steps(set(), set("+c 1:3 r", "-c 1:3 rwm")), []);
  t.same(steps(set(), set("+c 1:3 r", "+c 1:3 w")), ["allow c 1:3 rw"]);
});

t.test("exceptions are added in the order of their rules", async (t) => {
  const rules = set("+c 10:229 rwm", "+b 8:20 rw", "+c 1:3 r");
  t.same(steps(set(), rules), ["allow c 10:229 rwm", "allow b 8:20 rw", "allow c 1:3 r"]);
});

t.test("a denial that no exception matches changes nothing, as Docker's of c 10:229", async (t) => {
  t.same(steps(set(), set("-a", "-c 10:229 rwm")), []);
});

t.test("a hole in a wider rule is refused and both are named", async (t) => {
  t.throws(() => set("+c *:* rwm", "-c 1:3 r"), {
    message: 'cannot deny "c 1:3 r": the device cgroup cannot punch a hole in the wider rule "c *:* rwm"',
  });
  t.throws(() => set("+a", "-b 8:* w", "+b 8:1 w"), { message: /cannot allow "b 8:1 w"/ });
  t.doesNotThrow(() => set("+c *:* m", "-c 1:3 r"), "another access is no hole");
});

t.test("rules that say too little are refused", async (t) => {
  t.throws(() => deviceRules([DENY_ALL, { allow: true, type: "c" }], []), {
    message: "device access at 1 field cannot be empty",
  });
  t.throws(() => deviceRules([{ allow: true, type: "p", access: "r" }], []), {
    message: 'invalid cgroup device type "p"',
  });
  t.equal(parseAccess("rx"), parseAccess("r"), "other letters count for nothing");
});

t.test("the defaults are added last, but not one whose device the configuration makes itself", async (t) => {
  const all = deviceRules([DENY_ALL], []);
  t.equal(all.length, 12);
  const without = deviceRules([DENY_ALL], [{ path: "/dev/tty" }]);
  t.notOk(without.some((rule) => rule.major === 5 && rule.minor === 0));
});

t.test("a new cgroup is closed by one step and opened device by device", async (t) => {
  t.same(steps(ALLOW_ALL, set("-a", "+c 1:3 rwm", "+c 5:* rw")), [
    "deny a *:* rwm",
    "allow c 1:3 rwm",
    "allow c 5:* rw",
  ]);
  t.same(steps(ALLOW_ALL, set("+a", "-b 8:0 w")), ["allow a *:* rwm", "deny b 8:0 w"]);
});

t.test("between two lists only the difference is written, additions first", async (t) => {
  const before = set("+c 1:3 rwm", "+c 1:5 rwm", "+b 8:0 r");
  const after = set("+c 1:3 rwm", "+c 1:5 r", "+b 8:* r");
  t.same(steps(before, after), ["allow b 8:* r", "deny c 1:5 wm", "deny b 8:0 r"]);
  t.same(steps(before, before), []);
});

t.test("no step of a change takes a device that both sets have", async (t) => {
  const before = set("+b 8:* r", "+c 1:3 rwm");
  const after = set("+b 8:0 r", "+c 1:3 rwm", "+c 1:5 rw");
  let current = before;
  for (const rule of transition(before, after)) {
    current = buildDeviceSet([...rulesOf(current), rule]);
    t.ok(isAllowed(current, { type: "b", major: 8, minor: 0, access: 2 }), showRule(rule));
  }
  t.ok(sameDeviceSet(current, after));
});

function rulesOf({ exceptions }: DeviceSet): ReturnType<typeof deviceRules>[number][] {
  return [...exceptions.values()].map((exception) => ({ ...exception, allow: true }));
}

t.test("devices.list is read back, and one that hides its exceptions counts as everything", async (t) => {
  const list = "b *:* m\nc *:* m\nc 1:3 rwm\nc 136:* rwm\n";
  t.ok(sameDeviceSet(parseDevicesList(list), set("+b *:* m", "+c *:* m", "+c 1:3 rwm", "+c 136:* rwm")));
  t.equal(parseDevicesList("a *:* rwm\n"), ALLOW_ALL);
  t.same(parseDevicesList(""), { defaultAllow: false, exceptions: new Map() });
});

t.test("an allowing rule must cover the whole access, a denying one need only touch it", async (t) => {
  const readWrite = { type: "c", major: 1, minor: 5, access: parseAccess("rw") } as const;
  t.equal(isAllowed(set("+c 1:5 r", "+c 1:* w"), readWrite), false);
  t.equal(isAllowed(set("+a", "-c 1:5 w"), readWrite), false);
  t.equal(isAllowed(set("+a", "-c 1:5 w"), { ...readWrite, access: parseAccess("r") }), true);
});
