// The style sheet of the page. It does not depend on the configuration, so its hash for the page's
// Content-Security-Policy is a constant; a test checks it. Pure.

import { DARK, LIGHT, variables } from "./palette.ts";
import { PICTURE_STYLE } from "./picture-style.ts";

/** SHA-256 of `STYLE`. */
export const STYLE_HASH = "wmg0n6TZpun68BACjE1P6pTWTo5kA76QmGR7V2ySP6U=";

/** The picture has at most this many links. Each has a box of lines with the same number. */
export const MOST_LINKS = 150;

/** Shows the box of a link while the pointer or the focus is on the link. */
const SHOWN = Array.from(
  { length: MOST_LINKS },
  (_, number) => `body:has(#p${number}:is(:hover,:focus-visible)) #t${number}`,
).join(",");

const SCREEN = `
*{box-sizing:border-box}
html{--beside:0;scroll-padding:1rem 0 21rem;-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;background:var(--ground);color:var(--text);font:16px/1.5 system-ui,"Segoe UI",Roboto,
Helvetica,Arial,sans-serif}
.vh{position:absolute;width:1px;height:1px;margin:-1px;overflow:hidden;clip-path:inset(50%);
white-space:nowrap}
a{color:var(--link);text-underline-offset:.15em}
a:focus-visible,summary:focus-visible,.scroll:focus-visible{outline:2px solid var(--link);
outline-offset:2px;border-radius:2px}
code,pre,th[scope=row],dd.code{font-family:ui-monospace,"SFMono-Regular",Menlo,Consolas,"DejaVu Sans Mono",
monospace;font-size:.84rem}
code,td,th,dd,pre{unicode-bidi:isolate;overflow-wrap:break-word}
code,dd,pre,.long,small{overflow-wrap:anywhere}
.skip{position:absolute;left:1rem;top:-4rem;z-index:9;padding:.5rem 1rem;background:var(--surface);
border:2px solid var(--link);border-radius:4px}
.skip:focus{top:1rem}
header,main,.end{max-width:94rem;margin:0 auto;padding:0 1.75rem}
header{padding-top:2.25rem}
h1{font-size:1.7rem;line-height:1.2;margin:0 0 1.25rem;letter-spacing:-.012em;overflow-wrap:anywhere}
h2{font-size:1.1rem;margin:0 0 .75rem}
h3{font-size:1.1rem;line-height:1.35;margin:0}
p{margin:.6rem 0;max-width:46rem}
.facts{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:.15rem 1.25rem;margin:0 0 1.25rem}
.facts dt{color:var(--muted)}
.facts dd{margin:0}
.legend{list-style:none;display:flex;flex-wrap:wrap;gap:.25rem 1.75rem;margin:.75rem 0;padding:0}
.wider>.mark,.whole.wider,span.wider{color:var(--wider)}
.narrower>.mark,.whole.narrower,span.narrower{color:var(--narrower)}
.other>.mark,.whole.other,span.other{color:var(--other)}
nav ol{columns:13rem auto;column-gap:2rem;margin:.75rem 0 0;padding-left:1.6rem}
nav li{break-inside:avoid;padding:.1rem 0}
nav li::marker{color:var(--muted);font-variant-numeric:tabular-nums}
main{display:grid;grid-template-columns:minmax(0,1fr);gap:2.5rem;padding-top:2rem;padding-bottom:3rem}
.drawing{max-width:30rem}
.words section{background:var(--surface);border:1px solid var(--line);border-radius:8px;
padding:1.1rem 1.35rem;margin:0 0 1.1rem}
.head{display:flex;justify-content:space-between;gap:1rem;align-items:baseline}
.note{color:var(--muted)}
.whole{font-weight:600}
table{border-collapse:collapse;width:100%;margin:.9rem 0 .3rem;font-size:.92rem;line-height:1.4}
th,td{text-align:left;vertical-align:baseline;padding:.32rem .9rem .32rem 0;font-weight:400}
thead th{color:var(--muted);font-size:.8rem;padding-bottom:.2rem}
tbody tr{border-top:1px solid var(--line)}
tr:is(:hover,:focus-within,:target),.head:has(:target){box-shadow:-3px 0 0 var(--link)}
tr.wider{background:var(--wider-ground)}
tr.narrower{background:var(--narrower-ground)}
tr.other{background:var(--other-ground)}
td.mark,th.mark{width:1.6rem;padding-left:.35rem;padding-right:.35rem;font-size:.8rem}
th.mark{font-weight:400}
.ask{white-space:nowrap;font-size:.86rem;color:var(--muted)}
td.ask,th.ask{text-align:right;padding-right:.5rem;width:8.5rem}
.ask small{display:block;white-space:normal;font-size:.8rem;line-height:1.3}
tr[data-missing] :is(th,td[data-t]){text-decoration:line-through;text-decoration-color:var(--strong)}
details{margin:.5rem 0}
td details{margin:0}
summary{cursor:pointer;color:var(--link)}
pre{overflow:auto;margin:.5rem 0;line-height:1.45;white-space:pre-wrap}
.bar,.tip{position:fixed;z-index:2;left:0;right:0;bottom:0;background:var(--bar);color:var(--bar-text);
padding:.7rem 1.75rem .8rem;box-shadow:0 -1px 0 var(--line);text-align:left;white-space:normal}
.bar{color:var(--bar-muted);font-size:.9rem}
.bar p,.tip p{margin:0;max-width:none}
.tip{display:none;max-height:55vh;overflow:auto;font-size:.9rem;z-index:3}
.tip pre{margin:.45rem 0 0;color:var(--bar-text)}
.tip p{color:var(--bar-muted)}
.tip code{color:var(--bar-text)}
:is(tr,.head):is(:hover,:has(a:focus-visible),:target)>.ask>.tip,.head:has(:target)>.ask>.tip{display:block}
:is(tr,.head):has(a:focus-visible)>.ask>.tip{z-index:4}
:is(tr,.head):hover>.ask>.tip{z-index:5}
.end{color:var(--muted);font-size:.9rem;padding-bottom:6rem}
@media screen and (min-width:60rem){html{--beside:50vw}
main{grid-template-columns:minmax(20rem,26rem) minmax(0,1fr)}.drawing{position:sticky;top:0;
scroll-padding:2rem 0;align-self:start;max-height:calc(100vh - 3.5rem);overflow:auto;scrollbar-width:thin;
padding:1rem 2px}.words{padding-top:1rem}}
@media (min-width:80rem){.top{display:grid;grid-template-columns:28rem minmax(0,1fr);gap:0 3.5rem}
.top h2{margin-top:.1rem}main{grid-template-columns:28rem minmax(0,1fr);gap:3.5rem}}
@media (max-width:46rem){header,main,.end,.bar,.tip{padding-left:1rem;padding-right:1rem}
h1{font-size:1.4rem}.facts{grid-template-columns:minmax(0,1fr);gap:0}.facts dd{margin:0 0 .45rem}
.words section{padding:.9rem .85rem}}
@media screen and (max-width:46rem),screen and (min-width:60rem) and (max-width:73rem){table,tbody,tr,td,
th{display:block}thead{position:absolute;width:1px;height:1px;overflow:hidden;clip-path:inset(50%)}
tbody tr{position:relative;padding:.5rem .5rem .5rem 1.5rem}th,td{padding:.08rem 0}td:empty{display:none}
td.mark{position:absolute;left:.3rem;width:auto;padding:.1rem 0 0}
td[data-t]::before{content:attr(data-t) ": ";color:var(--muted)}td.ask{text-align:left;width:auto;
padding:.1rem 0 0}}
`;

