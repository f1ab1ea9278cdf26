// Which mounts count as read-only: as the mount plan carries the options out.

import t from "tap";
import { isBind, isReadOnly } from "../../../src/record/places.ts";

const mount = (options: string[]) => ({ destination: "/x", options });

t.test("a recursive word counts more than a plain one, and of each kind the last", (t) => {
  for (const words of [["ro"], ["rw", "ro"], ["rro"], ["rro", "rw"], ["rrw", "rro"], ["rw", "rro"]]) {
    t.ok(isReadOnly(mount(words)), words.join());
  }
  for (const words of [[], ["rw"], ["ro", "rw"], ["ro", "rrw"], ["rrw", "ro"], ["rro", "rrw"]]) {
    t.notOk(isReadOnly(mount(words)), words.join());
  }
  t.end();
});

t.test("a bind mount has the type or the option", (t) => {
  t.ok(isBind({ destination: "/x", type: "bind" }));
  t.ok(isBind(mount(["nosuid", "rbind"])));
  t.notOk(isBind({ destination: "/x", type: "tmpfs", options: ["size=1k"] }));
  t.end();
});
