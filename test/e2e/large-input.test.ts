// Configurations that are large, wrong in many places, or endless: the error is one line, and comes soon.

import { mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Test } from "tap";
import { behaviour, nothingLeft, refused, tsrunOnly } from "../support/behaviour.ts";
import type { Config, ConfigMount } from "../support/config.ts";
import { Container } from "../support/container.ts";
import type { Lab } from "../support/lab.ts";
import type { Result } from "../support/runtime.ts";

const NO_VALIDATE = tsrunOnly("has no validate");
const TELLS_ONE = tsrunOnly("tells the first fault alone");
const READS_ALL = tsrunOnly("reads a document of any size");

/** Twice what a person would call long, and far less than the lines that made a faster search necessary. */
const LONGEST_LINE = 12_000;
/** A quadratic search took fifty times as long on a quiet machine. */
const SOON_MS = 30_000;
const LARGE_MOUNTS = 5_000;

/** Tmpfs mounts below another tmpfs, each with the given faults. */
function mounts(count: number, more: Record<string, unknown> = {}): ConfigMount[] {
  return Array.from({ length: count }, (_, index) => {
    return { destination: `/tmp/${index}`, type: "tmpfs", source: "tmpfs", ...more };
  });
}

behaviour(
  "of thousands of unknown keys twenty are shown and the others counted",
  async (t, lab) => {
    const box = lab.container((config) => config.mounts.push(...mounts(4000, { optins: ["ro"] })));
    const begin = performance.now();
    const { code, stdout, stderr } = await lab.invoke(["validate", box.bundle], { timeoutMs: 60_000 });
    t.strictSame([code, stderr], [0, ""]);
    const lines = stdout.trimEnd().split("\n");
    t.equal(lines.length, 21);
    t.match(lines[0], /config\.json:\d+:7: warning: \/mounts\/6\/optins: unknown key "optins"/);
    t.match(lines[20], /no faults, 4000 warnings, of which 20 are shown$/);
    t.ok(performance.now() - begin < SOON_MS, "soon");
    const json = JSON.parse((await lab.invoke(["validate", "--json", box.bundle])).stdout);
    t.match(json, { valid: true, moreFaults: 0, moreWarnings: 3980, warnings: { length: 20 } });
  },
  NO_VALIDATE,
);

const WRONG: readonly [what: string, mount: Record<string, unknown>, told: RegExp][] = [
  [
    "a type",
    { destination: 5 },
    /: 4000 faults: \/mounts\/6\/destination \(line \d+ column 7\): must be a string/,
  ],
  ["a missing member", { destination: undefined }, /: 4000 faults: \/mounts\/6\/destination/],
  [
    "an option",
    { type: "bind", options: ["bind", "roo"] },
    /: 4000 faults: \/mounts\/6\/options\/1 .*did you mean "ro"/,
  ],
];

for (const [what, mount, told] of WRONG) {
  behaviour(
    `a configuration that is wrong in thousands of places, ${what}, is refused in one line`,
    async (t, lab) => {
      const box = lab.container((config) => config.mounts.push(...mounts(4000, mount)));
      const result = await box.create({ timeoutMs: SOON_MS });
      refused(t, result, told);
      t.match(result.stderr, /and 3980 more/);
      t.ok(result.stderr.length < LONGEST_LINE, `${result.stderr.length} characters`);
      await nothingLeft(t, lab, "of it");
    },
    TELLS_ONE,
  );
}

behaviour(
  "of a list of hundreds of thousands of wrong entries no more than needed is looked at",
  async (t, lab) => {
    const box = lab.container();
    const { process, mounts: _, ...rest } = box.config;
    const annotations = Object.fromEntries(Array.from({ length: 250_000 }, (_, index) => [`a${index}`, 1]));
    box.writeConfig(JSON.stringify({ ...rest, process, mounts: [], annotations }));
    const result = await box.create({ timeoutMs: SOON_MS });
    refused(t, result, /: at least \d+ faults: \/annotations\/a0 .*; and at least \d+ more/);
    await nothingLeft(t, lab, "of it");
  },
  TELLS_ONE,
);

/** Documents of nearly 4 MiB that consist of the entries of one list. */
const FULL: readonly [list: keyof typeof LISTS, entry: string, told: RegExp][] = [
  ["mounts", "{}", /at least \d+ faults, of which 20 are shown/],
  ["mounts", '{"x":1}', /at least \d+ faults, of which 20 are shown, \d+ warnings, of which 20/],
  ["mounts", "5", /at least \d+ faults, of which 20 are shown/],
  ["maskedPaths", '"x"', /at least \d+ faults, of which 20 are shown/],
];

/**
 * Processor time, as a multiple of what a faultless document of that size takes right before: a busy machine
 * takes longer for both. The fastest of the slow versions took ten times as long; four is the most now.
 */
const TIMES_FAULTLESS = 7;
/** Of `explain`, which prints all of it: 18 when it examined every character, 4.4 now. */
const EXPLAIN_TIMES_FAULTLESS = 9;

