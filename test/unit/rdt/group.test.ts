// A container's group on a tree of files that behaves like resctrl.

import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import t, { type Test } from "tap";
import { changeSchemata, checkGroup, checkHost, makeGroup, recordOf } from "../../../src/rdt/group.ts";
import { planRdt } from "../../../src/rdt/plan.ts";
import type { IntelRdt } from "../../../src/spec/types.ts";
import { FakeResctrl } from "./fake-resctrl.ts";

function resctrl(t: Test, info?: readonly string[]): FakeResctrl {
  const tree = new FakeResctrl(info);
  t.teardown(() => tree.remove());
  return tree;
}

/** Makes the group of a container that is called `box`, whose process is 41. */
function make(tree: FakeResctrl, rdt: IntelRdt): () => void {
  const plan = planRdt(rdt, "box");
  checkHost(tree, plan.needs);
  checkGroup(tree, plan);
  return makeGroup(tree, plan, 41);
}

function groups(tree: FakeResctrl): string[] {
  return ["box", "gold"].filter((name) => existsSync(join(tree.root, name)));
}

t.test("a group of its own is made, filled, and entered, in this order", async (t) => {
  const tree = resctrl(t);
  make(tree, { l3CacheSchema: "L3:0=f;1=f0", memBwSchema: "MB:0=20;1=70" });
  t.strictSame(tree.calls, [
    "mkdir /box",
    'write /box/schemata "L3:0=f;1=f0\\nMB:0=20;1=70\\n"',
    'write /box/tasks "41"',
  ]);
  t.match(tree.schemata("box"), /L3:0=f;1=f0/);
});

t.test("without schemata none are written", async (t) => {
  const tree = resctrl(t);
  make(tree, {});
  t.strictSame(tree.calls, ["mkdir /box", 'write /box/tasks "41"']);
});

t.test("a group of others is entered when it is there, and made when it is said what is in it", async (t) => {
  const tree = resctrl(t);
  t.throws(() => make(tree, { closID: "gold" }), /resctrl group "gold": there is none of that name/);
  t.strictSame(groups(tree), []);
  make(tree, { closID: "gold", l3CacheSchema: "L3:0=f" });
  t.match(tree.schemata("gold"), /L3:0=f/);
  make(tree, { closID: "gold" });
  t.strictSame(tree.tasks("gold"), ["41", "41"]);
});

t.test("a group of others is not changed: it is as asked for, or an error", async (t) => {
  const tree = resctrl(t);
  make(tree, { closID: "gold", l3CacheSchema: "L3:0=f" });
  make(tree, { closID: "gold", l3CacheSchema: "L3:0=0f" });
  const writes = tree.calls.filter((call) => call.startsWith("write /gold/schemata"));
  t.equal(writes.length, 1, "the second found it as it wants it");
  t.throws(() => make(tree, { closID: "gold", l3CacheSchema: "L3:0=1" }), /"gold": it is not "L3:0=1"/);
  t.strictSame(tree.tasks("gold"), ["41", "41"]);
  t.strictSame(groups(tree), ["gold"], "and it is still there");
});

t.test("a monitoring group of its own lies in its group, and in the root's", async (t) => {
  const tree = resctrl(t);
  make(tree, { enableMonitoring: true });
  t.strictSame(tree.tasks("box"), ["41"]);
  t.strictSame(tree.tasks("box/mon_groups/box"), ["41"]);
  make(tree, { closID: "/", enableMonitoring: true });
  t.strictSame(tree.tasks("mon_groups/box"), ["41"]);
  t.strictSame(tree.tasks(), ["41"]);
});

t.test("what can be removed with the container is only what is its own", async (t) => {
  const tree = resctrl(t);
  const removed = (rdt: IntelRdt) => recordOf(tree, planRdt(rdt, "box")).remove?.slice(tree.root.length);
  t.equal(removed({}), "/box");
  t.equal(removed({ enableMonitoring: true }), "/box", "the monitoring group goes with it");
  t.equal(removed({ closID: "gold" }), undefined);
  t.equal(removed({ closID: "gold", enableMonitoring: true }), "/gold/mon_groups/box");
  t.equal(removed({ closID: "/", enableMonitoring: true }), "/mon_groups/box");
});

