// Which ids name a container.

import t from "tap";
import { checkId } from "../../../src/container/id.ts";

t.test("ids that callers use are accepted", async (t) => {
  for (const id of ["a", "hello-1", "a_b+c.d", "-x", "0123", "f".repeat(64), "f".repeat(255)]) {
    t.doesNotThrow(() => checkId(id), id.slice(0, 10));
  }
});

t.test("an empty id has a message of its own", async (t) => {
  t.throws(() => checkId(""), { code: "E_BAD_ID", message: "container id cannot be empty" });
});

t.test("ids that could leave the state root, or be no file name, are refused", async (t) => {
  for (const id of [".", "..", "../x", "a/b", "/", "a b", "a\n", "a\0b", "ä", ".hidden", "x".repeat(2000)]) {
    t.throws(
      () => checkId(id),
      { code: "E_BAD_ID", message: "invalid container ID format" },
      JSON.stringify(id),
    );
  }
});
