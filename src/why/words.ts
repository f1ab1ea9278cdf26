// Words for times, processes and ends in what `why` and `gc` say. Pure.

import type { CommandFacts, ProcessFacts } from "./model.ts";

const UNITS: readonly (readonly [ms: number, name: string])[] = [
  [86_400_000, "day"],
  [3_600_000, "hour"],
  [60_000, "minute"],
  [1000, "second"],
];

/** `3 minutes`; `0 seconds` for less than a second. */
export function span(ms: number): string {
  const [size, name] = UNITS.find(([unit]) => ms >= unit) ?? [1000, "second"];
  const count = Math.max(0, Math.floor(ms / size));
  return `${count} ${name}${count === 1 ? "" : "s"}`;
}

/** `2026-11-29T00:13:43Z`. */
export function time(ms: number): string {
  return Number.isFinite(ms) ? `${new Date(ms).toISOString().slice(0, 19)}Z` : "an unknown time";
}

/** `since 2026-11-29T00:13:43Z, 3 minutes`. */
export function since(from: number, now: number): string {
  return `since ${time(from)}, ${span(now - from)}`;
}

/** Longer command lines are cut. */
const LONGEST_COMMAND = 100;

export function shortCommand(command: string): string {
  return command.length > LONGEST_COMMAND ? `${command.slice(0, LONGEST_COMMAND)}…` : command;
}

/** `process 4711 (nginx -g daemon off;)`. */
export function processWords({ pid, command }: Pick<ProcessFacts, "pid" | "command">): string {
  return `process ${pid} (${shortCommand(command)})`;
}

/** Global options that are followed by a value: those of src/cli/flags.ts; a test compares the two. */
const WITH_VALUE = new Set([
  "--root",
  "--log",
  "--log-format",
  "--log-level",
  "--trace",
  "--rootless",
  "--cgroup-manager",
]);

/** The command's name from its command line, such as `delete`; the whole command line if there is none. */
export function commandName({ process, isTsrun }: CommandFacts): string {
  if (!isTsrun) return processWords(process);
  const words = process.command.split(" ").slice(1);
  for (let at = 0; at < words.length; at++) {
    const word = words[at] ?? "";
    if (WITH_VALUE.has(word)) at += 1;
    // A command of the shim has two words before its own.
    else if (word === "command" && /^\d+$/.test(words[at + 1] ?? "")) at += 1;
    else if (!word.startsWith("-")) return word;
  }
  return process.command;
}

/** What it means that a process waits in a function of the kernel. */
const MEANINGS: readonly (readonly [RegExp, string])[] = [
  [/^(fuse_|request_wait_answer)/, "the server of a FUSE file system does not answer"],
  [/^(rpc_|nfs\d?_|__nfs)/, "an NFS server does not answer"],
  [/^(cifs_|smb2_|wait_for_response)/, "an SMB server does not answer"],
  [/^(p9_|v9fs_)/, "a 9p server does not answer"],
  [
    /^(wait_for_vfork_done|kernel_clone|__do_sys_vfork)$/,
    "its child, made by vfork(2), has not executed a program",
  ],
  [/^(__refrigerator|do_freezer_trap)$/, "it is frozen"],
  [
    /^(mem_cgroup_oom_synchronize|mem_cgroup_handle_over_high|try_to_free_mem_cgroup_pages)$/,
    "its cgroup is at its memory limit",
  ],
  [
    /^(jbd2_|xfs_|btrfs_|ext4_|f2fs_|io_schedule|folio_wait|wait_on_page|blk_|submit_bio)/,
    "a disk does not answer",
  ],
  [/^seccomp_do_user_notification$/, "the seccomp agent does not answer"],
];

/** What a process waits for, by the first of its kernel functions that has a known meaning. */
export function meaningOf({ functions }: Pick<ProcessFacts, "functions">): string | undefined {
  for (const name of functions) {
    const found = MEANINGS.find(([pattern]) => pattern.test(name));
    if (found !== undefined) return found[1];
  }
  return undefined;
}

/** `in the kernel: fuse_simple_request < vfs_read, in read(2)`. */
export function placeWords({ functions, call }: Pick<ProcessFacts, "functions" | "call">): string[] {
  const where = functions.filter(
    (name) => !/^(do_syscall|entry_|ret_from|x64_sys_call|el0|invoke_sys)/.test(name),
  );
  return [
    ...(where.length === 0 ? [] : [`in the kernel: ${where.slice(0, 6).join(" < ")}`]),
    ...(call === undefined ? [] : [`in the call ${call.name}(2)`]),
  ];
}

/** `1 process`, `2 processes`. */
export function count(number: number, one: string, many: string): string {
  return `${number} ${number === 1 ? one : many}`;
}
