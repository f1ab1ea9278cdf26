// What the browser is asked about a page: expressions that it evaluates.

/** What is wider than the window, cut off, or drawn over something else. */
export const FAULTS = `(() => {
  const faults = [];
  const wide = document.documentElement.scrollWidth - innerWidth;
  if (wide > 0) faults.push("the page is " + wide + " too wide");
  for (const card of document.querySelectorAll(".words section")) {
    const name = card.getAttribute("aria-labelledby");
    if (card.scrollWidth > card.clientWidth + 1) faults.push(name + " is too wide");
  }
  const svg = document.querySelector("svg.picture");
  const all = svg.getBoundingClientRect();
  for (const text of svg.querySelectorAll("text")) {
    const { left, right, top, bottom } = text.getBoundingClientRect();
    if (left < all.left || right > all.right || top < all.top || bottom > all.bottom) {
      faults.push("outside the picture: " + text.textContent);
    }
  }
  for (const link of svg.querySelectorAll("a")) {
    const boxes = [...link.querySelectorAll("text")].map((text) => [text, text.getBoundingClientRect()]);
    for (const [a, one] of boxes) for (const [b, other] of boxes) {
      const isBeside = one.right <= other.left || other.right <= one.left;
      const isAbove = one.bottom <= other.top + 3 || other.bottom <= one.top + 3;
      if (a !== b && !isBeside && !isAbove) faults.push(a.textContent + " covers " + b.textContent);
    }
  }
  return faults.join("; ");
})()`;

/** What axe-core finds, when it is loaded. */
export const VIOLATIONS = `axe.run(document, { resultTypes: ["violations"] })
  .then(({ violations }) => violations.map(({ id, nodes }) => id + ": " + nodes[0]?.html).join("; "))`;

/** The pointers of the boxes of lines that are shown now. */
export const SHOWN = `[...document.querySelectorAll(".tip")]
  .filter((tip) => getComputedStyle(tip).display !== "none")
  .map((tip) => tip.querySelector("code").textContent).join()`;

/** Scrolls to an element; its middle. */
export function middleOf(selector: string): string {
  return `(() => {
    const found = document.querySelector('${selector}');
    found.scrollIntoView({ block: "center" });
    const { left, top, width, height } = found.getBoundingClientRect();
    return [left + width / 2, top + height / 2].join();
  })()`;
}

/** What has the focus; whether a box of lines is shown; whether nothing covers what has the focus. */
export const FOCUSED = `(() => {
  const at = document.activeElement;
  const box = at.getBoundingClientRect();
  const tips = [...document.querySelectorAll(".tip")];
  const isTold = tips.some((tip) => getComputedStyle(tip).display !== "none");
  const top = document.elementFromPoint(box.left + box.width / 2, box.top + box.height / 2);
  return [at.tagName + at.id + (at.getAttribute("href") ?? ""), isTold, at.contains(top)].join("|");
})()`;

/** How many elements the Tab key should reach. */
export const STOPS = `document.querySelectorAll('a:not([tabindex="-1"]),summary').length`;

/** How what belongs to a window is displayed, and the colour of text. */
export const ON_PAPER = `[".bar", ".skip", ".tip"]
  .map((name) => getComputedStyle(document.querySelector(name)).display)
  .concat(getComputedStyle(document.body).color).join("; ")`;
