// Runs a bundle of bundle-fixtures/ with the built binary: `bun scripts/run-bundle.ts NAME
// [plain|userns|rootless]`. The variants are made from the same bundle: `userns` maps the container to host
// ids from 100000 on, `rootless` runs as an ordinary user. They run on a copy in a temporary directory that
// the other user can reach.

import { spawnSync } from "node:child_process";
import {
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { basename, join, resolve } from "node:path";

type Variant = "plain" | "userns" | "rootless";

interface BundleConfig {
  linux: { namespaces: { type: string }[]; uidMappings?: IdMapping[]; gidMappings?: IdMapping[] };
}

interface IdMapping {
  readonly containerID: number;
  readonly hostID: number;
  readonly size: number;
}

const USERNS_HOST_ID = 100_000;
/** Debian's `nobody`: the ordinary user of the rootless variant, if the caller is root. */
const NOBODY = 65_534;
const uid = process.geteuid?.() ?? 0;
const gid = process.getegid?.() ?? 0;

function main(): number {
  const [name = "hello", asked = uid === 0 ? "plain" : "rootless"] = process.argv.slice(2);
  const variant = readVariant(asked);
  const binary = resolve(process.env.RUNTIME ?? "dist/tsrun");
  const bundle = resolve("bundle-fixtures", name);
  const id = `${basename(bundle)}-${process.pid}`;
  if (variant === "plain") return call([binary, "run", "--bundle", bundle, id], process.env);

  const folder = mkdtempSync(join(tmpdir(), "tsrun-bundle-"));
  try {
    chmodSync(folder, 0o755);
    const copy = join(folder, "bundle");
    cpSync(bundle, copy, { recursive: true, verbatimSymlinks: true });
    const program = join(folder, basename(binary));
    cpSync(binary, program);
    const command = [program, "run", "--bundle", copy, id];
    return variant === "userns" ? runMapped(command, copy) : runRootless(command, copy, folder);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function readVariant(text: string): Variant {
  if (text === "plain" || text === "userns" || text === "rootless") return text;
  throw new Error(`"${text}" is none of the variants plain, userns, rootless`);
}

function runMapped(command: readonly string[], bundle: string): number {
  mapIds(bundle, USERNS_HOST_ID, USERNS_HOST_ID, 65_536);
  return call(command, process.env);
}

/** Mapping only the caller's own id needs no helper program and no entry in /etc/subuid. */
function runRootless(command: readonly string[], bundle: string, folder: string): number {
  const user = uid === 0 ? { uid: NOBODY, gid: NOBODY } : { uid, gid };
  mapIds(bundle, user.uid, user.gid, 1);
  const runtimeDir = join(folder, "run");
  mkdirSync(runtimeDir, { mode: 0o700 });
  chownSync(runtimeDir, user.uid, user.gid);
  const env = { PATH: process.env.PATH, XDG_RUNTIME_DIR: runtimeDir };
  const become = ["setpriv", `--reuid=${user.uid}`, `--regid=${user.gid}`, "--clear-groups"];
  return call(uid === 0 ? [...become, ...command] : command, env);
}

function mapIds(bundle: string, hostUid: number, hostGid: number, size: number): void {
  const path = join(bundle, "config.json");
  const config = JSON.parse(readFileSync(path, "utf8")) as BundleConfig;
  config.linux.namespaces.push({ type: "user" });
  config.linux.uidMappings = [{ containerID: 0, hostID: hostUid, size }];
  config.linux.gidMappings = [{ containerID: 0, hostID: hostGid, size }];
  writeFileSync(path, JSON.stringify(config, null, 2));
}

function call(command: readonly string[], env: NodeJS.ProcessEnv): number {
  const { status, error } = spawnSync(command[0] ?? "", command.slice(1), { stdio: "inherit", env });
  if (error !== undefined) writeSync(2, `${error.message}\n`);
  return status ?? 1;
}

process.exitCode = main();
