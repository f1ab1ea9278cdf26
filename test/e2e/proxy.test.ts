// The interpreters at work: the machine's own natively, the other one under user-mode QEMU. A driver under
// Bun holds the other end of the control socket and reports what it saw.

import { execFile } from "node:child_process";
import { promisify } from "node:util";
import t from "tap";
import { BUN, bunArguments, needsBun } from "../support/bun.ts";
import { findProgram } from "../support/host.ts";

interface Report {
  readonly stopping: {
    readonly pid: number;
    readonly stop: (number | null)[];
    readonly stopped: boolean;
    readonly goOn: (number | null)[];
    readonly passed: boolean;
  };
  readonly tryingAgain: (number | null)[];
  readonly earlierResults: {
    readonly content: string;
    readonly mode: string;
    readonly open: (number | null)[];
  };
  readonly memory: {
    readonly far: number;
    readonly first: string;
    readonly second: string;
    readonly fault: number;
  };
  readonly cloning: {
    readonly pids: { readonly parent: number; readonly child: number };
    readonly seenByParent: { readonly before: (number | null)[]; readonly after: (number | null)[] };
    readonly child: (number | null)[];
    readonly parent: (number | null)[];
    readonly reaped: number;
    readonly status: number;
  };
  readonly large: { readonly written: number; readonly same: boolean; readonly many: boolean };
  readonly ending: { readonly answered: boolean; readonly statuses: (number | null)[] };
  readonly terminating: readonly (readonly number[])[];
  readonly endedBefore: readonly (readonly [string, boolean])[];
  readonly executing: {
    readonly failure: number;
    readonly stopped: string | null;
    readonly status: number;
    readonly whole: boolean;
  };
}

const EBADF = 9;
const ENOENT = 2;
const EAGAIN = 11;
const EFAULT = 14;

const MACHINES = [
  { machine: "x86-64", arch: "x64", emulators: ["qemu-x86_64-static", "qemu-x86_64"] },
  { machine: "arm64", arch: "arm64", emulators: ["qemu-aarch64-static", "qemu-aarch64"] },
] as const;

/** The usual interpreter, and the one that notes the times of its calls, which must do the same. */
const KINDS = ["plain", "clocked"] as const;

async function drive(machine: string, kind: string, emulator: string | undefined): Promise<Report> {
  const args = bunArguments(
    "test/support/proxy-driver.ts",
    machine,
    kind,
    ...(emulator === undefined ? [] : [emulator]),
  );
  const { stdout } = await promisify(execFile)(BUN, args, { timeout: 60_000 });
  return JSON.parse(stdout) as Report;
}

for (const { machine, arch, emulators, kind } of MACHINES.flatMap((one) =>
  KINDS.map((kind) => ({ ...one, kind })),
)) {
  const native = process.arch === arch;
  const emulator = native ? undefined : emulators.map(findProgram).find((path) => path !== undefined);
  const lacks = native || emulator !== undefined ? undefined : `no ${emulators[0]}: install qemu-user-static`;
  const skip = needsBun ?? lacks ?? false;

  t.test(
    `the ${machine} interpreter, ${kind}, ${native ? "natively" : "under QEMU"}`,
    { skip },
    async (t) => {
      const report = await drive(machine, kind, emulator);

      t.test("stops at the first failure, or goes on where that is allowed", async (t) => {
        const { pid, stop, stopped, goOn, passed } = report.stopping;
        t.strictSame(stop, [pid, -EBADF, null]);
        t.strictSame(goOn, [-EBADF, pid]);
        t.ok(stopped && passed);
      });

      t.test("tries again what says so, and not for ever", async (t) => {
        t.strictSame(report.tryingAgain, [-EAGAIN, 2]);
      });

      t.test("takes earlier results as arguments, in every place", async (t) => {
        t.strictSame(report.earlierResults, { content: "the second page", mode: "640", open: [-EBADF, 0] });
      });

      t.test("hands memory over both ways, and numbers of 64 bits", async (t) => {
        t.strictSame(report.memory, { far: 2 ** 40 + 7, first: "hello", second: " world", fault: -EFAULT });
      });

      t.test("makes what is the child's in the child only, and the parent's in the parent", async (t) => {
        const { pids, seenByParent, child, parent, reaped, status } = report.cloning;
        t.not(pids.child, pids.parent);
        t.strictSame(seenByParent, {
          before: [null, pids.parent],
          after: [null, pids.parent, pids.parent],
        });
        t.strictSame(child, [pids.child, null, pids.parent], "the child answers on its own socket");
        t.strictSame(parent, [null, pids.parent]);
        t.strictSame([reaped, status], [pids.child, 255], "and ends with its socket");
      });

      t.test("takes data of any size, and 1,400 operations at once", async (t) => {
        t.strictSame(report.large, { written: 1 << 20, same: true, many: true });
      });

      t.test("ends after the last batch, failed or not, and when it is let go", async (t) => {
        t.strictSame(report.ending, { answered: true, statuses: [255, 255, 255] });
      });

      t.test("executes with an environment of 1 MiB, or answers why not", async (t) => {
        t.strictSame(report.executing, { failure: -ENOENT, stopped: null, status: 0, whole: true });

        t.test("is told from a program of its name when both have ended", async (t) => {
          t.strictSame(report.endedBefore, [
            ["Z", false],
            ["Z", true],
          ]);
        });

        t.test("is ended by signals that it handles, with 128 and their number", async (t) => {
          t.strictSame(report.terminating, [
            [0, 129],
            [0, 143],
          ]);
        });
      });
    },
  );
}
