// The broken bundles of bundle-fixtures/broken/: reads their descriptions, makes the bundles, and judges what
// a runtime says about them. docs/errors.md has the rule.

import {
  chmodSync,
  chownSync,
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { baseConfig, type Config, type ConfigMount, mapIds } from "./config.ts";
import type { Container } from "./container.ts";
import { imageOf } from "./elf-images.ts";
import type { Lab } from "./lab.ts";
import type { Result } from "./runtime.ts";

const FOLDER = "bundle-fixtures/broken";
/** What runtimes have said, by name. */
export const RESULTS = `${FOLDER}/results`;

/** A file of a root file system, of a volume or of the bundle. */
interface BrokenFile {
  readonly text?: string;
  /** In hexadecimal digits. */
  readonly bytes?: string;
  /** `own`, `foreign`, `cut`, or the path of the loader that it asks for. */
  readonly elf?: string;
  readonly link?: string;
  readonly folder?: true;
  readonly mode?: string;
  readonly owner?: number;
  /** Somebody has it open for writing meanwhile. */
  readonly heldOpen?: true;
}

type Files = Readonly<Record<string, BrokenFile>>;

export interface Broken {
  readonly name: string;
  /** What is broken, in words. */
  readonly what: string;
  /** Below the root file system. */
  readonly files?: Files;
  /** Below the bundle's folder `volume`. */
  readonly volume?: Files;
  readonly bundle?: Files;
  /** Merged into the tests' base configuration as RFC 7386 has it; further mounts come after its own. */
  readonly config?: Readonly<Record<string, unknown>>;
  readonly mounts?: readonly ConfigMount[];
  readonly namespacePaths?: Readonly<Record<string, string>>;
  readonly withoutNamespaces?: readonly string[];
  /** Ids 0 to 65535 are mapped to themselves. */
  readonly userNamespace?: true;
  /** Sysctls below /proc/sys/user, for a user namespace around the runtime. */
  readonly limits?: Readonly<Record<string, number>>;
  /** `run` when absent. */
  readonly command?: "create";
  /** What stands in config.json, or that there is none. */
  readonly text?: "cut" | "none";
  /** The three that are looked for: a text, and two regular expressions without regard to case. */
  readonly thing: string;
  readonly cause: string;
  readonly next: string;
}

export interface Judgement {
  readonly thing: boolean;
  readonly cause: boolean;
  readonly next: boolean;
}

export function readBroken(): Broken[] {
  return readdirSync(FOLDER)
    .filter((file) => file.endsWith(".json"))
    .sort()
    .map((file) => {
      const text = readFileSync(join(FOLDER, file), "utf8");
      return { name: file.slice(0, -".json".length), ...JSON.parse(text) } as Broken;
    });
}

/** Makes the bundle, has the runtime try it, and returns all that a caller gets to see. */
export async function tryBroken(lab: Lab, broken: Broken): Promise<{ result: Result; said: string }> {
  const box = lab.container();
  for (const [path, file] of Object.entries(broken.files ?? {})) place(lab, join(box.rootfs, path), file);
  if (broken.volume !== undefined) mkdirSync(join(box.bundle, "volume"));
  for (const [path, file] of Object.entries(broken.volume ?? {})) {
    place(lab, join(box.bundle, "volume", path), file);
  }
  for (const [path, file] of Object.entries(broken.bundle ?? {})) place(lab, join(box.bundle, path), file);
  writeBroken(box, broken);
  const log = join(lab.folder, "log.json");
  const options = {
    globals: ["--log", log, "--log-format", "json"],
    ...(broken.limits === undefined ? {} : { wrapper: limiting(broken.limits) }),
  };
  const result = await (broken.command === "create" ? box.create(options) : box.run(options));
  return { result, said: `${errorsIn(log)}\n${result.stderr}` };
}

export function judge(said: string, { thing, cause, next }: Broken): Judgement {
  return {
    thing: said.includes(thing.replace(/^@BUNDLE/, "")),
    cause: new RegExp(cause, "i").test(said),
    next: new RegExp(next, "i").test(said),
  };
}

/** The messages of the errors in a log of JSON lines, as containerd takes them from it. */
function errorsIn(log: string): string {
  let text = "";
  try {
    text = readFileSync(log, "utf8");
  } catch {
    // None was written.
  }
  const messages = text.split("\n").flatMap((line) => {
    try {
      return [(JSON.parse(line) as { msg?: string }).msg ?? ""];
    } catch {
      return [];
    }
  });
  return messages.join("\n");
}

function writeBroken(box: Container, broken: Broken): void {
  const { config, mounts = [], namespacePaths = {}, withoutNamespaces = [], text } = broken;
  const here = box.bundle;
  const base = baseConfig(box.id);
  if (broken.userNamespace === true) mapIds(base, 0, broken.limits === undefined ? 65536 : 1);
  const merged = expand(merge(base, config ?? {}), here) as Config;
  merged.mounts.push(...(expand(mounts, here) as ConfigMount[]));
  merged.linux.namespaces = merged.linux.namespaces.filter(({ type }) => !withoutNamespaces.includes(type));
  for (const namespace of merged.linux.namespaces) {
    const path = namespacePaths[namespace.type];
    if (path !== undefined) namespace.path = path.replace("@BUNDLE", here);
  }
  const document = JSON.stringify(merged, null, 2);
  if (text === "none") rmSync(join(here, "config.json"));
  else if (text === "cut") box.writeConfig(document.slice(0, document.length / 2));
  else box.writeConfig(document);
}

/** RFC 7386. */
function merge(target: unknown, patch: unknown): unknown {
  if (typeof patch !== "object" || patch === null || Array.isArray(patch)) return patch;
  const result: Record<string, unknown> = { ...(typeof target === "object" ? target : {}) };
  for (const [key, value] of Object.entries(patch)) {
    if (value === null) delete result[key];
    else result[key] = merge(result[key], value);
  }
  return result;
}

/** Texts that are too long for a file, and the path of the bundle. */
function expand(value: unknown, bundle: string): unknown {
  if (typeof value === "string") return value.replaceAll("@BUNDLE", bundle);
  if (typeof value !== "object" || value === null) return value;
  if (Array.isArray(value)) return value.map((one) => expand(one, bundle));
  const { repeat, times } = value as { repeat?: string; times?: number };
  if (repeat !== undefined) return repeat.repeat(times ?? 1);
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, expand(one, bundle)]));
}

/** A user namespace around the runtime whose limits are these. */
function limiting(limits: Readonly<Record<string, number>>): string[] {
  const lines = Object.entries(limits).map(([name, value]) => `echo ${value} >/proc/sys/user/${name}`);
  return ["unshare", "--user", "--map-root-user", "sh", "-c", `${lines.join("; ")}; exec "$@"`, "sh"];
}

function place(lab: Lab, path: string, file: BrokenFile): void {
  const { text, bytes, elf, link, folder, mode = "0644", owner, heldOpen } = file;
  mkdirSync(dirname(path), { recursive: true });
  if (link !== undefined) {
    symlinkSync(link, path);
    return;
  }
  if (folder === true) mkdirSync(path);
  else if (text !== undefined) writeFileSync(path, text);
  else if (bytes !== undefined) writeFileSync(path, Buffer.from(bytes, "hex"));
  else writeFileSync(path, imageOf(elf ?? "own"));
  if (owner !== undefined) chownSync(path, owner, owner);
  chmodSync(path, Number.parseInt(mode, 8));
  if (heldOpen !== true) return;
  const held = openSync(path, "r+");
  lab.atClose(() => closeSync(held));
}
