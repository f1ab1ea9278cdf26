// A root filesystem of one static busybox and its names. Each container gets a tree of its own, because the
// runtime may make mount points and device nodes in it; the program itself is a hard link to one copy per
// test process.

import {
  chmodSync,
  copyFileSync,
  existsSync,
  linkSync,
  mkdirSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { findProgram } from "./host.ts";

const APPLETS = [
  ..."[ basename cat chmod chown cut dd df echo env expr false find grep head hostname id ip kill".split(" "),
  ..."ln ls mkdir mknod mount mv nice printf ps pwd readlink realpath rm seq sh sleep stat sync tail".split(
    " ",
  ),
  ..."tee test touch tr true umount uname wc xargs yes".split(" "),
];

const FOLDERS = "bin dev dev/pts etc proc root run sys tmp usr/bin var".split(" ");

/** The static busybox of Debian's busybox-static, or nothing. */
export function busybox(): string | undefined {
  const found = findProgram("busybox");
  return found !== undefined && existsSync(found) ? found : undefined;
}

/** Makes the tree at `path`; `store` is a folder on the same filesystem that keeps the copy to link to. */
export function makeRootfs(path: string, store: string): void {
  for (const folder of FOLDERS) mkdirSync(join(path, folder), { recursive: true, mode: 0o755 });
  chmodSync(join(path, "tmp"), 0o1777);
  linkSync(storedBusybox(store), join(path, "bin/busybox"));
  for (const name of APPLETS) symlinkSync("busybox", join(path, "bin", name));
  writeFileSync(join(path, "etc/passwd"), "root:x:0:0:root:/root:/bin/sh\nuser:x:1000:1000::/tmp:/bin/sh\n");
  writeFileSync(join(path, "etc/group"), "root:x:0:\nuser:x:1000:\n");
}

function storedBusybox(store: string): string {
  const copy = join(store, "busybox");
  if (existsSync(copy)) return copy;
  const source = busybox();
  if (source === undefined) throw new Error("no busybox on this machine");
  copyFileSync(source, copy);
  chmodSync(copy, 0o755);
  return copy;
}
