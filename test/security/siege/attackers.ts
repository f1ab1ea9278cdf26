// The attackers: containers whose first process attacks every process that appears in it, in all the ways
// that a container may.

import type { Condition } from "../../support/behaviour.ts";
import { addProgram, needsCompiler } from "../../support/compile.ts";
import { type Config, mapIds } from "../../support/config.ts";
import { Container } from "../../support/container.ts";
import { controllerHierarchy } from "../../support/host.ts";
import type { Lab } from "../../support/lab.ts";

export interface Attacker {
  readonly name: string;
  readonly edit: (config: Config) => void;
  /** Whether a program has to be put into its image. */
  readonly compiled?: true;
  /** Whether the container ends when another process appears. */
  readonly ends?: true;
  /** Why it cannot be tried here. */
  readonly impossible?: () => Condition;
}

const SOURCE = "test/security/siege/attack.c";
const PROGRAM = "attack";
const PIDS_LIMIT = 40;

function capable(config: Config, ...names: string[]): void {
  const sets = config.process.capabilities ?? {};
  for (const set of ["bounding", "effective", "permitted"]) sets[set] = [...(sets[set] ?? []), ...names];
  config.process.capabilities = sets;
}

function program(mode: string): (config: Config) => void {
  return (config) => {
    config.process.args = [`/bin/${PROGRAM}`, mode];
  };
}

function needsPids(): Condition {
  return controllerHierarchy("pids") === undefined
    ? "no cgroup hierarchy has the pids controller"
    : undefined;
}

export const ATTACKERS: readonly Attacker[] = [
  { name: "kills", edit: Container.script("while :; do kill -9 -1; done 2>/dev/null") },
  {
    name: "ends",
    edit: Container.script("while :; do set -- /proc/[0-9]*; [ $# -gt 1 ] && exit; done"),
    ends: true,
  },
  {
    name: "forks",
    compiled: true,
    impossible: () => needsPids() ?? needsCompiler,
    edit: (config) => {
      program("forks")(config);
      config.linux.resources = { ...config.linux.resources, pids: { limit: PIDS_LIMIT } };
    },
  },
  {
    name: "traces",
    compiled: true,
    impossible: () => needsCompiler,
    edit: (config) => {
      program("traces")(config);
      capable(config, "CAP_SYS_PTRACE");
    },
  },
  {
    name: "mounts",
    edit: (config) => {
      const mounts = `while :; do mount -t tmpfs none /tmp; mount -o remount,ro /tmp; mount --bind /proc /tmp
        mount -o remount,ro,bind /; mount -o remount,rw,bind /; umount /tmp; umount /tmp; done 2>/dev/null`;
      Container.script(mounts)(config);
      capable(config, "CAP_SYS_ADMIN");
    },
  },
];

export const KINDS: readonly { readonly name: string; readonly edit: (config: Config) => void }[] = [
  { name: "plain", edit: () => {} },
  { name: "user namespace", edit: (config) => mapIds(config, 100_000, 65_536) },
];

/** The container of a siege, not made yet. */
export function besieged(lab: Lab, attacker: Attacker, edit: (config: Config) => void): Container {
  const box = lab.container((config) => {
    attacker.edit(config);
    edit(config);
  });
  if (attacker.compiled === true) addProgram(lab, box, SOURCE);
  return box;
}
