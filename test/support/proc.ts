// Readers of /proc: of text that containers print, and of the names of processes.

import { readdirSync, readFileSync } from "node:fs";

/** `/proc/PID/status`: the words behind each key. */
export function parseStatus(text: string): Map<string, string[]> {
  const entries = text.split("\n").flatMap((line): [string, string[]][] => {
    const colon = line.indexOf(":");
    const words = line.slice(colon + 1).split(/\s+/);
    return colon < 0 ? [] : [[line.slice(0, colon), words.filter((word) => word !== "")]];
  });
  return new Map(entries);
}

/** The processes that run now, or wait to be waited for. */
export function allPids(): number[] {
  return readdirSync("/proc").map(Number).filter(Number.isInteger);
}

/** A file of a process; empty if the process has ended. */
export function readProc(pid: number | string, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, "utf8");
  } catch {
    return "";
  }
}

/** The name of a process, as the kernel has it since its last execve(2); empty if it has ended. */
export function nameOf(pid: number | string): string {
  return readProc(pid, "comm").trimEnd();
}

/** The numbers of the bits in one of the Cap lines of `/proc/PID/status`. */
export function capabilityBits(hex: string | undefined): number[] {
  const mask = BigInt(`0x${hex ?? "0"}`);
  return Array.from({ length: 64 }, (_, bit) => bit).filter((bit) => ((mask >> BigInt(bit)) & 1n) === 1n);
}
