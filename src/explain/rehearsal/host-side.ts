// The calls that tsrun itself would make from outside, for a rehearsal. Each is noted as if it succeeded.

import { AT_FDCWD, O_WRONLY } from "../../linux/numbers/fcntl.ts";
import { RLIM_INFINITY } from "../../linux/numbers/rlimits.ts";
import { data, NULL, shown } from "../../proxy/calls/arguments.ts";
import { close, execve, mkdirat, openat, write } from "../../proxy/calls/calls.ts";
import { type Operation, operation } from "../../proxy/calls/operation.ts";
import { NOBODY, type Rehearsal } from "./rehearsal.ts";

/** Any free descriptor number. */
const FREE = 9;

export class HostSide {
  readonly #rehearsal: Rehearsal;

  constructor(rehearsal: Rehearsal) {
    this.#rehearsal = rehearsal;
  }

  makeDirectory(path: string): void {
    this.#note(mkdirat(AT_FDCWD, path, 0o755), 0);
  }

  writeFile(path: string, content: string): void {
    if (content === "") return;
    const attempt = `write "${path}"`;
    this.#note(openat(AT_FDCWD, path, O_WRONLY, attempt), FREE);
    this.#note(write(FREE, content, attempt), new TextEncoder().encode(content).length);
    this.#note(close(FREE), 0);
  }

  resetAffinity(): void {
    const all = shown(0, "[all]");
    this.#note(operation("sched_setaffinity", [NOBODY, 1024, all], "reset the CPU affinity"), 0);
  }

  setLimit(name: string, soft: bigint, hard: bigint): void {
    const word = (value: bigint): string => (value === RLIM_INFINITY ? "RLIM64_INFINITY" : `${value}`);
    const limits = data(new Uint8Array(16), () => `{rlim_cur=${word(soft)}, rlim_max=${word(hard)}}`);
    const args = [NOBODY, shown(0, name), limits, NULL];
    this.#note(operation("prlimit64", args, `set ${name}`), 0);
  }

  /** Attaches an eBPF program to a v2 cgroup. */
  guardDevices(directory: string, instructions: number): void {
    const attempt = `guard the devices of "${directory}"`;
    const load = `{prog_type=BPF_PROG_TYPE_CGROUP_DEVICE, insn_cnt=${instructions}}`;
    const put = `{target_fd=${FREE}, attach_bpf_fd=${FREE + 1}, attach_type=BPF_CGROUP_DEVICE}`;
    this.#note(openat(AT_FDCWD, directory, 0, attempt), FREE);
    this.#note(operation("bpf", [shown(5, "BPF_PROG_LOAD"), shown(0, load), 128], attempt), FREE + 1);
    this.#note(operation("bpf", [shown(8, "BPF_PROG_ATTACH"), shown(0, put), 128], attempt), 0);
  }

  /** Writes what a hook will read on its standard input. */
  tell(content: string): void {
    const length = new TextEncoder().encode(content).length;
    this.#note(write(FREE, content, "tell a hook of the container"), length);
  }

  /** Executes a hook, which is a process of its own. */
  execute(by: string, path: string, args: readonly string[], environment: readonly string[]): void {
    this.#rehearsal.note(by, { ...execve(path, args, environment), result: 0 });
  }

  #note(of: Operation, result: number): void {
    this.#rehearsal.note("tsrun", { ...of, result });
  }
}
