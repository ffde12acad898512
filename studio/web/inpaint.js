// The desk of the Inpaint tab: a picture to paint on, the steps it went through, suggestions.
// `props.value`: items (id, name, steps, variants), current. A step is a state of the picture: path, view, width, height,
// and for results name, verb, words, seed, left, top (where the step before lies in it), blurry, helped, note.
// Masks and sides belong to a step, by its path; they are sent along when a run is asked for (event `go`).
const { el, icon, url } = window.Studio;
const viewer = makeViewer();
const view = viewer.root.querySelector(".view"), under = viewer.root.querySelector(".layer img");
const masks = makeMasks(() => { lastKey = step()?.path; drawState(); });
const frame = makeFrame((sides, done) => { extend[step().path] = { ...sides }; drawState(); if (done) drawPicture(); });
const first = el("img.first", { alt: "The original", draggable: "false" });
const sheet = el("div.sheet", {}, masks.halo, masks.canvas, frame.plan, first);
const ring = el("div.ring"), band = el("div.band");
view.append(sheet, band, ring);

const button = (label, name, action, ...shown) =>
  el("button.quiet", { type: "button", "data-do": name, "aria-label": label, title: label, onclick: action }, ...shown);
const TOOLS = { brush: ["Brush", "brush", "Paint over what should go (B)"], erase: ["Eraser", "eraser", "Rub out paint (E)"],
  select: ["Select", "wand", "Click on an object to select it (S)"], extend: ["Extend", "frame", "Make the picture larger on its sides (X)"],
  compare: ["Look", "eye", "Move around and compare (C)"] };
const TEACH = { brush: "Paint over what should go. Shift-click draws a straight line, [ and ] change the size, two fingers zoom.",
  erase: "Rub out paint where too much of it is.",
  select: "Click on an object, or draw a box around it. Alt-click, or the minus button, takes away. Reach says how far a click goes.",
  extend: "Pull at a side, or say by how much. The picture goes on where it ended.",
  compare: "Drag the line to compare. Choose the brush to go on from what you see." };
const toolButtons = Object.entries(TOOLS).map(([name, [word, sign, title]]) =>
  el("button", { type: "button", "data-tool": name, "aria-label": word, title, onclick: () => use(name) }, icon(sign), el("span", {}, word)));
const size = el("input", { type: "range", min: 4, max: 200, value: 44, "aria-label": "Size of the brush, in pixels of the screen", oninput: () => showRing() });
const sizeBox = el("label.amount", {}, el("span", {}, "Size"), size);
const reach = el("input", { type: "range", min: 0, max: 1, step: 0.05, value: 0.5, "aria-label": "How far a click reaches" });
const away = button("Take away from the mask with a click", "away", () => { away.setAttribute("aria-pressed", String(away.getAttribute("aria-pressed") !== "true")); }, icon("minus"));
away.setAttribute("aria-pressed", "false");
const reachBox = el("label.amount", {}, el("span", {}, "Reach"), reach);
const undo = button("Undo (Ctrl+Z)", "undo", () => masks.undo(), icon("undo"));
const redo = button("Redo (Ctrl+Shift+Z)", "redo", () => masks.redo(), icon("redo"));
const invert = button("Invert the mask", "invert", () => masks.invert(), icon("invert"));
const clear = button("Clear the mask", "clear", () => masks.clear(), icon("trash"));
const edits = el("span.edits", { role: "group", "aria-label": "Mask" }, undo, redo, invert, clear);
const teach = el("p.teach");
const note = el("p.note.said", { role: "status", "aria-live": "polite" });

const KINDS = { scratches: "Scratches", text: "Text", date: "Date stamp" };
const finders = Object.entries(KINDS).map(([kind, word]) => button(`Find ${word.toLowerCase()} and add it to the mask`, kind, () => find(kind), word));
const maskFile = el("input", { type: "file", accept: "image/*", "aria-label": "Upload a mask, white where to fill", onchange: () => uploadMask() });
const uploader = el("label.quiet.file", { title: "A picture of the same shape, white where to fill" }, maskFile, icon("upload"), "Mask");
const saver = button("Download the mask", "save", () => saveMask(), icon("download"), "Mask");
const forAll = button("Use this mask for all pictures", "all", () => spread(), "Mask for all");
const keepNext = el("input", { type: "checkbox" });
const maskRow = el("div.row.masks", {}, el("span.group", { role: "group", "aria-label": "Find" }, el("h3", {}, "Find"), ...finders), el("span.gap"), uploader, saver, forAll,
  el("label.tick", {}, keepNext, "Keep this mask for the next photo"));

