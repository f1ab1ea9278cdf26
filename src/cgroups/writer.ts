// Carries out planned writes in a cgroup's directory and says in an error which file refused which value.

import { TsrunError } from "../errors.ts";
import { readTextIfThere, tryWriteFile, writeFile } from "../linux/files/files.ts";
import { EBUSY, EINVAL, ENOENT, errnoName, errnoWords } from "../linux/numbers/errno.ts";
import { restoring } from "./restore.ts";
import type { CgroupWrite } from "./writes.ts";

interface JournalEntry {
  readonly path: string;
  /** Restores the old value; throws if that is refused. */
  readonly putBack: () => void;
}

/** Remembers what was changed and the old values: an update that fails restores them. */
export class Journal {
  readonly #entries: JournalEntry[] = [];
  readonly #held: Disposable[] = [];

  /** Remembers the file's content, before it is written. */
  note(directory: string, write: CgroupWrite): void {
    const before = readTextIfThere(`${directory}/${write.file}`);
    if (before === undefined) return;
    const back = restoring(write, before);
    const path = `${directory}/${write.file}`;
    if (back !== undefined) this.add(path, () => writeBack(path, before, back));
  }

  /**
   * Remembers a change that is not a single value of a file.
   * @param held resources that `putBack` needs, until the journal is closed
   */
  add(path: string, putBack: () => void, held: readonly Disposable[] = []): void {
    this.#entries.push({ path, putBack });
    this.#held.push(...held);
  }

  [Symbol.dispose](): void {
    for (const held of this.#held) held[Symbol.dispose]();
  }

  /**
   * Writes the old values back, the last first; returns the paths that did not accept theirs. A file that
   * refused the new value has not changed, and may refuse the old one too: the file system may be read-only,
   * or the device gone.
   */
  restore(): string[] {
    let rest = this.#entries.toReversed();
    // Values may depend on each other; then the second round succeeds.
    for (let round = 0; round < 2 && rest.length > 0; round++)
      rest = rest.filter((entry) => !isPutBack(entry));
    return rest.map(({ path }) => path);
  }
}

function isPutBack({ putBack }: JournalEntry): boolean {
  try {
    putBack();
    return true;
  } catch (error) {
    if (error instanceof TsrunError) return false;
    throw error;
  }
}

function writeBack(path: string, before: string, { value }: CgroupWrite): void {
  if (readTextIfThere(path) !== before) writeFile(path, value);
}

/** Writes in order; writes that depend on a later one are tried again at the end. */
export function runWrites(directory: string, writes: readonly CgroupWrite[], journal?: Journal): void {
  const postponed: CgroupWrite[] = [];
  for (const write of writes) {
    journal?.note(directory, write);
    if (write.otherwise !== undefined) journal?.note(directory, write.otherwise);
    const failure = attempt(directory, write);
    if (failure === -EINVAL && write.mayPostpone === true) postponed.push(write);
    else if (failure < 0) throw writeError(directory, write, -failure);
  }
  for (const write of postponed) {
    const failure = attempt(directory, write);
    if (failure < 0) throw writeError(directory, write, -failure);
  }
}

/** Writes once and returns 0 or the negated errno. */
function attempt(directory: string, write: CgroupWrite): number {
  // The name holds text of the configuration (a page size, a key of `unified`) and must not lead elsewhere.
  if (write.file.includes("/")) {
    throw new TsrunError("E_CONFIG", `${JSON.stringify(write.file)} is no name of a cgroup file`);
  }
  const failure = tryWriteFile(`${directory}/${write.file}`, write.value);
  if (failure === -ENOENT && write.otherwise !== undefined) return attempt(directory, write.otherwise);
  if (failure < 0 && write.tolerate?.includes(errnoName(-failure)) === true) return 0;
  if (failure === 0 && write.verifyAs !== undefined) verify(directory, write, write.verifyAs);
  return failure;
}

/** AS RUNC: shares outside the kernel's range are an error, not a different limit. */
function verify(directory: string, { file, value }: CgroupWrite, name: string): void {
  const actual = readNumber(directory, file);
  if (actual === undefined || actual === Number(value)) return;
  const bound = Number(value) > actual ? "maximum" : "minimum";
  throw new TsrunError("E_CGROUP", `the ${bound} allowed ${name} is ${actual}`);
}

/** The number in a cgroup file, `undefined` if it cannot be read; `max` is Infinity. */
export function readNumber(directory: string, file: string): number | undefined {
  const text = readTextIfThere(`${directory}/${file}`)?.trim();
  if (text === undefined || text === "") return undefined;
  return text === "max" ? Number.POSITIVE_INFINITY : Number(text);
}

/** The words of a cgroup file; none if it cannot be read. */
export function readWords(directory: string, file: string, separator = " "): string[] {
  const text = readTextIfThere(`${directory}/${file}`)?.trim() ?? "";
  return text === "" ? [] : text.split(separator);
}

/** The number after `key` in a cgroup file of `key number` lines; 0 if there is none. */
export function readKey(directory: string, file: string, key: string): number {
  const text = readTextIfThere(`${directory}/${file}`) ?? "";
  for (const line of text.split("\n")) {
    if (line.startsWith(`${key} `)) return Number(line.slice(key.length + 1));
  }
  return 0;
}

/** `cannot write "…" to "…/memory.limit_in_bytes": invalid argument`, with what to do about it. */
export function writeError(directory: string, { file, value }: CgroupWrite, errno: number): TsrunError {
  const path = `${directory}/${file}`;
  const subject = { kind: "cgroup", directory, file, value } as const;
  const details = { errno: errnoName(errno), hint: hintFor(file, errno), subject };
  if (errno === EBUSY && file === "memory.limit_in_bytes") {
    const usage = readNumber(directory, "memory.usage_in_bytes");
    const peak = readNumber(directory, "memory.max_usage_in_bytes");
    const words = `unable to set memory limit to ${value} (current usage: ${usage}, peak usage: ${peak})`;
    return new TsrunError("E_CGROUP", words, details);
  }
  const message = `cannot write ${JSON.stringify(value)} to "${path}": ${errnoWords(errno)}`;
  return new TsrunError("E_CGROUP", message, details);
}

function hintFor(file: string, errno: number): string | undefined {
  const controller = file.slice(0, file.indexOf("."));
  const name = errnoName(errno);
  if (name === "ENOENT" && (file.startsWith("memory.memsw.") || file.startsWith("memory.swap."))) {
    return "this kernel does not account swap; boot it with swapaccount=1 or leave out the swap limit";
  }
  if (name === "ENOENT" && file === "io.bfq.weight") {
    return "only the BFQ scheduler has weights for single devices; leave out blockIO/weightDevice";
  }
  if (name === "ENOENT") {
    return `the ${controller} controller is not available in this cgroup, or its kernel lacks this knob`;
  }
  if (file.startsWith("cpuset.") || file === "cpus" || file === "mems") {
    return "a cpuset may only name processors and memory nodes that are online and in the parent's cpuset";
  }
  if (name === "EBUSY") return "the cgroup already uses more than the new limit allows";
  if (name === "EACCES" || name === "EPERM" || name === "EROFS") {
    return "the cgroup file system must be writable and the cgroup must belong to you";
  }
  if (name === "EINVAL" || name === "ERANGE") {
    return "the kernel refuses the value here: it is out of range, or the parent cgroup's limits are tighter";
  }
  if (name === "ENODEV") return "no such device, or it has no such throttle";
  return undefined;
}