t.test("a failure takes back what was made, and tells what the kernel says of it", async (t) => {
  const tree = resctrl(t);
  const words = /cannot write "L3:x" to ".*\/box\/schemata": invalid argument, last_cmd_status: Unknown or/;
  t.throws(() => make(tree, { l3CacheSchema: "L3:x", enableMonitoring: true }), words);
  t.strictSame(groups(tree), []);
  tree.classes = 0;
  const full = /cannot create the resctrl group ".*\/box": no space left on device, last_cmd_status: Out of/;
  t.throws(() => make(tree, {}), full);
});

t.test("taking a group back removes it, but not what was there before", async (t) => {
  const tree = resctrl(t);
  const own = make(tree, { enableMonitoring: true });
  own();
  t.strictSame(groups(tree), []);
  make(tree, { closID: "gold", l3CacheSchema: "L3:0=f" });
  const monitored = make(tree, { closID: "gold", enableMonitoring: true });
  monitored();
  t.strictSame(groups(tree), ["gold"]);
  t.notOk(existsSync(join(tree.root, "gold/mon_groups/box")));
});

t.test("what the machine lacks is refused before anything is made", async (t) => {
  const bare = resctrl(t, []);
  const words = (member: string, feature: string) =>
    `intelRdt.${member} is specified in config, but Intel RDT/${feature} not enabled`;
  t.throws(() => make(bare, { l3CacheSchema: "L3:0=f" }), { message: words("l3CacheSchema", "CAT is") });
  t.throws(() => make(bare, { memBwSchema: "MB:0=10" }), { message: words("memBwSchema", "MBA is") });
  const monitoring = words("enableMonitoring", "CMT and MBM are");
  t.throws(() => make(bare, { enableMonitoring: true }), { message: monitoring });
  t.throws(() => make(bare, { enableCMT: true }), { message: words("enableCMT", "CMT is") });
  t.throws(() => make(bare, { enableMBM: true }), { message: words("enableMBM", "MBM is") });
  t.strictSame(bare.calls, []);
});

t.test(
  "without resctrl there is nothing at all, which is said in runc's words where it has some",
  async (t) => {
    const refuse = (rdt: IntelRdt) => () => checkHost(undefined, planRdt(rdt, "box").needs);
    t.throws(refuse({}), { message: "cannot use /linux/intelRdt: no resctrl file system is mounted" });
    t.throws(refuse({ l3CacheSchema: "L3:0=f" }), /Intel RDT\/CAT is not enabled: no resctrl file system/);
  },
);

t.test("a processor may count cache alone, or bandwidth alone", async (t) => {
  const tree = resctrl(t);
  const features = `${tree.root}/info/L3_MON/mon_features`;
  const refused = (member: string, of: string) => ({
    code: "E_UNSUPPORTED",
    message: `intelRdt.${member} is specified in config, but Intel RDT/${of} is not enabled`,
  });
  writeFileSync(features, "llc_occupancy\n");
  t.doesNotThrow(() => make(tree, { enableCMT: true }));
  t.throws(() => make(tree, { enableMBM: true }), refused("enableMBM", "MBM"));
  writeFileSync(features, "mbm_total_bytes\nmbm_local_bytes\n");
  t.doesNotThrow(() => make(tree, { enableMBM: true }));
  t.throws(() => make(tree, { enableCMT: true, enableMBM: true }), refused("enableCMT", "CMT"));
});

t.test("an update changes the lines that it names, and can be taken back", async (t) => {
  const tree = resctrl(t);
  make(tree, { l3CacheSchema: "L3:0=f;1=f" });
  const { schemata } = recordOf(tree, planRdt({}, "box"));
  const back = changeSchemata(tree, schemata, ["MB:0=30"]);
  t.match(tree.schemata("box"), /L3:0=f;1=f\n {4}MB:0=30/);
  back();
  t.match(tree.schemata("box"), /MB:0=100;1=100/);
  t.throws(() => changeSchemata(tree, schemata, ["MB=1"]), /cannot write "MB=1"/);
});