/** As `lab.invoke`, with the seconds of processor time: times(1) of a shell prints its children's last. */
async function invokeTimed(lab: Lab, words: readonly string[]): Promise<{ result: Result; seconds: number }> {
  const wrapper = ["sh", "-c", '"$@"; code=$?; times >&2; exit $code', "sh"];
  const result = await lab.invoke(words, { wrapper, timeoutMs: 120_000 });
  const line = result.stderr.trimEnd().split("\n").at(-1) ?? "";
  const times = [...line.matchAll(/(\d+)m([\d.]+)s/g)];
  return { result, seconds: times.reduce((sum, [, m, s]) => sum + 60 * Number(m) + Number(s), 0) };
}

/** Puts a list into a configuration; `["ALL"]` stands for its entries. */
const LISTS = {
  mounts: (config: Config) => ({ ...config, mounts: ["ALL"] }),
  maskedPaths: (config: Config) => ({
    ...config,
    mounts: [],
    linux: { ...config.linux, maskedPaths: ["ALL"] },
  }),
  prestart: (config: Config) => ({ ...config, hooks: { prestart: ["ALL"] } }),
};

/** A container whose configuration has a list of nearly 4 MiB, and how many entries that has. */
function filled(lab: Lab, list: keyof typeof LISTS, entry: string): { box: Container; count: number } {
  const box = lab.container();
  const count = Math.floor(4_180_000 / (entry.length + 1));
  const entries = Array.from({ length: count }, () => entry).join(",");
  box.writeConfig(JSON.stringify(LISTS[list](box.config)).replace('"ALL"', entries));
  return { box, count };
}

async function secondsOfFaultless(t: Test, lab: Lab): Promise<number> {
  const { box } = filled(lab, "maskedPaths", '"/x"');
  const { result, seconds } = await invokeTimed(lab, ["validate", box.bundle]);
  t.equal(result.code, 0, result.stdout);
  return seconds;
}

/**
 * Checks that a call takes less than so many times the processor time of a faultless document. Both are taken
 * anew, up to three times: somebody else may use the processor's caches during one of them.
 */
async function isSoon(
  t: Test,
  lab: Lab,
  words: readonly string[],
  times: number,
  check: (result: Result) => void,
): Promise<void> {
  for (let tried = 1; ; tried += 1) {
    const faultless = await secondsOfFaultless(t, lab);
    const { result, seconds } = await invokeTimed(lab, words);
    check(result);
    const isFast = seconds < times * faultless;
    if (!isFast && tried < 3) continue;
    t.ok(isFast, `${words.join(" ")}: ${seconds} s, faultless ${faultless} s`);
    return;
  }
}

behaviour(
  "whatever fills 4 MiB, what is wrong with it is told soon",
  async (t, lab) => {
    for (const [list, entry, told] of FULL) {
      const { box } = filled(lab, list, entry);
      await isSoon(t, lab, ["validate", box.bundle], TIMES_FAULTLESS, (result) => {
        t.equal(result.code, 1, `${list} of ${entry}`);
        t.match(result.stdout.trimEnd().split("\n").at(-1), told);
      });
    }
  },
  NO_VALIDATE,
);

behaviour(
  "whatever fills 4 MiB is explained soon, and whole",
  async (t, lab) => {
    const { box, count } = filled(lab, "prestart", '{"path":"/bin/true"}');
    await isSoon(t, lab, ["explain", box.bundle], EXPLAIN_TIMES_FAULTLESS, (result) => {
      t.equal(result.code, 0);
      t.equal(result.stdout.match(/^ {4}prestart {2}.*\/bin\/true .* on the host$/gm)?.length, count);
    });
  },
  tsrunOnly("has no explain"),
);

behaviour("ten thousand variables and five thousand mounts are no fault", async (t, lab) => {
  const box = lab.container((config) => {
    Container.script("env | grep -c ^VARIABLE_; wc -l </proc/self/mountinfo")(config);
    const variables = Array.from(
      { length: 10_000 },
      (_, index) => `VARIABLE_${index}=a value of a usual length`,
    );
    config.process.env?.push(...variables);
    config.mounts.push({ destination: "/tmp", type: "tmpfs", source: "tmpfs" }, ...mounts(LARGE_MOUNTS));
  });
  const { code, stdout, stderr } = await box.run({ timeoutMs: 120_000 });
  t.strictSame([code, stderr], [0, ""]);
  const [variables, mounted] = stdout.trim().split("\n").map(Number);
  t.equal(variables, 10_000);
  t.ok((mounted ?? 0) > LARGE_MOUNTS, `${mounted} mounts`);
});

