// Shorter ways through the engine for texts: searching them, asking whether they are ASCII, reading them from
// JSON. Each does what the way beside it does. Called by quickjs.ts. Pure.

import type { Change } from "./changes.ts";

export const TEXT_SPEED: readonly Change[] = [
  {
    // "includes" looks for the first character, instead of comparing at each place.
    find: `        for (i = start;; i++) {
            if (!string_cmp(p, p1, i, 0, v_len)) {`,
    replace: `        if (magic == 0)
            ret = string_indexof(p, p1, start) >= 0;
        else for (i = start;; i++) {
            if (!string_cmp(p, p1, i, 0, v_len)) {`,
  },
  {
    // "indexOf", too.
    find: "        for (i = start;; i += inc) {\n",
    replace: `        if (!lastIndexOf)
            ret = string_indexof(p, p1, start);
        else for (i = start;; i += inc) {
`,
  },
  {
    // A text in JSON that is ASCII and has no escapes.
    find: `        /* fall through */
    case '\\"':
        if (js_parse_string(s, c, TRUE, p + 1, &s->token, &p))
`,
    replace: `        /* fall through */
    case '\\"':
        {
            const uint8_t *end = p + 1;
            /* Eight at a time: below 0x20, not ASCII, a quotation mark, or a backslash. */
            for (; s->buf_end - end >= 8; end += 8) {
                const uint64_t ones = 0x0101010101010101;
                uint64_t eight, quote, slash;
                memcpy(&eight, end, 8);
                quote = eight ^ (ones * c);
                slash = eight ^ (ones * '\\\\');
                if (((eight - ones * 0x20) | eight | (quote - ones) | (slash - ones)) & (ones * 0x80))
                    break;
            }
            while (*end >= 0x20 && *end < 0x80 && *end != c && *end != '\\\\')
                end++;
            if (*end == c) {
                s->token.u.str.str = js_new_string8_len(s->ctx, (const char *)p + 1, end - p - 1);
                if (JS_IsException(s->token.u.str.str))
                    goto fail;
                s->token.val = TOK_STRING;
                s->token.u.str.sep = c;
                p = end + 1;
                break;
            }
        }
        if (js_parse_string(s, c, TRUE, p + 1, &s->token, &p))
`,
  },
  {
    find: `            for (i = from; i < len; i++) {
                if (p->u.str8[i] == (uint8_t)c)
                    return i;
            }
`,
    replace: `            const uint8_t *found = memchr(p->u.str8 + from, c, len - from);
            if (found)
                return found - p->u.str8;
`,
  },
  {
    // Eight characters at a time.
    find: `    p_end = buf + len;
    while (p < p_end && *p < 128)
`,
    replace: `    p_end = buf + len;
    for (; p_end - p >= 8; p += 8) {
        uint64_t eight;
        memcpy(&eight, p, 8);
        if (eight & 0x8080808080808080)
            break;
    }
    while (p < p_end && *p < 128)
`,
  },
  {
    // A text that is ASCII is its own UTF-8.
    find: `        count = 0;
        for (pos = 0; pos < len; pos++) {
            count += src[pos] >> 7;
`,
    replace: `        count = 0;
        for (pos = count_ascii(src, len); pos < len; pos++) {
            count += src[pos] >> 7;
`,
  },
];
