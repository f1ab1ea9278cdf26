// Cache entries: which are read back, and which are rejected.

import t from "tap";
import { encode, load, returns } from "../../../src/seccomp/bpf.ts";
import {
  type CompiledFilter,
  decodeEntry,
  encodeEntry,
  entryName,
  MAX_ENTRY_SIZE,
} from "../../../src/seccomp/filter.ts";

const key = "one profile";
const otherKey = "one profilf";
const filter = { program: encode([load(0), returns(0x7fff0000)]), flags: 12, notify: true };

function encoded(of: CompiledFilter = filter): Uint8Array {
  const entry = encodeEntry(key, of);
  if (entry === undefined) throw new Error("the entry is too large");
  return entry;
}

t.test("an entry gives back the filter it was made of", async (t) => {
  t.same(decodeEntry(encoded(), key), filter);
});

t.test("a filter that does not notify comes back as such", async (t) => {
  const plain = { ...filter, flags: 4, notify: false };
  t.same(decodeEntry(encoded(plain), key), plain);
});

t.test("an entry of another key is refused", async (t) => {
  t.equal(decodeEntry(encoded(), otherKey), undefined);
});

t.test("a change of any single byte is found", async (t) => {
  const entry = encoded();
  for (let index = 0; index < entry.length; index++) {
    const damaged = entry.slice();
    damaged[index] = (damaged[index] ?? 0) ^ 1;
    t.equal(decodeEntry(damaged, key), undefined, `byte ${index}`);
  }
});

t.test("an entry cut short anywhere, or longer than it should be, is refused", async (t) => {
  const entry = encoded();
  for (let length = 0; length < entry.length; length++) {
    t.equal(decodeEntry(entry.subarray(0, length), key), undefined, `${length} bytes`);
  }
  t.equal(decodeEntry(Uint8Array.of(...entry, 0), key), undefined);
  t.equal(decodeEntry(new Uint8Array(MAX_ENTRY_SIZE + 1), key), undefined);
});

t.test("an entry with an empty program is refused, however well it is signed", async (t) => {
  const empty = encoded({ ...filter, program: new Uint8Array(0) });
  t.equal(decodeEntry(empty, key), undefined);
});

t.test("a key too long for an entry is not kept", async (t) => {
  t.equal(encodeEntry("x".repeat(MAX_ENTRY_SIZE), filter), undefined);
});

t.test("the name of an entry is its key's", async (t) => {
  t.equal(entryName(key), entryName(`${key}`));
  t.not(entryName(key), entryName(otherKey));
  t.match(entryName(key), /^11-[0-9a-f]+$/);
});
