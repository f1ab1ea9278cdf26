// The function that ends a `using` block in the bundle.

import t from "tap";
import { withLeanDisposal } from "../../../scripts/engine/disposal.ts";

const THEIRS = [
  'var a=1,_=(e,t,n)=>{var r=typeof SuppressedError==="function"?SuppressedError:null,',
  "o=(a)=>{if(n)throw t};return o()};b()",
].join("");

type End = (stack: unknown[], error?: unknown, failed?: boolean) => void;

/** Ours, taken out of the bundle. */
function ours(): End {
  const [, text = ""] = /_=(.*);b\(\)$/s.exec(withLeanDisposal(THEIRS)) ?? [];
  return new Function(`return ${text}`)() as End;
}

t.test("values are disposed of from the last to the first", async (t) => {
  const order: string[] = [];
  const stack = ["one", "two"].map((name) => [0, () => order.push(name), {}]);
  ours()(stack);
  t.strictSame(order, ["two", "one"]);
});

t.test("all of them, whatever fails; the first error is the one to tell", async (t) => {
  const order: string[] = [];
  const fail = (name: string) => [
    0,
    () => {
      order.push(name);
      throw new Error(name);
    },
    {},
  ];
  t.throws(() => ours()([fail("one"), fail("two")]), { message: "two" });
  t.throws(() => ours()([fail("one")], new Error("block"), true), { message: "block" });
  t.strictSame(order, ["two", "one", "one"]);
});

t.test("a bundle of another bundler is refused", async (t) => {
  t.throws(() => withLeanDisposal("var a=1;"), { message: /^0 functions/ });
});
