// The desk of the Inpaint tab: a picture to paint on, the steps it went through, suggestions.
// `props.value`: items (id, name, steps, variants), current. A step is a state of the picture: path, view, width, height,
// and for results name, verb, words, seed, left, top (where the step before lies in it), blurry, helped, note.
// Masks and sides belong to a step, by its path; they are sent along when a run is asked for (event `go`).
const { el, url } = window.Studio;
const viewer = makeViewer();
const view = viewer.root.querySelector(".view"), under = viewer.root.querySelector(".layer img");
const masks = makeMasks(() => { lastKey = step()?.path; drawState(); });
const frame = makeFrame((sides, done) => { extend[step().path] = { ...sides }; drawState(); if (done) drawPicture(); });
let tool = "brush", verb = "inpaint", lastKey = null, shownAs = "", seenAs = "", pad = null;
const at = {}, known = {}, extend = {};  // by a picture's id: at, known; by a step's path: extend
const item = () => props.value.items.find((one) => one.id === props.value.current) || null;
const stepOf = (one) => one.steps[at[one.id]];
const step = () => { const one = item(); return one && stepOf(one); };
const working = () => Boolean(document.querySelector("#inpaint-stage .stage.working"));
const painting = () => tool === "brush" || tool === "erase" || tool === "select";
const note = el("p.note.said", { role: "status", "aria-live": "polite" });
const say = (text, bad = false) => { note.textContent = text; note.classList.toggle("trouble", bad); if (bad) note.scrollIntoView({ block: "nearest" }); };

const on = { masks, server, items: () => props.value.items, item, step, say };
const tools = makeTools({ masks, use, sized: () => showRing() });
const runs = makeRuns({ ...on, extend, at: (one) => at[one.id], verb: () => verb, working, send: (run) => trigger("go", run) });
const finders = makeFinders({ ...on, tools, upload, stepOf, keep: runs.keep, asking: (now) => root.classList.toggle("asking", now) });
const results = makeResults({ go: runs.go, walk, step,
  take: (number) => { if (!working()) trigger("take", { id: item().id, number }); },
  held: (now) => { root.classList.toggle("holding", now); if (now) results.showFirst(item(), at[item().id]); } });
window.Studio.inpaint = () => runs.go();
// For paste.js: what is shown, and a run that lays something on it.
window.Studio.desk = { step, working, back: () => walk(-1),
  go(does, edit) { const { id } = item(); trigger("go", { verb: does, count: 1, ids: [id], edits: { [id]: edit }, bases: { [id]: step().path }, current: id }); } };

const sheet = el("div.sheet", {}, masks.halo, masks.canvas, frame.plan, results.first);
const ring = el("div.ring"), band = el("div.band");
view.append(sheet, band, ring);
const toolRow = el("div.row.tools", {}, ...tools.choice, el("span.gap"), results.hold, results.another, tools.edits);
const root = el("section.part-stage.retouch", { "aria-label": "Retouch" }, toolRow, frame.controls, viewer.root, tools.teach, note, results.alarm, results.row, results.shelf, finders.row);
element.replaceChildren(root);
viewer.preview(null);

// What is on the page now

function draw() {
  const { items } = props.value, files = new Set();
  for (const one of items) {
    const last = one.steps.length - 1, mark = one.steps[last].path;
    for (const state of one.steps) files.add(state.path);
    if (known[one.id] !== mark) {
      const fresh = known[one.id] === undefined;
      known[one.id] = mark;
      at[one.id] = last;
      if (fresh && finders.keeps && lastKey) masks.copy(lastKey, mark, one.steps[0].width, one.steps[0].height);
      if (!fresh && one === item()) { tool = "compare"; say(""); }
    }
    at[one.id] = Math.min(at[one.id], last);
  }
  masks.forget(files);
  const one = item();
  root.hidden = !one;
  if (!one) { shownAs = seenAs = ""; return; }
  drawPicture();
  drawState();
}

