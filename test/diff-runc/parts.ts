// Chooses the parts of a trial at random.

import { type Maker, type Part, pick, type Random } from "./draft.ts";
import { CALLS, WAY } from "./parts-caller.ts";
import { LINUX, NAMESPACE_PARTS } from "./parts-linux.ts";
import { MOUNTS, ROOT } from "./parts-mounts.ts";
import { PROCESS } from "./parts-process.ts";

const TOPICS: readonly (readonly Maker[])[] = [
  ...[MOUNTS, MOUNTS, MOUNTS, LINUX, LINUX, LINUX],
  ...[PROCESS, PROCESS, CALLS, CALLS, NAMESPACE_PARTS, ROOT],
];

const [FEWEST, MOST] = [2, 11];

export function choose(random: Random): Part[] {
  const parts = [WAY(random)];
  const count = FEWEST + random(MOST - FEWEST);
  for (let i = 0; i < count; i++) parts.push(pick(pick(TOPICS, random), random)(random));
  return parts;
}
