/* The words that operations.c looks for, for each runtime of the engine. */

#ifndef OPERATIONS_H
#define OPERATIONS_H

/* Fields of an operation and of its arguments. */
#define FIELDS(X)                                                            \
    X(kind) X(call) X(args) X(place) X(result) X(only) X(clones) X(goOn) X(retries) \
    X(value) X(batch) X(address) X(bytes) X(pointers) X(pieces) \
    X(like) X(operations) X(texts) X(results) X(others)
/* What some of them say. */
#define WORDS(X) X(operation) X(repeat) X(shown) X(data) X(out) X(child) X(parent)

struct operation_words {
#define WORD(name) JSAtom name;
    FIELDS(WORD)
    WORDS(WORD)
#undef WORD
};

#endif
