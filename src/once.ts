// What is made when it is first asked for: ahead of time where there is some, or when it is needed. Pure.

/** The result of the first call, each time. */
export function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