const TIMES = `
.times td.n,.times th.n{text-align:right;font-variant-numeric:tabular-nums;white-space:nowrap;width:5rem}
.times td.in{width:40%;padding-right:0;vertical-align:middle}
.times th[scope=row]{padding-left:1.4rem}
.times tr:is(.phase,.command) th[scope=row]{font:inherit;font-weight:600;padding-left:.2rem}
.times th small{font:.8rem system-ui,"Segoe UI",Roboto,sans-serif;color:var(--muted)}
svg.span{display:block;width:100%;height:10px}
svg.lanes{display:block;width:100%}
svg.lanes text{font:11px system-ui,sans-serif;fill:var(--muted)}
.lane{fill:var(--ground)}
.s{fill:var(--strong)}
.s.phase{fill:var(--link);stroke:var(--surface)}.s.call{fill:var(--narrower)}.s.inside{fill:var(--other)}
.s.wait,.s.hook,.s.spawn,.s.library,.s.dbus{fill:var(--wider)}
.key{display:inline-block;width:.8rem;height:.8rem;vertical-align:-.08rem;margin-right:.35rem}
@media screen and (max-width:46rem),
screen and (min-width:60rem) and (max-width:73rem){.times td.in{width:auto}.times td.n{text-align:left}
.times tbody tr :is(th,td){padding-left:0!important}}
`;

const PRINT = `
@media print{:root{color-scheme:light;${variables(LIGHT)}}@page{margin:15mm}html,
body{background:var(--surface);font-size:10.5pt}.bar,.tip,.skip{display:none!important}
header,main,.end{padding-left:0;padding-right:0;max-width:none}main{display:block}.drawing{position:static;
max-height:none;overflow:visible;max-width:12cm;margin:0 0 1cm;break-inside:avoid}
.words section{border:0;padding:0;margin:0 0 .7cm;background:none}.head,h2,h3{break-after:avoid}
tr{break-inside:avoid}thead{display:table-header-group}a{color:inherit;text-decoration:none}
tr,svg,.s,.key{print-color-adjust:exact;-webkit-print-color-adjust:exact}.end{padding-bottom:0}}
`;

/** Dark if the reader's system is dark, and light on paper. */
export const STYLE = [
  `:root{color-scheme:light dark;${variables(LIGHT)}}`,
  `@media (prefers-color-scheme:dark){:root{${variables(DARK)}}}`,
  SCREEN.trim(),
  PICTURE_STYLE.trim(),
  TIMES.trim(),
  // Beside the picture, of which it would cover a part.
  `${SHOWN}{display:block;z-index:6;left:var(--beside)}`,
  PRINT.trim(),
].join("\n");