const hold = button("Hold to see the original", "hold", () => {}, icon("eye"), "Hold: original");
const another = button("Try another fill", "another", () => go({ again: true }), "Try another");
const three = button("Make three suggestions to choose from", "three", () => go({ count: 3 }), "Three suggestions");
const back = button("Back to the step before", "back", () => walk(-1), icon("undo"));
const forth = button("On to the next step", "forth", () => walk(1), icon("redo"));
const where = el("span.where", { "aria-live": "polite" });
const path = el("span.group.path", { role: "group", "aria-label": "Steps" }, back, where, forth);
const fetchStep = el("a.quiet", {}, icon("download"), "This step");
const senders = window.Studio.senders(() => step(), "Upscale", "Faces", "Colorize");
const alarm = el("p.note.alarm");
const shelf = el("div.choices", { role: "group", "aria-label": "Suggestions" });
const resultRow = el("div.row.results", {}, three, path, fetchStep, el("span.gap"), senders);
const toolRow = el("div.row.tools", {}, el("span.segments", { role: "group", "aria-label": "Tools" }, ...toolButtons), sizeBox, reachBox, away, el("span.gap"), hold, another, edits);
const root = el("section.part-stage.retouch", { "aria-label": "Retouch" }, toolRow, frame.controls, viewer.root, teach, note, alarm, resultRow, shelf, maskRow);
element.replaceChildren(root);
viewer.preview(null);

let tool = "brush", verb = "inpaint", lastKey = null, asked = 0, holding = false, shownAs = "", seenAs = "", pad = null;
const at = {}, known = {}, extend = {}, seeds = {}, kept = {};  // by a picture's id: at, known; by a step's path: the others
const item = () => props.value.items.find((one) => one.id === props.value.current) || null;
const stepOf = (one) => one.steps[at[one.id]];
const step = () => { const one = item(); return one && stepOf(one); };
const working = () => Boolean(document.querySelector("#inpaint-stage .stage.working"));
const painting = () => tool === "brush" || tool === "erase" || tool === "select";
const say = (text, bad = false) => { note.textContent = text; note.classList.toggle("trouble", bad); if (bad) note.scrollIntoView({ block: "nearest" }); };
const extended = (path) => Object.values(extend[path] || {}).some(Boolean);

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
      if (fresh && keepNext.checked && lastKey) masks.copy(lastKey, mark, one.steps[0].width, one.steps[0].height);
      if (!fresh && one === item()) { tool = "compare"; say(""); }
    }
    at[one.id] = Math.min(at[one.id], last);
  }
  masks.forget(files);
  const one = item();
  root.hidden = !one;
  if (!one) { shownAs = seenAs = ""; return; }
  forAll.hidden = items.length < 2;
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
  const k = at[one.id], now = stepOf(one), last = one.steps.length - 1, any = masks.has(now.path);
  for (const each of toolButtons) each.setAttribute("aria-pressed", String(each.dataset.tool === tool));
  sizeBox.hidden = tool !== "brush" && tool !== "erase";
  reachBox.hidden = away.hidden = tool !== "select";
  edits.hidden = maskRow.hidden = !painting();
  frame.controls.hidden = tool !== "extend";
  teach.textContent = tool === "compare" && k === 0 ? "Zoom and move. Choose the brush to paint over what should go." : TEACH[tool];
  undo.disabled = !masks.canUndo;
  redo.disabled = !masks.canRedo;
  clear.disabled = saver.disabled = forAll.disabled = !any;
  senders.hidden = k === 0;
  another.hidden = (hold.hidden = k === 0 || tool !== "compare") || now.verb === "blend";
  three.hidden = !basis(one);
  path.hidden = last === 0;
  where.textContent = `Step ${k} of ${last}`;
  back.disabled = k === 0;
  forth.disabled = k === last;
  fetchStep.hidden = k === 0 || k === last;
  if (!fetchStep.hidden) { fetchStep.href = url(now.path); fetchStep.download = now.name; }
  resultRow.hidden = [...resultRow.children].every((child) => child.hidden || child.className === "gap");
  alarm.textContent = now.note || "";
  alarm.hidden = !now.note; alarm.classList.toggle("good", Boolean(now.helped));
  another.classList.toggle("wanted", Boolean(now.blurry));
  const fills = k === last && last > 0 && one.variants.length > 1 ? one.variants : [];
  const drawn = JSON.stringify([one.id, fills.map((fill) => [fill.close.length, fill.close.slice(-60), fill.on, fill.blurry])]);
  if (shelf.dataset.drawn !== drawn) {
    shelf.dataset.drawn = drawn;
    shelf.replaceChildren(...fills.map((fill, i) => el("button.suggestion", { type: "button", "aria-pressed": String(fill.on), "aria-label": `Suggestion ${i + 1}${fill.blurry ? ", blurry" : ""}`,
      onclick: () => { if (!working()) trigger("take", { id: one.id, number: i }); } }, el("img", { src: fill.close, alt: "" }), el("span", {}, `${i + 1}${fill.blurry ? " · blurry" : ""}`))));
  }
}

