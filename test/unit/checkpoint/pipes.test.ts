// Which pipes of a container lead outside.

import t from "tap";
import { externalPipes, type PipeEnd } from "../../../src/checkpoint/pipes.ts";
import { accessOf } from "../../../src/linux/process/proc-text.ts";

function end(pid: number, fd: number, name: string, access: "r" | "w" | "rw"): PipeEnd {
  return { pid, fd, name, readable: access !== "w", writable: access !== "r" };
}

t.test("a pipe with one end in the container is noted where it stands", async (t) => {
  const ends = [end(1, 0, "pipe:[1]", "r"), end(1, 1, "pipe:[2]", "w"), end(1, 2, "pipe:[2]", "w")];
  t.strictSame(externalPipes(ends), ["pipe:[1]", "pipe:[2]", "pipe:[2]"]);
  t.strictSame(externalPipes([end(1, 2, "pipe:[3]", "w")]), ["", "", "pipe:[3]"]);
  t.strictSame(externalPipes([]), ["", "", ""]);
});

t.test("a pipe between two processes of the container is criu's matter", async (t) => {
  const ends = [
    end(1, 1, "pipe:[2]", "w"),
    end(7, 1, "pipe:[9]", "w"),
    end(8, 0, "pipe:[9]", "r"),
    end(8, 1, "pipe:[2]", "w"),
  ];
  t.strictSame(externalPipes(ends), ["", "pipe:[2]", ""]);
  t.strictSame(externalPipes([end(1, 0, "pipe:[5]", "rw")]), ["", "", ""], "open both ways");
});

t.test("the first process has the say; what it has given away is found with others", async (t) => {
  const ends = [
    end(1, 1, "pipe:[2]", "w"),
    end(7, 0, "pipe:[1]", "r"),
    end(7, 1, "pipe:[3]", "w"),
    end(7, 5, "pipe:[4]", "w"),
  ];
  t.strictSame(externalPipes(ends), ["pipe:[1]", "pipe:[2]", ""]);
});

t.test("fdinfo tells the directions", async (t) => {
  const fdinfo = (flags: string) => accessOf(`pos:\t0\nflags:\t${flags}\nmnt_id:\t15\n`);
  t.strictSame(fdinfo("00"), { readable: true, writable: false });
  t.strictSame(fdinfo("0100001"), { readable: false, writable: true });
  t.strictSame(fdinfo("02004002"), { readable: true, writable: true });
});