behaviour("more than one message holds, and more than a call takes, is no fault", async (t, lab) => {
  const marks = join(lab.folder, "marks");
  const many = (count: number, of: (index: number) => string) =>
    Array.from({ length: count }, (_, index) => of(index));
  const box = lab.container((config) => {
    config.process.args = ["/bin/true"];
    config.linux.maskedPaths = many(1500, (index) => `/proc/none-${index}`);
    config.linux.readonlyPaths = many(70_000, (index) => `/proc/neither-${index}`);
    const counts = ["/bin/sh", "-c", `env | grep -c ^V >${marks}`];
    config.hooks = {
      prestart: [
        {
          path: "/bin/sh",
          args: counts,
          env: ["PATH=/usr/bin:/bin", ...many(70_000, (index) => `V${index}=`)],
        },
      ],
    };
  });
  const { code, stderr } = await box.run({ timeoutMs: 120_000 });
  t.strictSame([code, stderr], [0, ""]);
  t.equal(readFileSync(marks, "utf8"), "70000\n");
  await nothingLeft(t, lab, "after run");
});

behaviour(
  "of hundreds of sysctls the one that is wrong is told",
  async (t, lab) => {
    const box = lab.container((config) => {
      const sysctl = Array.from({ length: 800 }, (_, index) => [`net.ipv4.none-${index}`, "1"]);
      config.linux.sysctl = Object.fromEntries(sysctl);
    });
    refused(t, await box.create(), /cannot set sysctl "net\.ipv4\.none-0" to "1": .*ENOENT/);
    await nothingLeft(t, lab, "of it");
  },
  tsrunOnly("has other words"),
);

behaviour(
  "a document of more than 4 MiB is refused, and one without an end as well",
  async (t, lab) => {
    const box = lab.container();
    const tooLarge = /cannot use .*: it is larger than 4 MiB/;
    box.writeConfig(`${JSON.stringify(box.config)}${" ".repeat(4 * 1024 * 1024)}`);
    refused(t, await box.create(), tooLarge);
    await refusesEndless(lab, (result, code) => refused(t, result, tooLarge, code));
    await nothingLeft(t, lab, "of either");
  },
  READS_ALL,
);

type Check = (result: Result, code?: number) => void;

/** Checks every command that reads a document. */
async function refusesEndless(lab: Lab, check: Check): Promise<void> {
  const box = lab.container(Container.script("read line"));
  await box.create();
  const endless = join(lab.folder, "endless");
  symlinkSync("/dev/zero", endless);
  check(await lab.invoke(["exec", "--process", endless, box.id]), 255);
  check(await lab.invoke(["update", "--resources", endless, box.id]));
  check(await lab.invoke(["update", "--resources", "-", box.id], { stdin: "/dev/zero" }));
  check(await lab.invoke(["explain", bundleOf(lab, endless)]));
  check(await lab.invoke(["validate", "--config", endless]));
  await lab.invoke(["delete", "--force", box.id]);
}

/** A bundle with this configuration. */
function bundleOf(lab: Lab, config: string): string {
  const { bundle } = lab.container();
  rmSync(join(bundle, "config.json"));
  symlinkSync(config, join(bundle, "config.json"));
  return bundle;
}

behaviour(
  "a program that is not found is not compared with hundreds of long names for long",
  async (t, lab) => {
    const name = (end: string): string => "a".repeat(240) + end.padStart(15, "0");
    const box = lab.container((config) => {
      config.process.args = [`/many/${name("x".repeat(15))}`];
    });
    mkdirSync(join(box.rootfs, "many"));
    for (let index = 0; index < 500; index++) writeFileSync(join(box.rootfs, "many", name(`${index}`)), "");
    const create = ["--log", `${lab.folder}/log`, "create", "--bundle", box.bundle, box.id];
    const { result, seconds } = await invokeTimed(lab, create);
    t.equal(result.code, 1);
    t.match(result.stderr, /no such file or directory: the container has no "/);
    // It took 8 s with a whole table for each name.
    t.ok(seconds < 2, `${seconds} s`);
    await nothingLeft(t, lab, "of it");
  },
  tsrunOnly("names no cause"),
);

behaviour(
  "a text of megabytes that is not UTF-8 is read and refused soon",
  async (t, lab) => {
    for (const [size, line] of [
      [1_500_000, /cannot keep the state: it is larger than 8 MiB/],
      [5_000_000, /larger than 4 MiB/],
    ] as const) {
      const box = lab.container();
      const text = JSON.stringify({ ...box.config, annotations: { key: "BYTES" } });
      const [before = "", after = ""] = text.split("BYTES");
      const bytes = Buffer.alloc(size, 0xff);
      writeFileSync(
        join(box.bundle, "config.json"),
        Buffer.concat([Buffer.from(before), bytes, Buffer.from(after)]),
      );
      const create = ["--log", `${lab.folder}/log`, "create", "--bundle", box.bundle, box.id];
      const { result, seconds } = await invokeTimed(lab, create);
      t.equal(result.code, 1);
      t.match(result.stderr, line);
      // It took 3 s when each byte became an array.
      t.ok(seconds < 1, `${seconds} s`);
      await nothingLeft(t, lab, "of it");
    }
  },
  READS_ALL,
);
