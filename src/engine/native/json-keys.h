/* What json-keys.c knows and has noticed, for each runtime of the engine. */

#ifndef JSON_KEYS_H
#define JSON_KEYS_H

/* What is noticed, as bits. */
#define IN_ANOTHER_CASE 1
#define TWICE 2

/* Longer than any key of the schemas. */
#define LONGEST_KEY 40

struct json_keys {
    uint8_t *known; /* a bit for each atom: whether it is a key of the schemas */
    uint32_t known_end;
    JSAtom *keys; /* those keys, the shortest first */
    uint8_t start[LONGEST_KEY + 2]; /* where those of a length begin in the list */
    int notes;
};

#endif
