// Texts of the kernel's, as it writes them: locks, stacks, calls, and its log.

import t from "tap";
import {
  callIn,
  functionsIn,
  locksIn,
  oomKillsIn,
  seccompKillsIn,
  stampOf,
} from "../../../src/why/proc-texts.ts";

t.test("locks of flock(2), who holds and who waits; devices are hexadecimal", (t) => {
  const text = [
    "1: FLOCK  ADVISORY  WRITE 4711 00:1f:1234 0 EOF",
    "1: -> FLOCK  ADVISORY  WRITE 4712 00:1f:1234 0 EOF",
    "2: POSIX  ADVISORY  READ  10 fd:01:99 0 EOF",
    "3: OFDLCK ADVISORY  READ  -1 fd:01:99 0 EOF",
  ].join("\n");
  t.strictSame(locksIn(text), [
    { pid: 4711, waits: false, file: "0:31:1234" },
    { pid: 4712, waits: true, file: "0:31:1234" },
  ]);
  t.end();
});

t.test("functions of a stack, and the call with its first argument", (t) => {
  const stack = "[<0>] pipe_read+0x1b0/0x3c0\n[<0>] ksys_read+0xb9/0xf0\n[<ffffffff8>] f.isra.0+0x1/0x2\n";
  t.strictSame(functionsIn(stack), ["pipe_read", "ksys_read", "f.isra.0"]);
  t.strictSame(callIn("1 0x2 0x0 0x0 0x0 0x0 0x0 0x7ff 0x7f0\n"), { number: 1, first: 2 });
  t.strictSame(callIn("257 0xffffff9c 0x0\n"), { number: 257, first: 0xffff_ff9c });
  t.equal(callIn("running\n"), undefined);
  t.equal(callIn("-1 0x7ffe 0x7f\n"), undefined);
  t.end();
});

const OOM =
  "[23968.265047] oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=x,mems_allowed=0," +
  "oom_memcg=/pod,task_memcg=/pod/box,task=tail,pid=19625,uid=0";

t.test("a kill by the OOM killer belongs to a cgroup and those above it, by whole names", (t) => {
  const kill = { pid: 19625, name: "tail", limitOf: "/pod" };
  t.strictSame(oomKillsIn(OOM, "/pod/box"), [kill]);
  t.strictSame(oomKillsIn(OOM, "/pod"), [kill]);
  for (const other of ["/pod/bo", "/box", "/pod/box/inner"]) t.strictSame(oomKillsIn(OOM, other), []);
  const named = OOM.replace("task=tail", "task=a,pid=1,uid=0");
  t.strictSame(oomKillsIn(named, "/pod"), [{ ...kill, name: "a,pid=1,uid=0" }], "a name that lies");
  t.equal(stampOf(`<6>${OOM}`), 23_968.265047);
  t.equal(stampOf("no stamp"), undefined);
  t.end();
});

const SECCOMP =
  'audit: type=1326 audit(1795910511.829:120379): auid=4294967295 uid=0 gid=0 ses=1 pid=7030 comm="mkdir" ' +
  'exe="/bin/busybox" sig=31 arch=c000003e syscall=83 compat=0 ip=0x47b567 code=0x80000000';

t.test("calls that seccomp has ended a process for, not those that it only logs", (t) => {
  const kill = { pid: 7030, number: 83, architecture: "c000003e", at: 1_795_910_511_829 };
  t.strictSame(seccompKillsIn(SECCOMP), [kill]);
  t.strictSame(seccompKillsIn(SECCOMP.replace("0x80000000", "0x0")), [kill], "a thread");
  t.strictSame(seccompKillsIn(SECCOMP.replace("type=1326", "type=SECCOMP msg=")), [kill], "of auditd");
  t.strictSame(seccompKillsIn(SECCOMP.replace("0x80000000", "0x7ffc0000")), [], "SCMP_ACT_LOG");
  t.strictSame(seccompKillsIn(SECCOMP.replace("sig=31", "sig=0")), []);
  t.end();
});
