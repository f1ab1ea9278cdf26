// Addresses that the build has linked in, in the order of scripts/engine/native.ts.

import { constants } from "native";

const view = new DataView(constants());

function addressAt(index: number): number {
  return view.getUint32(index * 8, true) + view.getUint32(index * 8 + 4, true) * 2 ** 32;
}

/** `JSContext *`, which functions of the engine want first. */
export const CONTEXT = addressAt(0);
export const DLOPEN = addressAt(1);
export const DLSYM = addressAt(2);
export const DLERROR = addressAt(3);
export const MEMCPY = addressAt(4);
export const STRLEN = addressAt(5);
export const ENVIRON = addressAt(6);
export const GETPID = addressAt(7);
export const GETCWD = addressAt(8);
export const JS_NEW_STRING_LEN = addressAt(9);
export const JS_STD_EVAL_BINARY = addressAt(10);
/** The bytecode of every chunk: address, length; see chunks.ts. */
export const CHUNKS = addressAt(11);
