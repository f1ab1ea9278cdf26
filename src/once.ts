// Values that are made when they are first needed, or earlier if there is time. Pure.

/** A function that calls `make` once and then returns the same result. */
export function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}