function use(name) {
  if (name !== tool && tool === "select") away.setAttribute("aria-pressed", "false");
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

// A run: which step it begins with, its mask or sides, its seed

const ready = (state, does) => state && (does === "inpaint" ? masks.has(state.path) : extended(state.path));
// What is shown, if there is something to do to it; else what it was made from, which is then made once more.
function basis(one, does = verb) {
  const k = at[one.id];
  return [one.steps[k], one.steps[k].verb === does ? one.steps[k - 1] : null].find((state) => ready(state, does)) || null;
}
function seedOf(state, does, next) {
  const mark = does === "inpaint" ? masks.version(state.path) : JSON.stringify(extend[state.path]);
  if (seeds[state.path]?.mark !== mark) seeds[state.path] = { mark, now: 0, top: -1 };
  const seed = seeds[state.path];
  if (next) seed.now = seed.top + 1;
  return seed;
}
async function keepMask(path) {
  const version = masks.version(path);
  if (kept[path]?.version !== version) {
    const said = await server.keep({ mask: masks.data(path), ...masks.original(path) }).catch(() => ({ error: "The studio does not answer." }));
    if (said.error) throw new Error(said.error);
    kept[path] = { version, mask: said.mask };
  }
  return kept[path].mask;
}
let starting = false;
async function go({ count = 1, again = false } = {}) {
  if (working() || starting || !item()) return;
  const one = item(), made = stepOf(one), does = again && made.verb ? made.verb : verb;
  const from = (each) => (again ? each.steps[at[each.id] - 1] : basis(each, does));
  const chosen = (again || count > 1 ? [one] : props.value.items).filter(from);
  if (!chosen.length) return say(does === "inpaint" ? "The mask is empty. Paint over what should go." : "Pull at a side first, or say by how much the picture should grow.", true);
  say("");
  starting = true;
  try {
    const todo = {}, bases = {};
    for (const each of chosen) {
      const state = from(each), seed = seedOf(state, does, again || count > 1);
      todo[each.id] = { seed: seed.now, ...(does === "inpaint" ? { mask: await keepMask(state.path) } : extend[state.path]) };
      seed.top = Math.max(seed.top, seed.now + count - 1);
      bases[each.id] = state.path;
    }
    trigger("go", { verb: does, count, ids: Object.keys(todo), edits: todo, bases, current: props.value.current });
  } catch (error) { say(error.message, true); } finally { starting = false; }
}
window.Studio.inpaint = () => go();
// For paste.js: what is shown, and a run that lays something on it.
window.Studio.desk = { step, working, back: () => walk(-1),
  go(does, edit) { const { id } = item(); trigger("go", { verb: does, count: 1, ids: [id], edits: { [id]: edit }, bases: { [id]: step().path }, current: id }); } };

// Masks that are not painted

async function ask(name, question) {
  const number = ++asked, { path } = step();
  root.classList.add("asking");
  const said = await server[name]({ ...question, path }).catch(() => ({ error: "The studio does not answer." }));
  if (number === asked) root.classList.remove("asking");
  if (said.error) { say(said.error, true); return null; }
  const image = new Image();
  image.src = said.mask;
  await image.decode();
  return step()?.path === path ? { ...said, image } : null;
}
async function select(question, takeAway) {
  const said = await ask("select", { ...question, tolerance: Number(reach.value) });
  if (said) { masks.stamp(said.image, takeAway); say(""); }
}
async function find(kind) {
  say("Looking …");
  const said = await ask("find", { kind });
  if (!said) return;
  if (said.found > 0) masks.stamp(said.image, false);
  say(said.found > 0 ? `${KINDS[kind]} found: ${said.found} % of the picture.` : `No ${KINDS[kind].toLowerCase()} found here.`);
}
async function uploadMask() {
  const [file] = maskFile.files;
  maskFile.value = "";
  if (!file) return;
  try {
    const image = await createImageBitmap(file), { width, height, path } = step();
    if (!masks.fits(image)) return say(`This mask has another shape (${image.width} × ${image.height}) than the picture (${width} × ${height}). Send one made for this picture.`, true);
    say("Loading the mask …");
    const sent = await upload(file).catch(() => null);
    if (!sent || step()?.path !== path) return say(sent ? "" : "The studio does not answer.", !sent);
    masks.load(image, sent.path);
    say("");
  } catch { say(`${file.name} is not a picture the browser can read. Choose a PNG or a JPEG.`, true); }
}
async function saveMask() {
  const { width, height, path } = step(), less = Math.min(1, Math.sqrt(24e6 / (width * height))), whole = masks.original(path).original;
  try {
    const href = whole ? url(await keepMask(path)) : URL.createObjectURL(await masks.file(Math.round(width * less), Math.round(height * less)));
    el("a", { href, download: `${item().name.replace(/\.[^.]*$/, "")}_mask.png` }).click();
    if (!whole) setTimeout(() => URL.revokeObjectURL(href), 5000);
  } catch (error) { say(error.message, true); }
}
function spread() {
  const { path } = step();
  for (const one of props.value.items) if (one !== item()) masks.copy(path, stepOf(one).path, stepOf(one).width, stepOf(one).height);
  say(`All ${props.value.items.length} pictures have this mask now.`);
}

const { showRing } = makeHands({ viewer, masks, frame, ring, band, seat, step, working, painting, select,
  tool: () => tool, width: () => pad.width, size: () => Number(size.value), taking: () => away.getAttribute("aria-pressed") === "true" });

document.addEventListener("keydown", (event) => {
  if (element.offsetParent === null || root.hidden || event.target.closest?.("input:not([type=range], [type=checkbox], [type=radio]), textarea, select")) return;
  const key = event.key.toLowerCase();
  if ((event.ctrlKey || event.metaKey) && (key === "z" || key === "y") && painting() && !working()) {
    event.preventDefault();
    return key === "y" || event.shiftKey ? masks.redo() : masks.undo();
  }
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  const name = { b: "brush", e: "erase", s: "select", x: "extend", c: "compare" }[key];
  if (name) use(name);
  else if ((key === "[" || key === "]") && painting()) { size.value = Number(size.value) * (key === "]" ? 1.2 : 1 / 1.2); showRing(null); }
});

// Press and hold: the original, where it lies in what is shown.
function peek(on) {
  if (holding === on || !item()) return;
  holding = on;
  root.classList.toggle("holding", on);
  if (!on) return;
  const { steps } = item(), k = at[item().id], now = steps[k];
  const left = steps.slice(1, k + 1).reduce((sum, one) => sum + one.left, 0), top = steps.slice(1, k + 1).reduce((sum, one) => sum + one.top, 0);
  if (first.getAttribute("src") !== url(steps[0].view)) first.src = url(steps[0].view);
  Object.assign(first.style, { left: `${(100 * left) / now.width}%`, top: `${(100 * top) / now.height}%`, width: `${(100 * steps[0].width) / now.width}%`,
    height: `${(100 * steps[0].height) / now.height}%` });
}
hold.addEventListener("pointerdown", (event) => { hold.setPointerCapture(event.pointerId); peek(true); });
for (const name of ["pointerup", "pointercancel", "blur", "keyup"]) hold.addEventListener(name, () => peek(false));
hold.addEventListener("keydown", (event) => { if (event.key === " " || event.key === "Enter") { event.preventDefault(); peek(true); } });
hold.addEventListener("contextmenu", (event) => event.preventDefault());

// The panel's sliders, drawn by gradio, are heard here: the mask shows how far it grows and how wide its soft edge is.
const EDGES = { "#inpaint-expand": masks.grow, "#inpaint-feather": masks.soften };
for (const [slider, show] of Object.entries(EDGES)) {
  for (const name of ["input", "change"]) document.addEventListener(name, (event) => { if (event.target.closest?.(slider)) show(Number(event.target.value) || 0); });
  setTimeout(() => show(Number(document.querySelector(`${slider} input[type=number], ${slider} input`)?.value || 0)), 500);
}

watch("value", draw);
draw();
