// The code for what few hosts have, loaded where it is used: every command that asks for a container's status
// would otherwise load sd-bus and the assembler of device programs.

import { atOnce } from "../engine/at-once.ts";

export const unitDriver = (): typeof import("./systemd/scope.ts") => atOnce(import("./systemd/scope.ts"));
export const v2Driver = (): typeof import("./v2.ts") => atOnce(import("./v2.ts"));
