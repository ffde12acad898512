// The desk of the Colorize tab: one picture with its colours, hints on it, suggestions beside it.
// `props.value`: items (id, path, before, result, file, name, width, height), current, edits by id (hints, variant, seed),
// reference {path, name}, model. A hint is {x, y, colour, path}; path holds the further points of a stroke. At the end of a run
// also ran {panel, done}: edits, reference and model are then those the pictures in done were made with.
const { el, icon, url } = window.Studio;
const viewer = makeViewer();
const LIVE = ["strength", "saturation", "warmth", "balance", "repair"];
const pins = el("div.pins");
const SVG = "http://www.w3.org/2000/svg";
const ink = document.createElementNS(SVG, "svg");
ink.setAttribute("class", "ink");
ink.setAttribute("aria-hidden", "true");
viewer.root.querySelector(".view").append(ink, pins);
const picker = el("input.colour", { type: "color", value: "#3f6fb0", "aria-label": "Colour of the hint",
  oninput: () => recolour(picker.value, true), onchange: () => recolour(picker.value, false) });
const likely = el("div.swatches", { role: "group", "aria-label": "Colours that fit this place" });
const palette = el("div.swatches", { role: "group", "aria-label": "Colours of this picture" });
const button = (label, name, action, ...shown) => el("button.quiet", { type: "button", "data-do": name, "aria-label": label, title: label,
  onclick: action }, ...shown);
const undo = button("Undo the last change of hints or suggestions", "undo", () => goBack(), "Undo");
const none = button("Remove all hints", "none", () => change(() => { edit().hints = []; chosen = -1; }), icon("trash"));
const middle = button("Add a hint in the middle of the picture, to be moved with the arrow keys", "middle", () => add(0.5, 0.5), icon("plus"), "Hint");
const list = el("ul.hints");
const teach = el("p.teach", {}, "Click the picture to put a colour there, or draw a stroke of it. Drag a dot to move it.");
const shelf = el("div.choices", { role: "group", "aria-label": "Suggestions" });
const more = button("Three other suggestions", "more", () => change(() => { edit().seed = (edit().seed || 0) + 1; edit().variant = 1; }), "Others");
const send = window.Studio.senders(() => item()?.file, "Upscale", "Faces", "Inpaint");
const note = el("p.note", { "aria-live": "polite" });
const root = el("section.desk", { "aria-label": "Colours" }, viewer.root, note,
  el("div.row.tools", {}, el("h3", {}, "Hints"), picker, likely, palette, el("span.gap"), middle, undo, none), teach, list,
  el("div.row", {}, el("h3", {}, "Suggestions"), more, el("span.gap"), send), shelf);
element.replaceChildren(root);
viewer.preview(null);

let drawing = null, chosen = -1, shown = null, seen = "", want = null, owed = false, asking = false, askChoices = 0, rest = 0;
let mine = props.value;  // as this page left it
const past = {}, after = {}, made = {}, offered = {};  // made: the result of a picture, and how it was made
const item = () => props.value.items.find((one) => one.id === props.value.current) || null;
const edit = () => {
  const id = props.value.current;
  props.value.edits[id] ||= { hints: [], variant: 0, seed: 0 };
  return props.value.edits[id];
};
const field = (name) => document.querySelector(`#colorize-${name} input, #colorize-${name} textarea`);
const panel = () => [...LIVE.map((name) => Number(field(name)?.value ?? (LIVE.indexOf(name) < 2 ? 1 : 0))), field("palette")?.value || "", Boolean(field("clean")?.checked)];
const question = (one) => ({ path: one.path, panel: panel(), edit: props.value.edits[one.id] || {}, reference: props.value.reference?.path || "",
  model: props.value.model });
const keep = () => { mine = props.value = { ...props.value }; };  // gradio notices new values only
const how = (id, value, panel) => {
  const { hints = [], variant = 0, seed = 0 } = value.edits[id] || {};
  return JSON.stringify([hints, variant, seed, panel, value.reference?.path || "", value.model]);
};
const fresh = (one) => Boolean(one.result) && made[one.id]?.result === one.result && made[one.id].how === how(one.id, props.value, panel());

// What is on the page now

