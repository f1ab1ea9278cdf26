// Waits for an event instead of an amount of time: checks the condition every few milliseconds; the limit
// only decides when to give up.

const INTERVAL_MS = 5;

/**
 * Resolves with the first value that is neither `undefined` nor `false`. Looks once more when the limit has
 * passed: on a busy machine the test itself may have been stopped for longer.
 */
export async function until<T>(
  what: string,
  probe: () => T | undefined | false | Promise<T | undefined | false>,
  limitMs = 30_000,
): Promise<T> {
  const deadline = Date.now() + limitMs;
  for (;;) {
    const isLast = Date.now() > deadline;
    const value = await probe();
    if (value !== undefined && value !== false) return value;
    if (isLast) throw new Error(`gave up after ${limitMs} ms waiting for ${what}`);
    await new Promise((resume) => setTimeout(resume, INTERVAL_MS));
  }
}
