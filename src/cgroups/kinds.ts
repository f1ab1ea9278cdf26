// The code for what few hosts have, loaded where it is used: every command that asks for a container's status
// would otherwise load sd-bus and the assembler of device programs.

export const unitDriver = (): typeof import("./systemd/scope.ts") => require("./systemd/scope.ts");
export const v2Driver = (): typeof import("./v2.ts") => require("./v2.ts");
