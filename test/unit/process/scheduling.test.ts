// CPU and disk scheduling, personality and memory policy as the kernel's numbers.

import t from "tap";
import { nodeMask, schedulerAttributes, schedulingOperations } from "../../../src/process/scheduling.ts";
import { render } from "../../../src/proxy/calls/operation.ts";

const rendered = (plan: Parameters<typeof schedulingOperations>[0]) => schedulingOperations(plan).map(render);

t.test("without wishes there are no calls", async (t) => {
  t.strictSame(rendered({}), []);
});

t.test("struct sched_attr holds every field in its place", async (t) => {
  const bytes = schedulerAttributes({
    policy: "SCHED_DEADLINE",
    nice: -5,
    priority: 9,
    flags: ["SCHED_FLAG_RESET_ON_FORK", "SCHED_FLAG_DL_OVERRUN"],
    runtime: 1_000_000,
    deadline: 2_000_000,
    period: 5_000_000_000,
  });
  const view = new DataView(bytes.buffer);
  t.equal(bytes.length, 56);
  t.strictSame([view.getUint32(0, true), view.getUint32(4, true)], [56, 6]);
  t.equal(view.getBigUint64(8, true), 5n);
  t.strictSame([view.getInt32(16, true), view.getUint32(20, true)], [-5, 9]);
  t.strictSame(
    [24, 32, 40].map((at) => view.getBigUint64(at, true)),
    [1_000_000n, 2_000_000n, 5_000_000_000n],
  );
});

t.test("the calls come in runc's order and read as strace shows them", async (t) => {
  const calls = rendered({
    scheduler: { policy: "SCHED_FIFO", priority: 1 },
    ioPriority: { class: "IOPRIO_CLASS_BE", priority: 4 },
    personality: { domain: "LINUX32" },
    memoryPolicy: { mode: "MPOL_BIND", nodes: "0-1,3", flags: ["MPOL_F_STATIC_NODES"] },
  });
  t.strictSame(calls, [
    "sched_setattr(0, {sched_policy=SCHED_FIFO, …}, 0)",
    "ioprio_set(IOPRIO_WHO_PROCESS, 0, IOPRIO_PRIO_VALUE(IOPRIO_CLASS_BE, 4))",
    "personality(PER_LINUX32)",
    "set_mempolicy(MPOL_BIND|MPOL_F_STATIC_NODES, [0-1,3], 65)",
  ]);
});

t.test("an I/O priority holds the class above its 13 bits", async (t) => {
  const [call] = schedulingOperations({ ioPriority: { class: "IOPRIO_CLASS_IDLE", priority: 7 } });
  t.match(call?.args[2], { value: (3 << 13) | 7 });
});

t.test("a policy without nodes gives none", async (t) => {
  t.strictSame(rendered({ memoryPolicy: { mode: "MPOL_LOCAL" } }), ["set_mempolicy(MPOL_LOCAL, NULL, 0)"]);
});

t.test("a node mask is made of whole words", async (t) => {
  t.strictSame([...nodeMask([0, 1, 9])], [3, 2, 0, 0, 0, 0, 0, 0]);
  t.equal(nodeMask([63]).length, 8);
  t.equal(nodeMask([64]).length, 16);
});
