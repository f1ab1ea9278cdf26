// Cache entries: what is read back, and what is not believed.

import { createHash } from "node:crypto";
import t from "tap";
import { encode, load, returns } from "../../../src/seccomp/bpf.ts";
import { decodeEntry, encodeEntry, MAX_ENTRY_SIZE } from "../../../src/seccomp/filter.ts";

const hash = (bytes: Uint8Array): string => createHash("sha256").update(bytes).digest("hex");

const key = hash(new Uint8Array([1]));
const otherKey = hash(new Uint8Array([2]));
const filter = { program: encode([load(0), returns(0x7fff0000)]), flags: 12, notify: true };

t.test("an entry gives back the filter it was made of", async (t) => {
  t.same(decodeEntry(encodeEntry(key, filter, hash), key, hash), filter);
});

t.test("a filter that does not notify comes back as such", async (t) => {
  const plain = { ...filter, flags: 4, notify: false };
  t.same(decodeEntry(encodeEntry(key, plain, hash), key, hash), plain);
});

t.test("an entry of another key is refused", async (t) => {
  t.equal(decodeEntry(encodeEntry(key, filter, hash), otherKey, hash), undefined);
});

t.test("a change of any single byte is found", async (t) => {
  const entry = encodeEntry(key, filter, hash);
  for (let index = 0; index < entry.length; index++) {
    const damaged = entry.slice();
    damaged[index] = (damaged[index] ?? 0) ^ 1;
    t.equal(decodeEntry(damaged, key, hash), undefined, `byte ${index}`);
  }
});

t.test("an entry cut short anywhere, or longer than it should be, is refused", async (t) => {
  const entry = encodeEntry(key, filter, hash);
  for (let length = 0; length < entry.length; length++) {
    t.equal(decodeEntry(entry.subarray(0, length), key, hash), undefined, `${length} bytes`);
  }
  t.equal(decodeEntry(Uint8Array.of(...entry, 0), key, hash), undefined);
  t.equal(decodeEntry(new Uint8Array(MAX_ENTRY_SIZE + 1), key, hash), undefined);
});

t.test("an entry with an empty program is refused, however well it is signed", async (t) => {
  const empty = encodeEntry(key, { ...filter, program: new Uint8Array(0) }, hash);
  t.equal(decodeEntry(empty, key, hash), undefined);
});
