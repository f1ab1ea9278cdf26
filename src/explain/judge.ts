// Decides whether a difference from the usual configuration lets a container reach more or less. A difference
// that is neither, or may be either, is `other`. Pure; called by compare.ts.

import type { Difference, Row } from "./model.ts";

/**
 * At least one of the rows is given; without `row`, the usual one is missing. Returns `undefined` to not
 * mark it.
 */
type Judge = (row: Row | undefined, usual: Row | undefined) => Difference | undefined;

const JUDGES: Readonly<Record<string, Judge>> = {
  namespaces: (row, usual) => {
    if (row?.from === "new") return "narrower";
    return usual?.from === "new" ? "wider" : "other";
  },
  "network-devices": () => "wider",
  mounts: judgeMount,
  devices: (row, usual) => (row === undefined ? "narrower" : usual === undefined ? "wider" : "other"),
  limits: (row) => judgeLimit(row),
  "device-access": (row, usual) => byWords(listed(row?.access, ", "), listed(usual?.access, ", ")) ?? "other",
  rlimits: (row, usual) => (row === undefined || usual === undefined ? "other" : byNumber(row, usual)),
  paths: (row, usual) => {
    if (row === undefined || usual === undefined) return usual === undefined ? "narrower" : "wider";
    return row.becomes === "hidden" ? "narrower" : "wider";
  },
  root: (row) => (row?.name === "root" ? (row.value === "writable" ? "wider" : "narrower") : "other"),
  identity: judgeIdentity,
  capabilities: (row, usual) => byWords(listed(row?.sets, ", "), listed(usual?.sets, ", ")) ?? "other",
  "dropped-capabilities": () => "narrower",
};

export function judge(topic: string, row: Row | undefined, usual: Row | undefined): Difference | undefined {
  const decide = JUDGES[topic];
  return decide === undefined ? "other" : decide(row, usual);
}

/** Flags of a mount that take rights away. */
const CLOSING = ["ro", "nosuid", "nodev", "noexec"];

function judgeMount(row: Row | undefined, usual: Row | undefined): Difference {
  if (row === undefined) return "other";
  const isHosts = (one: Row | undefined): boolean => one?.what?.startsWith("the host's ") === true;
  if (isHosts(row) && !isHosts(usual)) return "wider";
  if (usual === undefined || row.what !== usual.what) return "other";
  const closing = (one: Row): string[] => {
    const flags = listed(one.flags, ",");
    const isReadonly = one.note?.includes("ro when all is in place") === true;
    return CLOSING.filter((flag) => flags.includes(flag) || (flag === "ro" && isReadonly));
  };
  // The order is reversed: one more flag is one right less.
  return byWords(closing(usual), closing(row)) ?? "other";
}

const SHARES = /weight|shares|idle|memory\.(low|min|soft)|burst|net_|rt_/;

/** A limit takes something away, unless it means no limit. A share or a guarantee does not. */
function judgeLimit(row: Row | undefined): Difference {
  const { file = "", value = "" } = row ?? {};
  const isNone = value === "-1" || value.startsWith("max");
  return isNone || SHARES.test(file) ? "other" : "narrower";
}

function judgeIdentity(row: Row | undefined, usual: Row | undefined): Difference | undefined {
  switch (row?.what) {
    case "user":
      return usual?.becomes?.startsWith("0,") === true ? "narrower" : "other";
    case "no_new_privs":
      return row.becomes?.startsWith("set") === true ? "narrower" : "wider";
    case "AppArmor":
    case "SELinux":
      return "narrower";
    default:
      return "other";
  }
}

function byNumber(row: Row, usual: Row): Difference {
  const [now = 0, before = 0] = [row, usual].map(({ hard = "", soft = "" }) => limitOf(hard) + limitOf(soft));
  if (now === before) return "other";
  return now > before ? "wider" : "narrower";
}

function limitOf(words: string): number {
  return words === "unlimited" ? Number.POSITIVE_INFINITY : Number.parseInt(words, 10);
}

/**
 * Wider if only `now` has words that the other lacks, narrower if only `before` has; otherwise `undefined`.
 */
function byWords(now: readonly string[], before: readonly string[]): Difference | undefined {
  const more = now.some((word) => !before.includes(word));
  const less = before.some((word) => !now.includes(word));
  if (more === less) return undefined;
  return more ? "wider" : "narrower";
}

function listed(words: string | undefined, separator: string): string[] {
  return words === undefined || words === "" ? [] : words.split(separator);
}
