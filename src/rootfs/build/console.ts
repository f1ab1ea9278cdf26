// /dev/console, covered with the container's terminal. Called by create when the container has one, inside
// its root.

import { TsrunError } from "../../errors.ts";
import { parseStatx } from "../../linux/files/files.ts";
import { AT_EMPTY_PATH, AT_FDCWD, O_NOFOLLOW, O_PATH, S_IFLNK, S_IFREG } from "../../linux/numbers/fcntl.ts";
import { close, mknodat, openat, statx } from "../../proxy/calls/calls.ts";
import { operationError, orGoOn, resultOf } from "../../proxy/calls/operation.ts";
import type { Step } from "../../proxy/step.ts";
import { adapt } from "../place/adapt.ts";
import type { RootContext } from "../place/context.ts";
import { cover } from "./seal.ts";

/**
 * Mounts the terminal on /dev/console as well, by descriptor: the file at that path is neither followed nor
 * opened for reading, only covered (CVE-2025-52565).
 */
export function coverConsole(context: RootContext, slave: number): void {
  const attempt = `mount the terminal on "/dev/console"`;
  const file = { mode: S_IFREG | 0o600, major: 0, minor: 0 };
  const made = orGoOn(mknodat(AT_FDCWD, "/dev/console", file, attempt));
  const place = openat(AT_FDCWD, "/dev/console", O_PATH | O_NOFOLLOW, attempt);
  const found = statx(place, "", AT_EMPTY_PATH, attempt);
  const stopped = context.proxy.attempt([made, place, found]);
  if (stopped !== undefined) throw operationError(stopped);
  if (parseStatx(found.out.bytes).type === S_IFLNK) {
    throw new TsrunError("E_CONFIG", `cannot ${attempt}: it is a symbolic link`, {
      hint: "remove it from the image, or from what is mounted on /dev",
    });
  }
  const target = resultOf(place);
  const covering: Step = {
    operations: () => [...cover(context, [slave, target], attempt), close(target)],
    recover: (failed) => {
      if (!adapt(context, failed)) throw operationError(failed);
    },
  };
  context.proxy.ask(covering);
}
