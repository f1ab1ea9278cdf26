// What a document goes through besides being checked: members that say nothing are taken out, numbers get the digits
// back that JSON.parse took from them, paths are made absolute. Works in place, on what JSON.parse has just made.
// Called by load.ts.

import type { Fault } from "./faults.ts";
import { JsonPositions } from "./json-positions.ts";
import type { DocumentType } from "./known-keys.ts";
import type { Spec } from "./types.ts";

type Json = { [key: string]: unknown };

/**
 * Takes out what says nothing. AS RUNC: a member that is null counts as absent (Go's callers write an unset list as
 * null), and so does a seccomp profile with neither a default action nor rules.
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
 * Turns numbers of which every digit counts, and which a JavaScript number cannot hold, into bigints: limits of a
 * process and operands of a seccomp rule. Returns a fault for each that 64 bits cannot hold either. The document must
 * have passed its schema.
 */
export function restoreExactNumbers(document: unknown, text: string, type: DocumentType): Fault[] {
  const faults: Fault[] = [];
  let positions: JsonPositions | undefined;
  for (const { holder, key, pointer } of exactMembers(document, type)) {
    const value = holder[key];
    if (typeof value !== "number" || Number.isSafeInteger(value)) continue;
    positions ??= scan(text);
    const source = positions?.source(pointer) ?? "";
    const exact = /^\d+$/.test(source) ? BigInt(source) : BigInt(value);
    if (exact > LARGEST) faults.push({ pointer, reason: `must be at most ${LARGEST}, is ${exact}` });
    holder[key] = exact;
  }
  return faults;
}

const LARGEST = 2n ** 64n - 1n;

function scan(text: string): JsonPositions | undefined {
  const scanned = JsonPositions.scan(text);
  return scanned instanceof JsonPositions ? scanned : undefined;
}

interface Member {
  readonly holder: Json;
  readonly key: string;
  readonly pointer: string;
}

function* exactMembers(document: unknown, type: DocumentType): Generator<Member> {
  if (type === "Resources") return;
  const process = type === "Process" ? document : memberOf(document, "process");
  const base = type === "Process" ? "" : "/process";
  for (const [index, limit] of entriesOf(process, "rlimits")) {
    yield { holder: limit, key: "soft", pointer: `${base}/rlimits/${index}/soft` };
    yield { holder: limit, key: "hard", pointer: `${base}/rlimits/${index}/hard` };
  }
  if (type === "Process") return;
  const seccomp = memberOf(memberOf(document, "linux"), "seccomp");
  for (const [rule, syscall] of entriesOf(seccomp, "syscalls")) {
    for (const [index, arg] of entriesOf(syscall, "args")) {
      const at = `/linux/seccomp/syscalls/${rule}/args/${index}`;
      yield { holder: arg, key: "value", pointer: `${at}/value` };
      yield { holder: arg, key: "valueTwo", pointer: `${at}/valueTwo` };
    }
  }
}

function memberOf(value: unknown, key: string): Json | undefined {
  const member = isObject(value) ? value[key] : undefined;
  return isObject(member) ? member : undefined;
}

function entriesOf(value: unknown, key: string): [number, Json][] {
  const list = isObject(value) ? value[key] : undefined;
  return Array.isArray(list) ? list.filter(isObject).map((entry, index) => [index, entry]) : [];
}

function isObject(value: unknown): value is Json {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