function drawPicture() {
  const one = item(), now = stepOf(one), before = one.steps[at[one.id] - 1];
  masks.open(now.path, now.width, now.height);
  const key = [one.id, now.path].join();
  if (key !== shownAs) { shownAs = key; say(""); }
  root.dataset.mode = tool;
  if (tool === "extend") {
    const wide = frame.open(now, extend[now.path]);
    pad = { ...wide, by: wide.inner };
    viewer.show({ before: url(now.view), after: null, label: one.name, width: wide.width, height: wide.height });
    seenAs = "";
  } else {
    pad = before ? { left: now.left, top: now.top, width: now.width, height: now.height, by: before } : null;
    viewer.show({ before: url(before ? before.view : now.view), after: before ? url(now.view) : null, label: one.name, width: now.width, height: now.height, words: now.words });
  }
  if (key !== seenAs) { seenAs = key; if (before) viewer.divide(0.04); }  // a result is seen whole first
  place();
}

// The sheet lies over the picture wherever the viewer puts it. A picture that grew has its former self inside it.
function place() {
  const box = seat();
  Object.assign(sheet.style, { width: `${box.width}px`, height: `${box.height}px`, transform: `translate(${box.left}px, ${box.top}px)` });
  const scale = pad ? box.width / pad.width : 0;
  const inset = pad ? [pad.top, pad.width - pad.left - pad.by.width, pad.height - pad.top - pad.by.height, pad.left].map((side) => `${Math.max(0, side * scale)}px`).join(" ") : "";
  if (under.dataset.pad !== inset) { under.dataset.pad = inset; under.style.padding = inset; }
}
function seat() {
  const edge = view.getBoundingClientRect(), box = under.getBoundingClientRect();
  return { left: box.left - edge.left, top: box.top - edge.top, width: box.width || 1, height: box.height || 1, x: box.left, y: box.top };
}
new MutationObserver(place).observe(under, { attributes: true, attributeFilter: ["style"] });

function drawState() {
  const one = item();
  if (!one) return;
  const any = masks.has(stepOf(one).path);
  tools.draw(tool, { untouched: at[one.id] === 0, any });
  finders.draw({ several: props.value.items.length > 1, any });
  tools.edits.hidden = finders.row.hidden = !painting();
  frame.controls.hidden = tool !== "extend";
  results.draw(one, at[one.id], { looking: tool === "compare", ready: Boolean(runs.basis(one)) });
}

function use(name) {
  if (name !== tool && tool === "select") tools.put();
  tool = name;
  const does = name === "extend" ? "outpaint" : name === "compare" ? verb : "inpaint";
  if (does !== verb) { verb = does; trigger("verb", { verb }); }
  ring.hidden = true;
  drawPicture();
  drawState();
}
function walk(by) {
  const one = item();
  at[one.id] = Math.min(one.steps.length - 1, Math.max(0, at[one.id] + by));
  if (at[one.id] === 0 && tool === "compare") use("brush");
  drawPicture();
  drawState();
}

const { showRing } = makeHands({ viewer, masks, frame, ring, band, seat, step, working, painting, select: finders.select,
  tool: () => tool, width: () => pad.width, size: () => tools.size, taking: tools.taking });

document.addEventListener("keydown", (event) => {
  if (element.offsetParent === null || root.hidden || event.target.closest?.("input:not([type=range], [type=checkbox], [type=radio]), textarea, select")) return;
  const key = event.key.toLowerCase();
  if ((event.ctrlKey || event.metaKey) && (key === "z" || key === "y") && painting() && !working()) {
    event.preventDefault();
    return key === "y" || event.shiftKey ? masks.redo() : masks.undo();
  }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (tools.named(key)) return use(tools.named(key));
  if ((key !== "[" && key !== "]") || !painting()) return;
  tools.grow(key === "]" ? 1.2 : 1 / 1.2);
  showRing(null);
});

// The panel's sliders, drawn by gradio, are heard here: the mask shows how far it grows and how wide its soft edge is.
const EDGES = { "#inpaint-expand": masks.grow, "#inpaint-feather": masks.soften };
for (const [slider, show] of Object.entries(EDGES)) {
  for (const name of ["input", "change"]) document.addEventListener(name, (event) => { if (event.target.closest?.(slider)) show(Number(event.target.value) || 0); });
  setTimeout(() => show(Number(document.querySelector(`${slider} input[type=number], ${slider} input`)?.value || 0)), 500);
}

watch("value", draw);
draw();
