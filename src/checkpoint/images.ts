// The directories in which criu works, and its log there. Called by dump.ts and revive.ts.

import { TsrunError } from "../errors.ts";
import { type Descriptor, makeDirectory, open, readTextIfThere, status } from "../linux/files/files.ts";
import { O_DIRECTORY, O_RDONLY } from "../linux/numbers/fcntl.ts";
import { configFileOf } from "./annotation.ts";
import type { ImageOptions } from "./options.ts";
import { errorsIn } from "./plan.ts";

/** Kept open, since criu gets their numbers. */
export class WorkingDirectories implements Disposable {
  readonly #images: Descriptor;
  readonly #work: Descriptor | undefined;
  readonly #logs: string;

  /** The images must exist; the work directory is made if it is missing. */
  constructor({ imagePath, workPath }: ImageOptions) {
    this.#images = open(imagePath, O_RDONLY | O_DIRECTORY);
    if (workPath !== undefined) makeDirectory(workPath, 0o700);
    this.#work = workPath === undefined ? undefined : open(workPath, O_RDONLY | O_DIRECTORY);
    this.#logs = workPath ?? imagePath;
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
  explaining<T>(logFile: string, work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof TsrunError) || !error.message.startsWith("criu failed")) throw error;
      const path = `${this.#logs}/${logFile}`;
      const errors = errorsIn(readTextIfThere(path) ?? "");
      throw new TsrunError(error.code, [error.message, errors.join("; ")].filter(Boolean).join(": "), {
        cause: error,
        hint: errors.some((one) => /\.img: Permission denied/.test(one))
          ? `the container's root must be able to enter the directory of the images; criu's log is "${path}"`
          : `criu's log is "${path}"`,
      });
    }
  }

  [Symbol.dispose](): void {
    this.#images.close();
    this.#work?.close();
  }
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
