// Whether an ordinary user may map more ids than its own. That takes ranges of subordinate ids, and shadow's
// programs that write the maps (subuid(5), newuidmap(1)).

import { tryCall } from "../linux/call/call.ts";
import { readTextIfThere, status } from "../linux/files/files.ts";
import { findInPath } from "../linux/process/find-in-path.ts";
import type { Line } from "./model.ts";

const SET_ID = 0o4000;
const COSTS = "only the user's own id can be mapped, so images with files of other owners do not work";

export function idLines(uid: number): Line[] {
  const user = { uid, name: nameOf(uid) };
  // If root asks, the answer is for ordinary users in general; root itself needs no range.
  const ranges = uid === 0 ? [] : [rangeLine("/etc/subuid", user), rangeLine("/etc/subgid", user)];
  return [...ranges, programLine("newuidmap"), programLine("newgidmap")];
}

interface User {
  readonly uid: number;
  readonly name: string;
}

function nameOf(uid: number): string {
  for (const line of (readTextIfThere("/etc/passwd", { most: MOST }) ?? "").split("\n")) {
    const [name = "", , id] = line.split(":");
    if (id === `${uid}`) return name;
  }
  return `${uid}`;
}

/** At most this many bytes of /etc/passwd and /etc/subuid are read. */
const MOST = 4 << 20;

function rangeLine(file: string, { uid, name }: User): Line {
  const short = file.slice("/etc/".length);
  const line = { id: `ids.${short}`, topic: "ids", what: `${file} of ${name}` } as const;
  const sizes = (readTextIfThere(file, { most: MOST }) ?? "").split("\n").flatMap((row) => {
    const [who, , count] = row.split(":");
    return who === name || who === `${uid}` ? [Number(count)] : [];
  });
  const sum = sizes.reduce((total, size) => total + (Number.isSafeInteger(size) ? size : 0), 0);
  const mend = `as root: usermod --add-${short}s 100000-165535 ${name}`;
  if (sum === 0) return { ...line, health: "lacking", found: "no range", costs: COSTS, mend };
  if (sum < 65_536) {
    const costs = `ids above ${sum} in an image cannot be mapped`;
    return { ...line, health: "lesser", found: `${sum} ids`, costs, mend };
  }
  return { ...line, health: "well", found: `${sum} ids` };
}

function programLine(program: string): Line {
  const line = { id: `ids.${program}`, topic: "ids", what: program } as const;
  const path = findInPath(program);
  if (path === undefined) {
    const mend = "install it: package uidmap of Debian and Ubuntu, shadow-utils of Fedora";
    return { ...line, health: "lacking", found: "missing", costs: COSTS, mend };
  }
  const isSetId = ((status(path)?.mode ?? 0) & SET_ID) !== 0;
  const hasCapability = tryCall("getxattr", path, "security.capability", 0, 0) > 0;
  if (isSetId || hasCapability) return { ...line, health: "well", found: path };
  const found = `${path}, which is neither set-user-ID nor has a capability`;
  return { ...line, health: "lacking", found, costs: COSTS, mend: `as root: chmod u+s ${path}` };
}
