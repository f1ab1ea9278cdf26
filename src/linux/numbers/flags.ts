// Turning flag words back into the names of the headers, for traces and errors. Pure.

export type FlagTable = Readonly<Record<string, number>>;

/** `MS_NOSUID|MS_NODEV`; bits without a name are last, in hex; `0` if none is set. */
export function showFlags(value: number, table: FlagTable): string {
  const names: string[] = [];
  let rest = value;
  for (const [name, bits] of Object.entries(table)) {
    // Arithmetic on purpose: some tables have bits above 31, where JavaScript's operators would lose them.
    if (bits !== 0 && hasBits(rest, bits)) {
      names.push(name);
      rest -= bits;
    }
  }
  if (rest !== 0 || names.length === 0) names.push(rest === 0 ? "0" : `0x${rest.toString(16)}`);
  return names.join("|");
}

function hasBits(value: number, bits: number): boolean {
  return (BigInt(value) & BigInt(bits)) === BigInt(bits);
}
