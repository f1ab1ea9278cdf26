// The directories in which criu works, and its log there. Called by dump.ts and revive.ts.

import { TsrunError } from "../errors.ts";
import { hasErrno, tryCall } from "../linux/call/call.ts";
import { text } from "../linux/call/words.ts";
import { listRawEntries } from "../linux/files/directories.ts";
import { type Descriptor, makeDirectory, open, readAll, status } from "../linux/files/files.ts";
import {
  O_DIRECTORY,
  O_NOFOLLOW,
  O_NONBLOCK,
  O_RDONLY,
  S_IFBLK,
  S_IFCHR,
  S_IFIFO,
  S_IFREG,
  SEEK_END,
} from "../linux/numbers/fcntl.ts";
import { configFileOf } from "./annotation.ts";
import type { ImageOptions } from "./options.ts";
import { errorsIn } from "./plan.ts";

/** How much of the end of criu's log is read to explain a failure, in bytes. */
const LOG_END = 256 * 1024;

/** To open what another has made without waiting for a FIFO's writer, and without following a link. */
const WARILY = O_RDONLY | O_NONBLOCK | O_NOFOLLOW;

/** Files that criu would wait for, or read or write without an end. */
const KINDS = new Map([
  [S_IFIFO, "a FIFO"],
  [S_IFCHR, "a device"],
  [S_IFBLK, "a device"],
]);

/** Kept open, since criu gets their numbers. */
export class WorkingDirectories implements Disposable {
  readonly #images: Descriptor;
  readonly #work: Descriptor | undefined;
  readonly #logFile: string;
  readonly #logPath: string;

  /**
   * The images must exist; the work directory is made if it is missing. An older log is removed: criu would
   * write to where a link leads, or wait for a FIFO's reader, and if criu ended early the log would explain
   * another failure.
   */
  constructor({ imagePath, workPath }: ImageOptions, logFile: string) {
    this.#images = open(imagePath, O_RDONLY | O_DIRECTORY);
    if (workPath !== undefined) makeDirectory(workPath, 0o700);
    this.#work = workPath === undefined ? undefined : open(workPath, O_RDONLY | O_DIRECTORY);
    this.#logFile = logFile;
    this.#logPath = `${workPath ?? imagePath}/${logFile}`;
    // If that is impossible criu cannot write to it either, unless its configuration names another one.
    tryCall("unlinkat", this.#logs, logFile, 0);
    checkEntries(this.images, imagePath, () => true);
    if (workPath !== undefined) checkEntries(this.#logs, workPath, (name) => isCrius(name, logFile));
  }

  /** The directory of the log. */
  get #logs(): number {
    return this.work ?? this.images;
  }

  get images(): number {
    return this.#images.number;
  }

  get work(): number | undefined {
    return this.#work?.number;
  }

  /**
   * Runs the work and adds the errors in criu's log to its failure. DIFFERS: runc quotes the lines around
   * every error as warnings. Here the errors are part of the failure's one line.
   */
  explaining<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof TsrunError) || !error.message.startsWith("criu failed")) throw error;
      const errors = errorsIn(endOfLog(this.#logFile, this.#logs));
      const log = `criu's log is "${this.#logPath}"`;
      throw new TsrunError(error.code, [error.message, errors.join("; ")].filter(Boolean).join(": "), {
        cause: error,
        hint: errors.some((one) => /\.img: Permission denied/.test(one))
          ? `the container's root must be able to enter the directory of the images; ${log}`
          : log,
      });
    }
  }

  [Symbol.dispose](): void {
    this.#images.close();
    this.#work?.close();
  }
}

/**
 * Whether criu uses a file of this name in its work directory: its log, statistics and cache (criu's
 * image-desc.c). Others may be anything: Podman's work directory has the FIFOs of conmon.
 */
function isCrius(name: string, logFile: string): boolean {
  return name === logFile || name.endsWith(".img") || name.startsWith("stats-");
}

/** Refuses what criu would open and then wait for. */
function checkEntries(directory: number, path: string, isOpened: (name: string) => boolean): void {
  for (const { name, type } of listRawEntries(directory)) {
    if (type === "file" || type === "directory" || !isOpened(text(name))) continue;
    const kind = KINDS.get(status(name, { at: directory })?.type ?? 0);
    if (kind === undefined) continue;
    throw new TsrunError("E_CONFIG", `cannot use "${path}/${text(name)}": it is ${kind}`, {
      hint: "a directory for criu has files and links to files",
    });
  }
}

/** Opens a regular file; throws if it is anything else. */
function openWarily(name: string, directory: number): Descriptor {
  const file = open(name, WARILY, { at: directory });
  if (status("", { at: file.number, itself: true })?.type === S_IFREG) return file;
  file.close();
  throw new TsrunError("E_CONFIG", `"${name}" is no regular file`);
}

/** The last lines of a log; none if it cannot be read. */
function endOfLog(name: string, directory: number): string {
  try {
    using log = openWarily(name, directory);
    const isLong = tryCall("lseek", log.number, -LOG_END, SEEK_END) > 0;
    const lines = text(readAll(log.number, `"${name}"`, LOG_END));
    // The first line has lost its beginning.
    return isLong ? lines.slice(lines.indexOf("\n") + 1) : lines;
  } catch (error) {
    if (!(error instanceof TsrunError) || hasErrno(error, "EMFILE", "ENFILE", "ENOMEM")) throw error;
    return "";
  }
}

/** The text of a regular file. Throws what is wrong with any other, or with a larger one. */
export function readWarily(name: string, directory: number, most: number): string {
  using file = openWarily(name, directory);
  const bytes = readAll(file.number, `"${name}"`, most);
  if (bytes.length <= most) return text(bytes);
  throw new TsrunError("E_CONFIG", `"${name}" is larger than ${most / 1024} KiB`);
}

/** The files that override options for every container: ours, or else runc's. */
const CONFIG_FILES = ["/etc/criu/tsrun.conf", "/etc/criu/runc.conf"] as const;

/** The configuration file that criu reads in addition to its own. */
export function criuConfigFile(
  annotations: Readonly<Record<string, string>> | undefined,
): string | undefined {
  const [own, runcs] = CONFIG_FILES;
  return configFileOf(annotations, status(own) === undefined ? runcs : own);
}
