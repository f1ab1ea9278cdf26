// The part of the style sheet for the picture. Pure.

export const PICTURE_STYLE = `
svg.picture{display:block;width:100%;height:auto;overflow:visible}
svg.picture text{font:11px ui-monospace,"SFMono-Regular",Menlo,Consolas,"DejaVu Sans Mono",monospace;
fill:var(--text)}
svg.picture .title{font:600 10.5px system-ui,"Segoe UI",Roboto,Helvetica,Arial,sans-serif;fill:var(--muted)}
svg.picture .value{fill:var(--muted)}
.frame{fill:var(--surface);stroke:var(--strong)}
.frame.host{fill:var(--ground);stroke-dasharray:3 3}
.frame.sees{stroke:var(--own);fill:var(--ground)}
.frame.process{stroke:var(--own);stroke-width:1.5}
.it{text-decoration:none}
.it .hit{fill:transparent;stroke:transparent}
.it.wider .hit{fill:var(--wider-ground)}
.it.narrower .hit{fill:var(--narrower-ground)}
.it.other .hit{fill:var(--other-ground)}
.it .tile{fill:var(--own-ground);stroke:var(--own)}
.it .tile.host{fill:var(--ground);stroke:var(--strong);stroke-dasharray:3 2}
.it.wider .tile{fill:var(--wider-ground);stroke:var(--wider)}
.it.narrower .tile{fill:var(--narrower-ground);stroke:var(--narrower)}
.it.other .tile{fill:var(--other-ground);stroke:var(--other)}
svg.picture .it.wider .sign{fill:var(--wider)}
svg.picture .it.narrower .sign{fill:var(--narrower)}
svg.picture .it.other .sign{fill:var(--other)}
.branch{fill:none;pointer-events:none;stroke:var(--strong);stroke-width:.8}
.cell{stroke:var(--strong);fill:none;pointer-events:all}
.cell.kept{fill:var(--own);stroke:var(--own)}
.it.wider .cell.kept{fill:var(--wider);stroke:var(--wider)}
.it.narrower .cell.kept{fill:var(--narrower)}
.it.narrower .cell{stroke:var(--narrower);stroke-width:1.5}
.notch{fill:none;stroke-width:1.8;stroke:var(--narrower);pointer-events:none}
.it.wider .notch,.kept+.notch{stroke:var(--surface)}
.it .program{fill:var(--bar);stroke:none}
svg.picture .command{fill:var(--bar-text)}
.it:hover .hit,.it:hover .cell{stroke:var(--link);stroke-width:1.5}
a.it:focus{outline:none}
.it:focus .hit,.it:focus .cell{stroke:var(--link);stroke-width:2.5}
`;
