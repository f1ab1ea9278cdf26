// What the kernel's trace says about capabilities.

import t from "tap";
import { CapabilityTrace } from "../../../src/record/trace-text.ts";

function check(capability: number, result: number, ...stack: string[]): string {
  const line = `cap_capable: cred 00000000af2bae36, target_ns 00000000d3716d9c, capable_ns 00000000d3716d9c`;
  const functions = ["trace_event_raw_event_cap_capable", "cap_capable", ...stack];
  const shown = functions.map((one) => ` => ${one}\n`).join("");
  return `${line}, cap ${capability}, ret ${result}\n<stack trace>\n${shown}`;
}

function usedIn(...parts: string[]): readonly string[] {
  const trace = new CapabilityTrace();
  trace.programRuns();
  for (const part of parts) trace.read(part);
  trace.end();
  return trace.used;
}

t.test("what the kernel found is used, in the order of the header", (test) => {
  const text = check(18, 0, "ns_capable", "__x64_sys_chroot") + check(0, 0, "capable_wrt_inode_uidgid");
  test.strictSame(usedIn(text), ["CAP_CHOWN", "CAP_SYS_CHROOT"]);
  test.strictSame(usedIn(check(63, 0, "ns_capable")), ["CAP_63"]);
  test.end();
});

t.test("what it did not find is not", (test) => {
  test.strictSame(usedIn(check(0, -1, "capable_wrt_inode_uidgid")), []);
  test.end();
});

t.test("the reserve of memory is asked for by the way", (test) => {
  const mapping = check(21, 0, "security_vm_enough_memory_mm", "do_mmap");
  const older = check(21, 0, "cap_vm_enough_memory", "security_vm_enough_memory_mm");
  test.strictSame(usedIn(mapping, older), []);
  test.strictSame(usedIn(mapping, check(21, 0, "path_mount"), mapping), ["CAP_SYS_ADMIN"]);
  test.end();
});

t.test("the text may be cut anywhere", (test) => {
  const text = check(21, 0, "security_vm_enough_memory_mm") + check(7, 0, "__sys_setuid");
  const wrong: string[] = [];
  for (let at = 0; at <= text.length; at++) {
    const used = usedIn(text.slice(0, at), text.slice(at));
    if (used.join() !== "CAP_SETUID") wrong.push(`cut at ${at}: ${used.join()}`);
  }
  test.strictSame(wrong, []);
  test.end();
});

t.test("until the program runs, only execve counts", (test) => {
  const trace = new CapabilityTrace();
  trace.read(check(21, 0, "seccomp_set_mode_filter", "__x64_sys_seccomp"));
  trace.read(check(1, 0, "inode_permission", "do_open_execat", "do_execveat_common", "__x64_sys_execve"));
  trace.programRuns();
  trace.read(check(6, 0, "__sys_setgid"));
  trace.end();
  test.strictSame(trace.used, ["CAP_DAC_OVERRIDE", "CAP_SETGID"]);
  test.end();
});

t.test("what the kernel dropped is counted", (test) => {
  const trace = new CapabilityTrace();
  trace.read("CPU:1 [LOST 17 EVENTS]\n");
  trace.read(`${check(6, 0, "__sys_setgid")}CPU:0 [LOST 3 EVENTS]\n`);
  test.equal(trace.lost, 20);
  test.end();
});
