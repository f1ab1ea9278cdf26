// The cache of filters below the state root: which files are used, and which are removed.

import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { decodeEntry, entryName } from "../../src/seccomp/filter.ts";
import { behaviour, tsrunOnly } from "../support/behaviour.ts";
import { Container as Box, type Container } from "../support/container.ts";
import type { Lab } from "../support/lab.ts";
import { runtimePath } from "../support/runtime.ts";

const NO_CACHE = tsrunOnly("keeps no filters");
const MOST_ENTRIES = 64;

/** A container whose filter refuses mkdir, and whose program says whether it does. */
function filtered(lab: Lab): Container {
  return lab.container((config) => {
    Box.script("mkdir /tmp/x 2>/dev/null || echo refused")(config);
    const syscalls = [{ names: ["mkdir", "mkdirat"], action: "SCMP_ACT_ERRNO", errnoRet: 1 }];
    config.linux.seccomp = { defaultAction: "SCMP_ACT_ALLOW", syscalls };
  });
}

function cacheOf(lab: Lab): string {
  return join(lab.stateRoot, ".cache/seccomp");
}

behaviour(
  "a filter in a file that others can write is compiled again",
  async (t, lab) => {
    t.equal((await filtered(lab).run()).stdout, "refused\n");
    const [name = "", ...others] = readdirSync(cacheOf(lab));
    t.strictSame(others, []);
    const entry = join(cacheOf(lab), name);
    const before = statSync(entry).ino;
    t.equal((await filtered(lab).run()).stdout, "refused\n");
    t.equal(statSync(entry).ino, before, "one of our own alone is believed");
    for (const mode of [0o602, 0o620]) {
      chmodSync(entry, mode);
      t.equal((await filtered(lab).run()).stdout, "refused\n");
      t.equal(statSync(entry).mode & 0o777, 0o600, `mode ${mode.toString(8)}: written anew`);
    }
  },
  NO_CACHE,
);

behaviour(
  "a file has the name and the checksum that TypeScript reckons, though C did it",
  async (t, lab) => {
    t.equal((await filtered(lab).run()).stdout, "refused\n");
    const [name = ""] = readdirSync(cacheOf(lab));
    const entry = readFileSync(join(cacheOf(lab), name));
    const key = entry.subarray(entry.indexOf("tsrun seccomp cache")).toString();
    t.equal(entryName(key), name);
    t.ok(decodeEntry(new Uint8Array(entry), key), "it is whole");
  },
  NO_CACHE,
);

behaviour(
  "a filter of another tsrun, which may have another libseccomp in it, is compiled again",
  async (t, lab) => {
    t.equal((await filtered(lab).run()).stdout, "refused\n");
    const copy = join(lab.folder, "tsrun");
    const script = `cp ${runtimePath} ${copy} && mount --bind ${copy} ${runtimePath} && exec "$@"`;
    const wrapper = ["unshare", "--mount", "sh", "-c", script, "sh"];
    t.equal((await filtered(lab).run({ wrapper })).stdout, "refused\n");
    t.equal(readdirSync(cacheOf(lab)).length, 2, "each has its own");
  },
  NO_CACHE,
);

behaviour(
  "the oldest filters go when there are too many, and the newest stays",
  async (t, lab) => {
    mkdirSync(cacheOf(lab), { recursive: true, mode: 0o700 });
    const old = Array.from({ length: MOST_ENTRIES }, (_, index) => join(cacheOf(lab), `old-${index}`));
    for (const [index, path] of old.entries()) {
      writeFileSync(path, "", { mode: 0o600 });
      utimesSync(path, 1_000_000 + index, 1_000_000 + index);
    }
    t.equal((await filtered(lab).run()).stdout, "refused\n");
    t.strictSame(old.map((path) => existsSync(path)).indexOf(true), 1, "the oldest alone is gone");
    t.equal(
      readdirSync(cacheOf(lab)).filter((name) => !name.startsWith("old-")).length,
      1,
      "the new one stays",
    );
  },
  NO_CACHE,
);