// A value of the server: hints and suggestions stay as they are here, and after a run all else that was done meanwhile, too.
function adopt() {
  if (props.value === mine) return;
  const { ran, ...value } = props.value, there = new Set(value.items.map((one) => one.id));
  for (const one of value.items) if (ran?.done.includes(one.id)) made[one.id] = { result: one.result, how: how(one.id, value, ran.panel) };
  value.edits = Object.fromEntries(Object.entries({ ...value.edits, ...mine.edits }).filter(([id]) => there.has(id)));
  if (ran) Object.assign(value, { reference: mine.reference, model: mine.model, current: there.has(mine.current) ? mine.current : value.current });
  mine = props.value = value;
  if (ran) window.dispatchEvent(new CustomEvent("studio-show", { detail: value.current }));
}

function draw() {
  adopt();
  const one = item();
  root.hidden = !one;
  if (!one) return;
  if (shown !== one.id) { shown = one.id; chosen = -1; likely.replaceChildren(); palette.replaceChildren(); }
  const key = [one.id, one.result, props.value.reference?.path, props.value.model].join();
  if (key !== seen) {
    seen = key;
    look({});
    choices();
  }
  drawPicture();
  drawHints();
}

function drawPicture() {
  const one = item();
  const whole = fresh(one) ? url(one.result) : null;
  send.hidden = !whole;
  note.hidden = Boolean(whole) && !note.classList.contains("trouble");
  viewer.show({ before: url(one.before), after: whole || after[one.id] || null, label: one.name, width: one.width, height: one.height, words: "In colour" });
  place();
}

function drawHints() {
  const hints = edit().hints;
  teach.hidden = hints.length > 0;
  undo.disabled = !(past[props.value.current] || []).length;
  none.disabled = !hints.length;
  list.replaceChildren(...hints.map((hint, i) => el(`li${i === chosen ? ".on" : ""}`, {},
    el("button.swatch", { type: "button", style: `background:${hint.colour}`, "aria-label": `Hint ${i + 1}, ${hint.colour}`, onclick: () => choose(i) }),
    el("span", {}, hint.colour),
    el("button.away", { type: "button", "aria-label": `Remove hint ${i + 1}`, title: "Remove", onclick: () => remove(i) }, icon("close")))));
  pins.replaceChildren(...hints.map((hint, i) => el(`button.pin${i === chosen ? ".on" : ""}`, { type: "button", style: `background:${hint.colour}`,
    "data-pin": i, "aria-label": `${hint.path ? "Stroke" : "Hint"} ${i + 1}, ${hint.colour}. Arrow keys move it, Delete removes it.`, onkeydown: (event) => steer(event, i) })));
  place();
}

function frame() {
  const image = viewer.root.querySelector(".layer img");
  const view = viewer.root.querySelector(".view").getBoundingClientRect();
  const box = image.getBoundingClientRect();
  return { left: box.left - view.left, top: box.top - view.top, width: box.width, height: box.height, x: box.left, y: box.top };
}

function place() {
  const box = frame();
  [...pins.children].forEach((pin, i) => {
    const hint = edit().hints[i];
    if (hint) pin.style.transform = `translate(${box.left + hint.x * box.width}px, ${box.top + hint.y * box.height}px)`;
  });
  const strokes = [...edit().hints.filter((hint) => hint.path), ...(drawing?.path.length ? [drawing] : [])];
  ink.replaceChildren(...strokes.flatMap((hint) => ["edge", "core"].map((kind) => {
    const line = document.createElementNS(SVG, "polyline");
    line.setAttribute("class", kind);
    line.setAttribute("points", [[hint.x, hint.y], ...hint.path].map(([x, y]) => `${box.left + x * box.width},${box.top + y * box.height}`).join(" "));
    if (kind === "core") line.style.stroke = hint.colour;
    return line;
  })));
}
new MutationObserver(place).observe(viewer.root.querySelector(".layer img"), { attributes: true, attributeFilter: ["style"] });

// Hints

