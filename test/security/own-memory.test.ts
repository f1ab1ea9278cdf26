// The memory of tsrun itself: what only its start writes to is read-only afterwards (RELRO), and everything
// else that is to be written can be.

import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync, readlinkSync } from "node:fs";
import { behaviour, tsrunOnly } from "../support/behaviour.ts";
import { plainEnv, runtimePath } from "../support/runtime.ts";
import { until } from "../support/wait.ts";

const PT_LOAD = 1;
const PT_GNU_RELRO = 0x6474e552;
const WRITABLE = 2;
const PAGE = 4096;

interface Segment {
  readonly type: number;
  readonly flags: number;
  readonly from: number;
  readonly to: number;
}

/** The program headers of an executable of 64 bits (elf(5)). */
function segmentsOf(path: string): Segment[] {
  const file = readFileSync(path);
  const [table, size, count] = [
    Number(file.readBigUInt64LE(32)),
    file.readUInt16LE(54),
    file.readUInt16LE(56),
  ];
  return Array.from({ length: count }, (_, index) => {
    const at = table + index * size;
    const from = Number(file.readBigUInt64LE(at + 16));
    const to = from + Number(file.readBigUInt64LE(at + 40));
    return { type: file.readUInt32LE(at), flags: file.readUInt32LE(at + 4), from, to };
  });
}

/** The mappings of a process's executable (proc_pid_maps(5)). */
function mappingsOf(pid: number): { from: number; to: number; mode: string }[] {
  return readFileSync(`/proc/${pid}/maps`, "utf8")
    .split("\n")
    .map((line) => /^([0-9a-f]+)-([0-9a-f]+) (\S+)/.exec(line))
    .flatMap((found) => {
      const [, from = "", to = "", mode = ""] = found ?? [];
      return found === null ? [] : [{ from: Number.parseInt(from, 16), to: Number.parseInt(to, 16), mode }];
    });
}

function isWaiting(pid: number): boolean {
  if (readlinkSync(`/proc/${pid}/exe`) !== runtimePath) return false;
  return / S /.test(readFileSync(`/proc/${pid}/stat`, "utf8"));
}

behaviour(
  "memory that only the start of tsrun writes to is read-only, and no other page of its data is",
  async (t) => {
    // It waits for its standard input.
    const child = spawn(runtimePath, ["validate", "--config", "-"], { env: plainEnv, stdio: "pipe" });
    const ended = once(child, "close");
    t.teardown(() => child.kill("SIGKILL"));
    const pid = child.pid ?? 0;
    await until("tsrun to read", () => isWaiting(pid));
    const segments = segmentsOf(runtimePath);
    const relro = segments.find(({ type }) => type === PT_GNU_RELRO);
    const data = segments.find(({ type, flags }) => type === PT_LOAD && (flags & WRITABLE) !== 0);
    if (relro === undefined || data === undefined) throw new Error("no segments of data");
    const mappings = mappingsOf(pid);
    const modeAt = (address: number): string | undefined =>
      mappings.find(({ from, to }) => from <= address && address < to)?.mode;
    t.equal(modeAt(relro.from), "r--p", "relocated data");
    const wrong: string[] = [];
    for (let page = relro.to; page < data.to; page += PAGE) {
      if (modeAt(page) !== "rw-p") wrong.push(page.toString(16));
    }
    t.strictSame(wrong, [], "pages that cannot be written");
    child.stdin.end();
    await ended;
  },
  tsrunOnly("the layout of its executable"),
);
