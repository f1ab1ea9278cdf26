// Bytes that need not be UTF-8 as text and back.

import t from "tap";
import { decodeRaw } from "../../../src/engine/host/raw-text.ts";
import { cString, text, textUntilNul, utf8 } from "../../../src/linux/call/words.ts";
import { randomFrom } from "../../support/random.ts";

const bytesOf = (hex: string): Uint8Array => new Uint8Array(Buffer.from(hex.replaceAll(" ", ""), "hex"));

t.test("UTF-8 reads as what it says", async (t) => {
  for (const whole of ["", "plain", "é", "日本", "😀 and \ufffd", "\ufeffmark", "a\0b", "\u{10ffff}"]) {
    const bytes = new Uint8Array(Buffer.from(whole));
    t.equal(text(bytes), whole);
    t.equal(decodeRaw(bytes), whole, "by the slow way, too");
    t.strictSame(Buffer.from(utf8(whole)), Buffer.from(bytes));
  }
});

t.test("a byte that is no UTF-8 stands for itself, and nothing around it changes", async (t) => {
  const cases: { readonly [hex: string]: string } = {
    ff: "\udcff",
    "61 80 62": "a\udc80b",
    c3: "\udcc3",
    "c3 28": "\udcc3(",
    "c3 a9 c3": "é\udcc3",
    "c0 af": "\udcc0\udcaf",
    "e0 80 af": "\udce0\udc80\udcaf",
    "ed a0 80": "\udced\udca0\udc80",
    "ed b2 80": "\udced\udcb2\udc80",
    "ed a0 bd ed b8 80": "\udced\udca0\udcbd\udced\udcb8\udc80",
    "f0 9f 98": "\udcf0\udc9f\udc98",
    "f4 90 80 80": "\udcf4\udc90\udc80\udc80",
    "f8 88 80 80 80": "\udcf8\udc88\udc80\udc80\udc80",
    "ef bf bd ff": "\ufffd\udcff",
  };
  for (const [hex, expected] of Object.entries(cases)) {
    t.equal(text(bytesOf(hex)), expected, hex);
    t.strictSame(Buffer.from(utf8(expected)), Buffer.from(bytesOf(hex)), `${hex} back`);
  }
});

t.test("any bytes come back as they were", async (t) => {
  const below = randomFrom(13);
  for (let round = 0; round < 2000; round++) {
    const bytes = Uint8Array.from({ length: below(40) }, () => {
      // Many of those that begin, continue or spoil characters.
      return [below(256), 0xed, 0xa0 + below(32), 0x80 + below(64)][below(4)] ?? 0;
    });
    t.strictSame(Buffer.from(utf8(text(bytes))), Buffer.from(bytes), Buffer.from(bytes).toString("hex"));
  }
  const long = Uint8Array.from({ length: 20_000 }, (_, index) => (index * 7) % 256);
  t.strictSame(Buffer.from(utf8(text(long))), Buffer.from(long));
});

t.test("halves of pairs that stand for no byte become U+FFFD", async (t) => {
  t.equal(Buffer.from(utf8("a\ud800b\udc00\udd00c")).toString(), "a\ufffdb\ufffd\ufffdc");
});

t.test("a C string has the bytes and a NUL behind", async (t) => {
  t.strictSame(Buffer.from(cString("n\udcff")), Buffer.from([0x6e, 0xff, 0]));
  t.equal(textUntilNul(bytesOf("6e ff 00 61")), "n\udcff");
});