function remember(before) {
  const steps = past[props.value.current] ||= [];
  steps.push(before);
  if (steps.length > 60) steps.shift();
}
function change(action, quick) {
  remember(JSON.stringify(edit()));
  action();
  keep();
  drawHints();
  look({ quick: true, choices: !quick });  // small first; full size and suggestions follow
}
function goBack() {
  const before = (past[props.value.current] || []).pop();
  if (before === undefined) return;
  props.value.edits[props.value.current] = JSON.parse(before);
  chosen = -1;
  keep();
  drawHints();
  drawChoices();
  look({ choices: true });
}
function add(x, y) {
  change(() => { edit().hints.push({ x, y, colour: picker.value }); chosen = edit().hints.length - 1; });
  pins.children[chosen]?.focus({ preventScroll: true });
}
function remove(i) { change(() => { edit().hints.splice(i, 1); chosen = -1; likely.replaceChildren(); }); }
function choose(i) {
  chosen = i;
  picker.value = edit().hints[i].colour;
  drawHints();
  look({});
}
let picking = false;
function recolour(colour, quick) {
  picker.value = colour;
  if (chosen < 0) return;
  const set = () => { edit().hints[chosen].colour = colour; };
  if (picking) { set(); keep(); drawHints(); look({ quick: true, choices: !quick }); } else change(set, quick);
  picking = quick;
}
function steer(event, i) {
  const by = event.shiftKey ? 0.05 : 0.01;
  const move = { ArrowLeft: [-by, 0], ArrowRight: [by, 0], ArrowUp: [0, -by], ArrowDown: [0, by] }[event.key];
  if (event.key === "Delete" || event.key === "Backspace") { event.preventDefault(); event.stopPropagation(); remove(i); return; }
  if (!move) return;
  event.preventDefault();
  event.stopPropagation();
  change(() => { chosen = i; shift(i, edit().hints[i].x + move[0], edit().hints[i].y + move[1]); }, true);
  clearTimeout(rest);
  rest = setTimeout(choices, 500);  // suggestions take longer than a look: not at every press
  pins.children[i]?.focus({ preventScroll: true });
}
const within = (v) => Math.min(0.999, Math.max(0, v));
function shift(i, x, y) {  // a stroke moves as a whole
  const hint = edit().hints[i], dx = within(x) - hint.x, dy = within(y) - hint.y;
  Object.assign(hint, { x: within(x), y: within(y) });
  if (hint.path) hint.path = hint.path.map(([px, py]) => [within(px + dx), within(py + dy)]);
}

// Pointers on the picture: a dot is dragged, a click adds one, a mouse or a pen draws a stroke (a finger scrolls the page);
// the line between before and after keeps its own.
let held = null, down = null;
function spot(event) {
  const box = frame();
  return [(event.clientX - box.x) / box.width, (event.clientY - box.y) / box.height];
}
const view = viewer.root.querySelector(".view");
view.addEventListener("pointerdown", (event) => {
  down = { x: event.clientX, y: event.clientY };
  const pin = event.target.closest?.(".pin");
  if (pin) {
    held = { i: Number(pin.dataset.pin), moved: false, before: JSON.stringify(edit()) };
    view.setPointerCapture(event.pointerId);
  } else if (event.button === 0 && event.pointerType !== "touch" && !view.classList.contains("pannable")
    && !event.target.closest?.(".line, .zoombar")) {
    const [x, y] = spot(event);
    if (x >= 0 && x < 1 && y >= 0 && y < 1) drawing = { x, y, colour: picker.value, path: [] };
  }
  if (pin || (!event.target.closest?.(".line") && !view.classList.contains("pannable"))) event.stopPropagation();
}, { capture: true });
view.addEventListener("pointermove", (event) => {
  if (drawing) return stroke(event);
  if (!held) return;
  event.stopPropagation();
  if (!held.moved && Math.hypot(event.clientX - down.x, event.clientY - down.y) < 4) return;
  held.moved = true;
  shift(held.i, ...spot(event));
  place();
  look({ quick: true });
}, { capture: true });
function stroke(event) {
  event.stopPropagation();
  if (!drawing.path.length && Math.hypot(event.clientX - down.x, event.clientY - down.y) < 6) return;
  if (!drawing.path.length) view.setPointerCapture(event.pointerId);
  const [x, y] = spot(event).map(within), [px, py] = drawing.path[drawing.path.length - 1] || [drawing.x, drawing.y];
  if (Math.hypot(x - px, y - py) < 0.012 || drawing.path.length >= 100) return;
  drawing.path.push([x, y]);
  place();
}
view.addEventListener("pointerup", () => {
  if (drawing) {
    const made = drawing;
    drawing = null;
    if (made.path.length) return change(() => { edit().hints.push(made); chosen = edit().hints.length - 1; });
  }
  if (!held) return;
  const { i, moved, before } = held;
  held = null;
  if (!moved) return choose(i);
  remember(before);
  chosen = i;
  picker.value = edit().hints[i].colour;
  keep();
  drawHints();
  look({ choices: true });
}, { capture: true });
view.addEventListener("pointercancel", () => { held = drawing = null; place(); }, { capture: true });
view.addEventListener("click", (event) => {
  if (event.target.closest?.(".line, .pin, .zoombar") || !down || Math.hypot(event.clientX - down.x, event.clientY - down.y) > 5) return;
  const [x, y] = spot(event);
  if (x >= 0 && x < 1 && y >= 0 && y < 1) add(x, y);
});
view.addEventListener("dblclick", (event) => event.stopPropagation(), { capture: true });

