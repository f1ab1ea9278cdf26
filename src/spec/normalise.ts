// Normalises a document: removes empty members, restores the digits of numbers that JSON.parse has rounded,
// makes paths absolute. Changes the result of JSON.parse in place. Called by load.ts.

import { readAnnotations } from "./annotations.ts";
import type { Fault } from "./faults.ts";
import { JsonPositions } from "./json-positions.ts";
import type { DocumentType } from "./known-keys.ts";
import { type Caller, namespaceOf } from "./semantics/report.ts";
import type { IDMapping, Linux, Process, Resources, Spec, StateRecord } from "./types.ts";

type Json = { [key: string]: unknown };

/**
 * Removes empty members. AS RUNC: a null member counts as absent (Go programs write an unset list as null),
 * and so does a seccomp profile with neither a default action nor rules.
 */
export function withoutEmptyWords(document: unknown, text: string): unknown {
  // Hardly any file has a null, and searching for the word is cheaper than a walk.
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
    // An entry of a list stays, so that the later ones keep their index.
    if (member !== null) dropNulls(member);
    else if (!isList) delete (value as Json)[key];
  }
}

/**
 * AS CRUN: an ordinary user's new user namespace without mappings gets the one that the kernel lets the user
 * write: root is the user's own id (user_namespaces(7)). DIFFERS: crun adds the ids of /etc/subuid and
 * /etc/subgid.
 */
export function giveOwnIds(spec: Spec, { euid, egid = euid }: Caller): void {
  const { linux } = spec;
  const user = namespaceOf(spec, "user");
  if (euid === 0 || linux === undefined || user === undefined || user.path !== undefined) return;
  const mappings = linux as { -readonly [Key in "uidMappings" | "gidMappings"]: Linux[Key] };
  if ((linux.uidMappings ?? []).length === 0) mappings.uidMappings = [ownId(euid)];
  if ((linux.gidMappings ?? []).length === 0) mappings.gidMappings = [ownId(egid)];
}

function ownId(hostID: number): IDMapping {
  return { containerID: 0, hostID, size: 1 };
}

/** Gives a checked configuration one form for settings that can be written in two ways. */
export function normalise(spec: Spec): Spec {
  nameReceiver(spec);
  dropUnsetPids(spec.linux?.resources, spec.ociVersion);
  return withAbsoluteDestinations(spec);
}

/**
 * runtime-spec 1.3 made 0 a limit. Before, it stood for none: Podman 4 writes it for `--pids-limit -1`, and
 * CRI-O before 1.29 for every container. AS RUNC before 1.4, AS CRUN: 0 changes nothing. DIFFERS: runc 1.4
 * makes it 1 in older documents, too.
 * @param ociVersion of the container's configuration
 */
export function dropUnsetPids(resources: Resources | undefined, ociVersion: string): void {
  if (resources?.pids?.limit === 0 && /^1\.[0-2]\./.test(ociVersion))
    delete (resources as { pids?: unknown }).pids;
}

/** AS CRUN: `listenerPath` of the profile wins over the annotation that came before it. */
export function nameReceiver(spec: Spec): void {
  const seccomp = spec.linux?.seccomp;
  if (spec.annotations === undefined || seccomp === undefined || (seccomp.listenerPath ?? "") !== "") return;
  const { seccompReceiver } = readAnnotations(spec);
  if (seccompReceiver !== undefined) (seccomp as { listenerPath?: string }).listenerPath = seccompReceiver;
}

/** AS RUNC: a mount's relative destination starts from the root. */
function withAbsoluteDestinations(spec: Spec): Spec {
  for (const mount of spec.mounts ?? []) {
    if (!mount.destination.startsWith("/"))
      (mount as { destination: string }).destination = `/${mount.destination}`;
  }
  return spec;
}

/**
 * Turns numbers that a JavaScript number cannot hold, and in which every digit matters, into bigints: limits
 * of a process and of its cgroup, times of a scheduler, operands of a seccomp rule. Returns a fault for each
 * one that does not fit in 64 bits. The document must have passed its schema.
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
  const rounded = new RoundedNumbers();
  if (type === "Process") rounded.inProcess(document as Process, "");
  else if (type === "Resources") rounded.inResources(document as Resources, "");
  else if (type === "StateRecord") {
    rounded.inResources((document as StateRecord).resources ?? {}, "/resources");
  } else {
    const { process = {}, linux = {} } = document as { process?: Partial<Process>; linux?: Linux };
    rounded.inProcess(process, "/process");
    rounded.inResources(linux.resources ?? {}, "/linux/resources");
    linux.seccomp?.syscalls?.forEach(({ args }, rule) => {
      rounded.inList(args, ["value", "valueTwo"], `/linux/seccomp/syscalls/${rule}/args`);
    });
  }
  return rounded.found;
}

class RoundedNumbers {
  readonly found: Rounded[] = [];

  inProcess({ rlimits, scheduler }: Partial<Process>, at: string): void {
    this.inList(rlimits, ["soft", "hard"], `${at}/rlimits`);
    this.in(scheduler, ["runtime", "deadline", "period"], `${at}/scheduler`);
  }

  /** Leaves out numbers that the kernel refuses long before they are that large. */
  inResources({ memory, cpu, blockIO, hugepageLimits }: Resources, at: string): void {
    this.in(memory, ["limit", "reservation", "swap"], `${at}/memory`);
    this.in(cpu, ["burst", "realtimeRuntime", "realtimePeriod"], `${at}/cpu`);
    this.inList(hugepageLimits, ["limit"], `${at}/hugepageLimits`);
    for (const list of THROTTLES) this.inList(blockIO?.[list], ["rate"], `${at}/blockIO/${list}`);
  }

  inList(list: readonly object[] | undefined, keys: readonly string[], at: string): void {
    list?.forEach((entry, index) => {
      this.in(entry, keys, `${at}/${index}`);
    });
  }

  in(holder: object | undefined, keys: readonly string[], at: string): void {
    if (holder === undefined) return;
    for (const key of keys) {
      const value = (holder as Json)[key];
      if (typeof value !== "number" || Number.isSafeInteger(value)) continue;
      this.found.push({ holder, key, value, pointer: `${at}/${key}` });
    }
  }
}

const THROTTLES = [
  "throttleReadBpsDevice",
  "throttleWriteBpsDevice",
  "throttleReadIOPSDevice",
  "throttleWriteIOPSDevice",
] as const;

const LARGEST = 2n ** 64n - 1n;
const LARGEST_SIGNED = 2n ** 63n - 1n;
/** The numbers that may be negative. */
const SIGNED = ["/memory/limit", "/memory/reservation", "/memory/swap", "/cpu/realtimeRuntime"];

function restore(rounded: readonly Rounded[], text: string): Fault[] {
  const positions = JsonPositions.scan(
    text,
    rounded.map(({ pointer }) => pointer),
  );
  const faults: Fault[] = [];
  for (const { holder, key, value, pointer } of rounded) {
    const source = (positions instanceof JsonPositions ? positions.source(pointer) : undefined) ?? "";
    const exact = /^-?\d+$/.test(source) ? BigInt(source) : BigInt(value);
    const largest = SIGNED.some((end) => pointer.endsWith(end)) ? LARGEST_SIGNED : LARGEST;
    if (exact > largest) faults.push({ pointer, reason: `must be at most ${largest}, is ${exact}` });
    if (exact < -LARGEST_SIGNED - 1n) {
      faults.push({ pointer, reason: `must be at least ${-LARGEST_SIGNED - 1n}, is ${exact}` });
    }
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
