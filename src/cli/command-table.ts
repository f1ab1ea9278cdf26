// All commands, for what speaks of all of them: help, manual pages, completion. Pure.

import { command as checkpoint } from "./commands/checkpoint.ts";
import { command as completion } from "./commands/completion.ts";
import { command as create } from "./commands/create.ts";
import { command as remove } from "./commands/delete.ts";
import { command as events } from "./commands/events.ts";
import { command as exec } from "./commands/exec.ts";
import { command as explain } from "./commands/explain.ts";
import { command as features } from "./commands/features.ts";
import { command as kill } from "./commands/kill.ts";
import { command as list } from "./commands/list.ts";
import { command as pause } from "./commands/pause.ts";
import { command as ps } from "./commands/ps.ts";
import { command as restore } from "./commands/restore.ts";
import { command as resume } from "./commands/resume.ts";
import { command as run } from "./commands/run.ts";
import { command as spec } from "./commands/spec.ts";
import { command as start } from "./commands/start.ts";
import { command as state } from "./commands/state.ts";
import { command as update } from "./commands/update.ts";
import { command as validate } from "./commands/validate.ts";
import type { Command } from "./options.ts";

/** In the order in which `--help` lists them. */
export const commands: readonly Command[] = [
  checkpoint,
  create,
  remove,
  events,
  exec,
  kill,
  list,
  pause,
  ps,
  restore,
  resume,
  run,
  spec,
  start,
  state,
  update,
  validate,
  explain,
  features,
  completion,
];
