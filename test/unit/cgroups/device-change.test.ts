// How an update changes device rules, before anything is written.

import t from "tap";
import { buildDeviceSet, isAllowed } from "../../../src/cgroups/devices/device-set.ts";
import { isBuiltAnew, planDeviceChange } from "../../../src/cgroups/devices/plan-change.ts";

const NOTHING = { allow: false, access: "rwm" };
const EVERYTHING = { allow: true, access: "rwm" };
const PROBE = { allow: true, type: "c", major: 1, minor: 11, access: "w" };
const WRITES_PROBE = { type: "c", major: 1, minor: 11, access: 4 } as const;
const READS_NULL = { type: "c", major: 1, minor: 3, access: 2 } as const;

function plan(inForce: object[] | undefined, asked: object[] | undefined, devices: { path: string }[] = []) {
  return planDeviceChange({ inForce, asked, devices } as Parameters<typeof planDeviceChange>[0]);
}

t.test("without a word about devices nothing is changed", async (t) => {
  t.equal(plan([NOTHING], undefined), undefined);
});

t.test("rules that come to what holds already change nothing, however they are written", async (t) => {
  t.equal(plan([NOTHING, PROBE], [NOTHING, PROBE]), undefined);
  t.equal(plan([NOTHING, PROBE], [PROBE, { ...PROBE, allow: true }]), undefined);
  t.equal(plan(undefined, []), undefined);
  t.equal(
    plan([NOTHING], [{ ...PROBE, minor: 3, access: "rwm" }]),
    undefined,
    "a default of every container",
  );
  t.equal(plan([EVERYTHING], [NOTHING, EVERYTHING]), undefined);
});

t.test("the rules asked for are all that there are, besides the defaults", async (t) => {
  const change = plan([NOTHING], [NOTHING, PROBE]);
  const [before, after] = [buildDeviceSet(change?.before ?? []), buildDeviceSet(change?.after ?? [])];
  t.strictSame([isAllowed(before, WRITES_PROBE), isAllowed(after, WRITES_PROBE)], [false, true]);
  t.ok(isAllowed(after, READS_NULL));
  const back = buildDeviceSet(plan([NOTHING, PROBE], [])?.after ?? []);
  t.strictSame([isAllowed(back, WRITES_PROBE), isAllowed(back, READS_NULL)], [false, true]);
});

t.test("a default steps back for a device of the configuration's own, as at creation", async (t) => {
  const change = plan([NOTHING], [NOTHING, PROBE], [{ path: "/dev/null" }]);
  t.notOk(isAllowed(buildDeviceSet(change?.after ?? []), READS_NULL));
});

t.test("a hole in a wider rule is refused before anything is written", async (t) => {
  const hole = [
    { ...PROBE, minor: -1, access: "rwm" },
    { ...PROBE, allow: false },
  ];
  t.throws(() => plan([NOTHING], hole), { code: "E_CONFIG", message: /cannot punch a hole/ });
});

t.test("a set that allows by default is built anew, in whichever direction", async (t) => {
  const anew = (...sets: [object[], object[]]) => {
    const change = plan(...sets);
    return change !== undefined && isBuiltAnew(change);
  };
  t.ok(anew([NOTHING], [EVERYTHING]));
  t.ok(anew([EVERYTHING], [NOTHING]));
  t.ok(anew([EVERYTHING], [EVERYTHING, { ...PROBE, allow: false }]));
  t.notOk(anew([NOTHING], [PROBE]));
});
