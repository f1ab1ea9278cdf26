// What a document goes through besides being checked: members that say nothing are taken out, numbers get the
// digits back that JSON.parse took from them, paths are made absolute. Works in place, on what JSON.parse has
// just made. Called by load.ts.

import type { Fault } from "./faults.ts";
import { JsonPositions } from "./json-positions.ts";
import type { DocumentType } from "./known-keys.ts";
import type { Process, Spec } from "./types.ts";

type Json = { [key: string]: unknown };

/**
 * Takes out what says nothing. AS RUNC: a member that is null counts as absent (Go's callers write an unset
 * list as null), and so does a seccomp profile with neither a default action nor rules.
 */
export function withoutEmptyWords(document: unknown, text: string): unknown {
  // Hardly any file has a null: looking for the word costs less than a walk.
  if (text.includes("null")) dropNulls(document);
  const linux = memberOf(document, "linux");
  const seccomp = memberOf(linux, "seccomp");
  if (linux !== undefined && seccomp !== undefined && isEmptyProfile(seccomp)) delete linux.seccomp;
  return document;
}

function isEmptyProfile({ defaultAction = "", syscalls = [] }: Json): boolean {
  return defaultAction === "" && Array.isArray(syscalls) && syscalls.length === 0;
}

function dropNulls(value: unknown): void {
  if (typeof value !== "object" || value === null) return;
  const isList = Array.isArray(value);
  for (const [key, member] of Object.entries(value)) {
    // An entry of a list stays: what comes after it must keep its place.
    if (member !== null) dropNulls(member);
    else if (!isList) delete (value as Json)[key];
  }
}

/** AS RUNC: a relative destination of a mount is meant from the root. */
export function withAbsoluteDestinations(spec: Spec): Spec {
  for (const mount of spec.mounts ?? []) {
    if (!mount.destination.startsWith("/"))
      (mount as { destination: string }).destination = `/${mount.destination}`;
  }
  return spec;
}

/**
 * Turns numbers of which every digit counts, and which a JavaScript number cannot hold, into bigints: limits
 * of a process and operands of a seccomp rule. Returns a fault for each that 64 bits cannot hold either. The
 * document must have passed its schema.
 */
export function restoreExactNumbers(document: unknown, text: string, type: DocumentType): Fault[] {
  const rounded = roundedNumbers(document, type);
  return rounded.length === 0 ? [] : restore(rounded, text);
}

interface Rounded {
  readonly holder: object;
  readonly key: string;
  readonly value: number;
  readonly pointer: string;
}

function roundedNumbers(document: unknown, type: DocumentType): Rounded[] {
  const found: Rounded[] = [];
  // Nothing in resources is that large and that exact.
  if (type === "Resources") return found;
  const note = (holder: object, key: string, at: string): void => {
    const value = (holder as Json)[key];
    if (typeof value !== "number" || Number.isSafeInteger(value)) return;
    found.push({ holder, key, value, pointer: `${at}/${key}` });
  };
  const { rlimits } = (type === "Process" ? document : ((document as Spec).process ?? {})) as Process;
  const rules = type === "Process" ? undefined : (document as Spec).linux?.seccomp?.syscalls;
  rlimits?.forEach((limit, index) => {
    const at = type === "Process" ? `/rlimits/${index}` : `/process/rlimits/${index}`;
    note(limit, "soft", at);
    note(limit, "hard", at);
  });
  rules?.forEach(({ args }, rule) => {
    args?.forEach((arg, index) => {
      note(arg, "value", `/linux/seccomp/syscalls/${rule}/args/${index}`);
      note(arg, "valueTwo", `/linux/seccomp/syscalls/${rule}/args/${index}`);
    });
  });
  return found;
}

const LARGEST = 2n ** 64n - 1n;

function restore(rounded: readonly Rounded[], text: string): Fault[] {
  const positions = JsonPositions.scan(
    text,
    rounded.map(({ pointer }) => pointer),
  );
  const faults: Fault[] = [];
  for (const { holder, key, value, pointer } of rounded) {
    const source = (positions instanceof JsonPositions ? positions.source(pointer) : undefined) ?? "";
    const exact = /^\d+$/.test(source) ? BigInt(source) : BigInt(value);
    if (exact > LARGEST) faults.push({ pointer, reason: `must be at most ${LARGEST}, is ${exact}` });
    (holder as Json)[key] = exact;
  }
  return faults;
}

function memberOf(value: unknown, key: string): Json | undefined {
  const member = isObject(value) ? value[key] : undefined;
  return isObject(member) ? member : undefined;
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
