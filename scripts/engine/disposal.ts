// How `using` ends a block. The bundler has a function for it whose closures refer to each other. That costs
// every block a dozen calls and, since the engine seldom frees circles, a kilobyte for good: a long-lived
// process such as the shim would grow with each request. Called by build.ts. Pure.

/** The bundler's: `NAME=(stack,error,failed)=>{var R=typeof SuppressedError==…;return N()}`, minified. */
const THEIRS =
  /\b([\w$]+)=\(\w+,\w+,\w+\)=>\{var \w+=typeof SuppressedError===(?:(?!=>\{var ).)*?;return \w+\(\)\}(?=;)/g;

/**
 * An entry of the stack is [is asynchronous, method, value]. The error of the block itself is the one that is
 * thrown.
 */
const OURS =
  "(s,e,f)=>{for(let i=s.length-1;i>=0;i--)try{s[i][1].call(s[i][2])}catch(x){f||(f=!0,e=x)}if(f)throw e}";

/** The bundle with our own function instead. Throws if the bundler is not the one that this was made for. */
export function withLeanDisposal(bundle: string): string {
  const found = [...bundle.matchAll(THEIRS)];
  if (found.length !== 1) throw new Error(`${found.length} functions in the bundle that end a "using" block`);
  return bundle.replace(THEIRS, (_, name: string) => `${name}=${OURS}`);
}
