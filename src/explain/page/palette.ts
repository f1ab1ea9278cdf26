// The colours of the page in both themes. A test checks that each text has enough contrast on its ground.
// Pure.

export type Colour =
  | "ground"
  | "surface"
  | "text"
  | "muted"
  | "line"
  | "strong"
  | "link"
  | "wider"
  | "wider-ground"
  | "narrower"
  | "narrower-ground"
  | "other"
  | "other-ground"
  | "own"
  | "own-ground"
  | "bar"
  | "bar-text"
  | "bar-muted";

export type Palette = Readonly<Record<Colour, string>>;

export const LIGHT: Palette = {
  ground: "#f6f6f3",
  surface: "#ffffff",
  text: "#1f2429",
  muted: "#59616a",
  line: "#d9d9d3",
  strong: "#767d85",
  link: "#0a58a8",
  wider: "#964600",
  "wider-ground": "#fdf1e3",
  narrower: "#0b6249",
  "narrower-ground": "#e6f5ee",
  other: "#6237ad",
  "other-ground": "#f2edfb",
  own: "#1d4f7c",
  "own-ground": "#e8f0f7",
  bar: "#20262c",
  "bar-text": "#f1f3f5",
  "bar-muted": "#b3bcc5",
};

export const DARK: Palette = {
  ground: "#111417",
  surface: "#181c20",
  text: "#e4e7ea",
  muted: "#a0a9b2",
  line: "#343a41",
  strong: "#7f8891",
  link: "#7cb9fb",
  wider: "#ffb878",
  "wider-ground": "#33230f",
  narrower: "#74d6af",
  "narrower-ground": "#102c21",
  other: "#c9b0ff",
  "other-ground": "#271f3a",
  own: "#a8cdf0",
  "own-ground": "#1a2a3a",
  bar: "#262c33",
  "bar-text": "#f1f3f5",
  "bar-muted": "#b3bcc5",
};

/** Which text colour is used on which ground. */
export const TEXT_ON: readonly (readonly [text: Colour, ground: Colour])[] = [
  ...(["ground", "surface"] as const).flatMap((ground) =>
    (["text", "muted", "link", "wider", "narrower", "other"] as const).map((text) => [text, ground] as const),
  ),
  ...(["wider", "narrower", "other", "own"] as const).flatMap((kind) =>
    ([kind, "text", "muted", "link"] as const).map((text) => [text, `${kind}-ground` as const] as const),
  ),
  ["bar-text", "bar"],
  ["bar-muted", "bar"],
];

/** Lines that carry meaning, which need a contrast of 3:1: frames of what is shared with the host, focus. */
export const LINES_ON: readonly (readonly [line: Colour, ground: Colour])[] = [
  ["strong", "surface"],
  ["strong", "ground"],
  ["link", "surface"],
  ["link", "ground"],
];

export function variables(palette: Palette): string {
  return Object.entries(palette)
    .map(([name, value]) => `--${name}:${value}`)
    .join(";");
}