// Looks: the newest question wins, one is under way at a time

function look({ quick = false, choices: also = false }) {
  const one = item();
  if (!one) return;
  send.hidden = !fresh(one);
  want = { id: one.id, quick };
  owed ||= also;
  pump();
}
async function pump() {
  if (asking) return;
  asking = true;
  root.classList.add("asking");
  while (want) {
    const now = want, one = props.value.items.find((other) => other.id === now.id);
    want = null;
    if (!one) continue;
    const hint = chosen >= 0 && edit().hints[chosen];
    const said = await server.look({ ...question(one), quick: now.quick, at: hint ? { x: hint.x, y: hint.y } : null }).catch(() => ({ error: "The studio does not answer." }));
    if (props.value.current !== now.id) continue;
    note.textContent = said.error || said.note || "";
    note.hidden = fresh(one) && !said.error;  // a result's own note stands above
    note.classList.toggle("trouble", Boolean(said.error));
    if (said.error) continue;
    after[now.id] = said.after;
    drawPicture();
    const swatch = (colour) => el("button.swatch", { type: "button", style: `background:${colour}`, title: colour, "aria-label": `Use ${colour}`,
      onclick: () => { picking = false; recolour(colour, false); } });
    likely.replaceChildren(...said.likely.map(swatch));
    if (!now.quick) palette.replaceChildren(...said.palette.map(swatch));
    if (now.quick && !want && !held) want = { ...now, quick: false };
    else if (owed && !now.quick) { owed = false; choices(); }
  }
  asking = false;
  root.classList.remove("asking");
}

async function choices() {
  const one = item(), number = ++askChoices;
  if (!one) return;
  const said = await server.choices(question(one))
    .catch(() => ({ error: "" }));
  if (number !== askChoices || said.error || !said.thumbs) return;
  offered[one.id] = said.thumbs;
  if (props.value.current === one.id) drawChoices();
}
function drawChoices() {
  const words = ["Likeliest", "Another", "A third"];
  shelf.replaceChildren(...(offered[props.value.current] || []).map((thumb, i) => el("button.suggestion", { type: "button", "data-variant": i,
    "aria-pressed": String((edit().variant || 0) === i), onclick: () => take(i) },
    el("img", { src: thumb, alt: "" }), el("span", {}, words[i]))));
}
function take(i) {
  if ((edit().variant || 0) === i) return;
  change(() => { edit().variant = i; });
  drawChoices();
}

// The panel's sliders, drawn by gradio, are heard here so that a drag needs no detour.
const heard = (event) => event.target.closest?.(LIVE.map((name) => `#colorize-${name}`).join(", "));
document.addEventListener("input", (event) => { if (heard(event)) look({ quick: true }); });
document.addEventListener("change", (event) => {
  if (heard(event)) look({});
  if (event.target.closest?.("#colorize-palette, #colorize-clean")) look({ choices: true });
});
document.addEventListener("click", (event) => { if (heard(event) && event.target.closest(".reset-button")) setTimeout(() => look({}), 50); });

watch("value", draw);
draw();
