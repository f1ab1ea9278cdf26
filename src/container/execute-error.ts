// The error if the kernel cannot execute the program, for start and exec.

import { TsrunError } from "../errors.ts";
import { errnoName, errnoWords } from "../linux/numbers/errno.ts";

/** runc's text for a failed execve(2): `exec /x: exec format error`. */
export function executeError(program: string, { call, errno }: { call: string; errno: number }): TsrunError {
  const what = call === "execve" ? `exec ${program}` : `cannot execute "${program}": ${call}`;
  return new TsrunError("E_EXEC", `${what}: ${errnoWords(errno)}`, {
    errno: errnoName(errno),
    subject: call === "execve" ? { kind: "execute", name: program } : undefined,
    hint: "the kernel refuses the file: another machine's program, or a script without its interpreter",
  });
}
