// Fixes that QuickJS got after the release that is used, as far as they concern tsrun, and one of ours. All
// are about BigInt, which large numbers of a configuration become. Called by quickjs.ts. Pure.

import type { Change } from "./changes.ts";

export const FIXES: readonly Change[] = [
  // 638ec8c (its issue 412): the number of leading zeros of 0 is undefined in C, and the highest word of
  // every BigInt from 2^63 to 2^64 is 0. Its text then has less room than digits.
  {
    find: `static js_limb_t mp_add(js_limb_t *res,`,
    replace: `/* handle a = 0 too */
static inline js_limb_t js_limb_safe_clz(js_limb_t a)
{
    return a == 0 ? JS_LIMB_BITS : js_limb_clz(a);
}

static js_limb_t mp_add(js_limb_t *res,`,
  },
  {
    find: "n_bits = r->len * JS_LIMB_BITS - js_limb_clz(r->tab[r->len - 1]);",
    replace: "n_bits = r->len * JS_LIMB_BITS - js_limb_safe_clz(r->tab[r->len - 1]);",
  },
  // 9ce5442: the highest digit of a text to a base that is a power of two took bits of a word past the last.
  {
    find: `                if (likely((shift + log2_radix) <= JS_LIMB_BITS)) {
                    c = r->tab[pos] >> shift;
                } else {
                    c = (r->tab[pos] >> shift) |
                        (r->tab[pos + 1] << (JS_LIMB_BITS - shift));
                }
`,
    replace: `                c = r->tab[pos] >> shift;
                if ((shift + log2_radix) > JS_LIMB_BITS && (pos + 1) < r->len)
                    c |= r->tab[pos + 1] << (JS_LIMB_BITS - shift);
`,
  },
  // e1c18be: the number of bits of a text of 80 million digits did not fit into an int, and too little was
  // allocated.
  {
    find: `    n_digits = strlen(p);
    log2_radix = 32 - clz32(radix - 1); /* ceil(log2(radix)) */
`,
    replace: `    if (strlen(p) > JS_BIGINT_MAX_SIZE * JS_LIMB_BITS) {
        JS_ThrowRangeError(ctx, "BigInt is too large to allocate");
        return NULL;
    }
    n_digits = strlen(p);
    log2_radix = 32 - clz32(radix - 1); /* ceil(log2(radix)) */
`,
  },
  // Ours: BigInt.asUintN gave a negative number if the highest bit was set: 2^64 - 1 as 64 bits was -1.
  // Therefore r gets one more word, of zeros, and a negative number with fewer bits more words of its sign.
  {
    find: `    } else if (JS_VALUE_GET_TAG(a) == JS_TAG_SHORT_BIG_INT) {
        /* fast case */
        if (bits >= JS_SHORT_BIG_INT_BITS) {`,
    replace: `    } else if (JS_VALUE_GET_TAG(a) == JS_TAG_SHORT_BIG_INT &&
               (asIntN || bits < JS_SHORT_BIG_INT_BITS || JS_VALUE_GET_SHORT_BIG_INT(a) >= 0)) {
        /* fast case */
        if (bits >= JS_SHORT_BIG_INT_BITS) {`,
  },
  {
    find: `        JSBigInt *r, *p = JS_VALUE_GET_PTR(a);
        if (bits >= p->len * JS_LIMB_BITS) {
            res = a;
        } else {
            int len, shift, i;
            js_limb_t v;
            len = (bits + JS_LIMB_BITS - 1) / JS_LIMB_BITS;
            r = js_bigint_new(ctx, len);
            if (!r) {
                JS_FreeValue(ctx, a);
                return JS_EXCEPTION;
            }
            r->len = len;
            for(i = 0; i < len - 1; i++)
                r->tab[i] = p->tab[i];
            shift = (-bits) & (JS_LIMB_BITS - 1);
            /* 0 <= shift <= JS_LIMB_BITS - 1 */
            v = p->tab[len - 1] << shift;
            if (asIntN)
                v = (js_slimb_t)v >> shift;
            else
                v = v >> shift;
            r->tab[len - 1] = v;
`,
    replace: `        JSBigIntBuf buf;
        JSBigInt *r, *p = JS_VALUE_GET_TAG(a) == JS_TAG_SHORT_BIG_INT ?
            js_bigint_set_short(&buf, a) : JS_VALUE_GET_PTR(a);
        if (bits >= p->len * JS_LIMB_BITS && (asIntN || !js_bigint_sign(p))) {
            res = a;
        } else {
            int len, shift, i;
            js_limb_t v;
            len = bits > JS_BIGINT_MAX_SIZE * JS_LIMB_BITS ? JS_BIGINT_MAX_SIZE :
                (bits + JS_LIMB_BITS - 1) / JS_LIMB_BITS;
            r = js_bigint_new(ctx, asIntN ? len : len + 1);
            if (!r) {
                JS_FreeValue(ctx, a);
                return JS_EXCEPTION;
            }
            for(i = 0; i < len; i++)
                r->tab[i] = i < p->len ? p->tab[i] : -1;
            shift = (-bits) & (JS_LIMB_BITS - 1);
            /* 0 <= shift <= JS_LIMB_BITS - 1 */
            v = r->tab[len - 1] << shift;
            if (asIntN)
                v = (js_slimb_t)v >> shift;
            else
                v = v >> shift;
            r->tab[len - 1] = v;
            if (!asIntN)
                r->tab[len] = 0;
`,
  },
];
