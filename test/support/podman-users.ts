// Users for Podman with subordinate ids, as an administrator would set them up, without a change to the host:
// their /etc/passwd and /etc/subuid cover the host's in a mount namespace that a process keeps, and /run is
// separate too. Storage that Podman mounts there disappears with it.

import { spawn, spawnSync } from "node:child_process";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

export interface User {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

const ORDINARY: User = { name: "podman-tests", uid: 64_201, gid: 64_201 };
/** A second group of the ordinary user. */
export const SECOND_GROUP: { readonly name: string; readonly gid: number } = {
  name: "podman-data",
  gid: 64_202,
};
/** The user whose ids `--userns=auto` takes: Podman's storage finds it by this name. */
const AUTOMATIC: User = { name: "containers", uid: 64_203, gid: 64_203 };
const IDS = [`${ORDINARY.name}:700000:65536`, `${AUTOMATIC.name}:800000:200000`];

export class PodmanUsers {
  readonly ordinary: User = ORDINARY;
  readonly #keeper: ReturnType<typeof spawn>;

  constructor(folder: string) {
    const etc = join(folder, "etc");
    mkdirSync(etc);
    for (const [name, text] of Object.entries(accounts())) writeFileSync(join(etc, name), text);
    const script = [
      'for name in passwd group subuid subgid; do [ -e "/etc/$name" ] || : >"/etc/$name"',
      'mount --bind "$1/$name" "/etc/$name" || exit; done',
      "mount -t tmpfs -o mode=755 tmpfs /run || exit",
      ': >"$1/ready"; exec sleep infinity',
    ].join("\n");
    const unshare = ["unshare", "--mount", "--propagation", "slave", "sh", "-c", script, "keeper", etc];
    // It ends when its parent ends, for whatever reason.
    this.#keeper = spawn("setpriv", ["--pdeathsig", "KILL", ...unshare], { stdio: "ignore" });
    const wait = 'for i in $(seq 2000); do [ -e "$1/ready" ] && exit; sleep 0.01; done; exit 1';
    if (spawnSync("sh", ["-c", wait, "wait", etc]).status !== 0) throw new Error("no users for Podman");
  }

  /** The path of that /run from outside. */
  get run(): string {
    return `/proc/${this.#keeper.pid}/root/run`;
  }

  /** The prefix of a command that needs the users. */
  get enter(): readonly string[] {
    return ["nsenter", `--mount=/proc/${this.#keeper.pid}/ns/mnt`, "--"];
  }

  close(): void {
    this.#keeper.kill("SIGKILL");
  }
}

function accounts(): Readonly<Record<"passwd" | "group" | "subuid" | "subgid", string>> {
  const users = [ORDINARY, AUTOMATIC];
  const lines = users.map(({ name, uid, gid }) => `${name}:x:${uid}:${gid}::/nonexistent:/bin/sh`);
  const own = users.map(({ name, gid }) => `${name}:x:${gid}:`);
  const second = `${SECOND_GROUP.name}:x:${SECOND_GROUP.gid}:${ORDINARY.name}`;
  return {
    passwd: after(readFileSync("/etc/passwd", "utf8"), lines),
    group: after(readFileSync("/etc/group", "utf8"), [...own, second]),
    subuid: after("", IDS),
    subgid: after("", IDS),
  };
}

function after(text: string, lines: readonly string[]): string {
  return `${text}${lines.join("\n")}\n`;
}
