// Reads the settings of `make bench` from the environment: which runtimes and rows, and under which
// conditions.

import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { findProgram } from "../support/host.ts";
import { CGROUPS, type Cgroups, ROWS, type Row } from "./results.ts";

export interface Peer {
  readonly name: string;
  readonly path: string;
}

export interface Knobs {
  readonly rounds: number;
  readonly rows: readonly Row[];
  readonly cgroups: readonly Cgroups[];
  readonly seccomp: readonly boolean[];
  readonly busy: readonly boolean[];
  /** The first is tsrun, which is compared with the others. */
  readonly peers: readonly Peer[];
  /** The names of runtimes that are not on this machine. */
  readonly missing: readonly string[];
  /** The folder of the libraries that the peers were built with; empty for those of this machine. */
  readonly libraries: string;
  /** Whether the results become those that are checked in. */
  readonly save: boolean;
}

/** The folders of libraries in a Debian tree. */
const LIBRARIES = { x64: "usr/lib/x86_64-linux-gnu", arm64: "usr/lib/aarch64-linux-gnu" };

export function readKnobs(environment: Readonly<Record<string, string | undefined>>): Knobs {
  const { N = "20", TREE = "", BASE = "", SAVE = "" } = environment;
  const tree = TREE === "" ? "" : resolve(TREE, "sid");
  const wanted: readonly [string, string | undefined][] = [
    ["tsrun", resolve("dist/tsrun")],
    ...(BASE === "" ? [] : [["base", resolve(BASE)] as [string, string]]),
    ["runc", peerPath("runc", environment.RUNC, tree)],
    ["crun", peerPath("crun", environment.CRUN, tree)],
  ];
  const rounds = Number(N);
  if (!Number.isInteger(rounds) || rounds < 1) throw new Error(`N=${N} is no number of rounds`);
  const peers = wanted.flatMap(([name, path]) =>
    path !== undefined && existsSync(path) ? [{ name, path }] : [],
  );
  return {
    rounds,
    rows: chosenRows(words(environment.ROWS)),
    cgroups: choose("CGROUP", environment.CGROUP, CGROUPS),
    seccomp: choose("SECCOMP", environment.SECCOMP, ["0", "1"]).map((word) => word === "1"),
    busy: choose("BUSY", environment.BUSY, ["0", "1"]).map((word) => word === "1"),
    peers,
    missing: wanted.map(([name]) => name).filter((name) => !peers.some((peer) => peer.name === name)),
    libraries: tree === "" ? "" : resolve(tree, LIBRARIES[process.arch as keyof typeof LIBRARIES]),
    save: SAVE === "1",
  };
}

/** A path, a name in PATH, or by default the program of the tree or of PATH. */
function peerPath(name: string, asked: string | undefined, tree: string): string | undefined {
  if (asked?.includes("/")) return resolve(asked);
  if (tree !== "") return resolve(tree, "usr/bin", name);
  return findProgram(asked === undefined || asked === "" ? name : asked);
}

/** The rows whose names contain one of the words; without words all. */
function chosenRows(parts: readonly string[]): Row[] {
  const chosen = ROWS.filter((row) => parts.length === 0 || parts.some((part) => row.includes(part)));
  if (chosen.length === 0) throw new Error(`no row has a name like "${parts.join(" ")}": ${ROWS.join(", ")}`);
  return chosen;
}

function choose<Word extends string>(
  name: string,
  asked: string | undefined,
  all: readonly Word[],
): readonly Word[] {
  const chosen = words(asked);
  const unknown = chosen.find((word) => !all.some((one) => one === word));
  if (unknown !== undefined) throw new Error(`${name}=${unknown} is none of ${all.join(", ")}`);
  return chosen.length === 0 ? all : all.filter((one) => chosen.includes(one));
}

function words(text = ""): string[] {
  return text.split(/\s+/).filter((word) => word !== "");
}
