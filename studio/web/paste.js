// "Paste an object": its picture, what of it is meant, how large it is and where it goes. It is dragged on the desk
// (inpaint.js), which also runs it: `window.Studio.desk` has step(), working(), back() and go(verb, edit).
const { el, icon } = window.Studio;
const ghost = el("canvas.ghost", { tabindex: 0, role: "img", "aria-label": "The object. Drag it, or move it with the arrow keys." });
const canvas = el("canvas.object", { tabindex: 0, role: "img", "aria-label": "Click on the object, or draw a box around it" });
const band = el("span.box"), board = el("div.board", {}, canvas, band);
const file = el("input", { type: "file", accept: "image/*", "aria-label": "Choose the picture with the object", onchange: () => { bring(file.files[0]); file.value = ""; } });
const chooser = el("label.quiet.file", { title: "A picture that shows it, with or without a background" }, file, icon("upload"), el("span", {}, "Choose its picture"));
const clear = el("button.quiet", { type: "button", "data-do": "unselect", "aria-label": "Select something else", title: "Select something else", onclick: () => { unselect(); draw(); } }, icon("trash"));
const teach = el("p.fine"), note = el("p.note", { role: "status", "aria-live": "polite" });
const range = (label, name, min, max, step, value) => el("input", { type: "range", min, max, step, value, "data-set": name, "aria-label": label, oninput: () => changed() });
const size = range("Height of the object, in percent of the picture's", "size", 2, 150, 1, 50);
const strength = range("How far it takes on the light and colours of the place", "strength", 0, 1, 0.05, 1);
const number = (label, name) => el("input", { type: "number", step: 1, inputmode: "numeric", "data-set": name, "aria-label": label, onchange: () => placed() });
const left = number("From the left, in pixels", "left"), top_ = number("From the top, in pixels", "top");
const sizeSaid = el("output"), strengthSaid = el("output");
const line = (word, input, said) => el("label.line", {}, el("span", {}, word), input, said);
const paste = el("button.main", { type: "button", "data-do": "paste", onclick: () => go() }, "Paste");
const copy = el("button.quiet", { type: "button", "data-do": "copy", onclick: () => { at.x += 0.06; at.y += 0.06; armed = true; draw(); } }, "Another copy");
const controls = el("div.settings", {}, line("Size", size, sizeSaid), line("Match light", strength, strengthSaid),
  el("div.where", {}, el("label", {}, el("span", {}, "Left"), left), el("label", {}, el("span", {}, "Top"), top_)), el("div.go", {}, paste, copy));
const root = el("section.pasting", { "aria-label": "Paste an object" }, el("div.head", {}, chooser, clear), board, teach, note, controls);
element.replaceChildren(root);

let thing = null, mask = null, box = null, at = { x: 0.5, y: 0.5 }, armed = false, asked = 0, down = null, held = null, kept = null;
const desk = () => window.Studio.desk;
const step = () => desk()?.step() || null;
const say = (text, bad = false) => { note.textContent = text; note.classList.toggle("trouble", bad); };
const blank = (width, height) => Object.assign(document.createElement("canvas"), { width, height });
const image = async (source) => { const one = new Image(); one.src = source; await one.decode(); return one; };

// The picture of the object, and what of it is meant

async function bring(chosen) {
  if (!chosen) return;
  const number = ++asked;
  say("Reading …");
  try {
    const { path } = await upload(chosen);
    const said = await server.look({ path });
    if (number !== asked) return;
    if (said.error) return say(said.error, true);
    thing = { path, name: chosen.name, width: said.width, height: said.height, cut: said.cut, view: await image(said.view) };
    at = { x: 0.5, y: 0.5 };
    armed = true;
    unselect();
    say("");
    draw();
  } catch { say("The file could not be sent. It may be too large.", true); }
}
function unselect() {
  mask = null;
  kept = null;
  if (thing) measure();
}
async function select(question, away) {
  const number = ++asked;
  root.classList.add("asking");
  const said = await server.select({ path: thing.path, tolerance: 0.5, ...question }).catch(() => ({ error: "The studio does not answer." }));
  if (number !== asked) return;
  root.classList.remove("asking");
  if (said.error) return say(said.error, true);
  const found = await image(said.mask);
  if (!mask) mask = blank(found.naturalWidth, found.naturalHeight);
  const pen = mask.getContext("2d");
  pen.globalCompositeOperation = away ? "destination-out" : "source-over";
  pen.drawImage(found, 0, 0, mask.width, mask.height);
  kept = null;
  measure();
  armed = true;
  say("");
  draw();
}
// The smallest box around what is meant, in parts of the object's picture; none while nothing is.
function measure() {
  const from = mask || (thing.cut ? thing.view : null);
  box = null;
  if (!from) return;
  const width = from.naturalWidth || from.width, height = from.naturalHeight || from.height, plain = blank(width, height);
  const pen = plain.getContext("2d", { willReadFrequently: true });
  pen.drawImage(from, 0, 0);
  const { data } = pen.getImageData(0, 0, width, height);
  let [x0, y0, x1, y1] = [width, height, -1, -1];
  for (let y = 0, i = 3; y < height; y++) for (let x = 0; x < width; x++, i += 4) if (data[i] > 127) { x0 = Math.min(x0, x); x1 = Math.max(x1, x); y0 = Math.min(y0, y); y1 = y; }
  if (x1 >= 0) box = { x: x0 / width, y: y0 / height, w: (x1 + 1 - x0) / width, h: (y1 + 1 - y0) / height };
}
function cutOut() {  // the object alone
  const made = blank(thing.view.naturalWidth, thing.view.naturalHeight), pen = made.getContext("2d");
  pen.drawImage(thing.view, 0, 0);
  if (mask) { pen.globalCompositeOperation = "destination-in"; pen.drawImage(mask, 0, 0, made.width, made.height); }
  return made;
}

// Where it goes: the middle of the object in parts of the picture, its height in percent

const scale = () => ((size.value / 100) * step().height) / (box.h * thing.height);
const edge = () => { const s = scale(), now = step(); return { left: at.x * now.width - (box.w * thing.width * s) / 2, top: at.y * now.height - (box.h * thing.height * s) / 2 }; };
function rearm() {  // to change what was just pasted one goes back to before it
  if (armed || !thing || !box) return;
  armed = true;
  if (step()?.verb === "blend" && !desk().working()) desk().back();
}
function changed() { rearm(); draw(); }
function placed() {
  const now = step();
  if (!now || !box) return;
  rearm();
  const s = scale();
  at = { x: (Number(left.value) + (box.w * thing.width * s) / 2) / step().width, y: (Number(top_.value) + (box.h * thing.height * s) / 2) / step().height };
  draw();
}

function draw() {
  const now = step(), ready = Boolean(thing && box && now);
  board.hidden = !thing;
  clear.hidden = !mask;
  controls.hidden = !thing;
  chooser.lastChild.textContent = thing ? thing.name : "Choose its picture";
  teach.textContent = !thing ? "It is fitted into the light and colours of the place." : !box ? "Click on the object, or draw a box around it."
    : !now ? "Bring the picture it goes into." : armed ? "Drag it to its place in the picture." : "Change something to place it anew.";
  sizeSaid.textContent = `${size.value} %`;
  strengthSaid.textContent = Number(strength.value).toFixed(2);
  paste.disabled = !ready || !armed;
  copy.hidden = !ready || armed;
  for (const input of [size, strength, left, top_]) input.disabled = !ready;
  if (thing) drawObject();
  drawGhost(ready && armed);
  if (ready && document.activeElement !== left && document.activeElement !== top_) { const corner = edge(); left.value = Math.round(corner.left); top_.value = Math.round(corner.top); }
}
function drawObject() {
  canvas.width = thing.view.naturalWidth;
  canvas.height = thing.view.naturalHeight;
  const pen = canvas.getContext("2d");
  if (mask) pen.globalAlpha = 0.3;
  pen.drawImage(thing.view, 0, 0);
  pen.globalAlpha = 1;
  if (mask) pen.drawImage(cutOut(), 0, 0);
}
function drawGhost(shown) {
  const sheet = document.querySelector("#inpaint-desk .sheet"), open = element.offsetParent !== null;
  if (sheet && ghost.parentElement !== sheet) { sheet.append(ghost); watchSheet(sheet); }
  ghost.hidden = !shown || !open || document.querySelector("#inpaint-desk .retouch")?.dataset.mode === "extend";
  if (ghost.hidden) return;
  const now = step(), s = scale(), corner = edge(), whole = cutOut();
  const [w, h] = [whole.width, whole.height], part = [box.x * w, box.y * h, Math.max(1, box.w * w), Math.max(1, box.h * h)];
  ghost.width = Math.ceil(part[2]);
  ghost.height = Math.ceil(part[3]);
  ghost.getContext("2d").drawImage(whole, ...part, 0, 0, ghost.width, ghost.height);
  Object.assign(ghost.style, { left: `${(100 * corner.left) / now.width}%`, top: `${(100 * corner.top) / now.height}%`,
    width: `${(100 * box.w * thing.width * s) / now.width}%`, height: `${size.value}%` });
}
let watched = null;
function watchSheet(sheet) {  // the desk moves its sheet whenever it shows another picture, or another part of it
  if (watched === sheet) return;
  watched = sheet;
  let seen = step()?.path;
  new MutationObserver(() => { const path = step()?.path; if (path !== seen) { seen = path; draw(); } }).observe(sheet, { attributes: true, attributeFilter: ["style"] });
}

async function go() {
  const now = step();
  if (!thing || !box || !now || desk().working()) return;
  say("");
  try {
    if (mask && !kept) {
      const plain = blank(mask.width, mask.height), pen = plain.getContext("2d"), { data } = mask.getContext("2d").getImageData(0, 0, mask.width, mask.height);
      const hard = pen.createImageData(mask.width, mask.height);
      for (let i = 0; i < data.length; i += 4) { hard.data.fill(data[i + 3] > 127 ? 255 : 0, i, i + 3); hard.data[i + 3] = 255; }
      pen.putImageData(hard, 0, 0);
      const said = await server.keep({ mask: plain.toDataURL("image/png") });
      if (said.error) throw new Error(said.error);
      kept = said.mask;
    }
    const s = scale(), corner = edge();
    desk().go("blend", { object: thing.path, mask: kept || "", scale: s, strength: Number(strength.value),
      x: Math.round(corner.left - box.x * thing.width * s), y: Math.round(corner.top - box.y * thing.height * s) });
    armed = false;
    draw();
  } catch (error) { say(error.message, true); }
}

// Hands: on the object's own picture a click or a box selects; on the desk the object is dragged.

const spot = (event) => { const seat = canvas.getBoundingClientRect(); return [(event.clientX - seat.left) / seat.width, (event.clientY - seat.top) / seat.height].map((v) => Math.min(0.999, Math.max(0, v))); };
canvas.addEventListener("pointerdown", (event) => { if (event.button || thing.cut) return; canvas.setPointerCapture(event.pointerId); down = spot(event); });
canvas.addEventListener("pointermove", (event) => {
  if (!down) return;
  const [x, y] = spot(event), sides = [Math.min(x, down[0]), Math.min(y, down[1]), Math.abs(x - down[0]), Math.abs(y - down[1])];
  band.hidden = Math.max(sides[2], sides[3]) < 0.03;
  ["left", "top", "width", "height"].forEach((name, i) => { band.style[name] = `${100 * sides[i]}%`; });
});
canvas.addEventListener("pointerup", (event) => {
  if (!down) return;
  const [x, y] = spot(event), from = down, boxed = !band.hidden;
  down = null;
  band.hidden = true;
  select(boxed ? { box: [Math.min(x, from[0]), Math.min(y, from[1]), Math.max(x, from[0]), Math.max(y, from[1])] } : { points: [[x, y, true]] }, event.altKey);
});
canvas.addEventListener("pointercancel", () => { down = null; band.hidden = true; });
canvas.addEventListener("keydown", (event) => { if (event.key === "Enter" && !thing.cut) { event.preventDefault(); select({ points: [[0.5, 0.5, true]] }, false); } });

function move(event) {
  if (event.target !== ghost) return;
  event.stopPropagation();
  if (event.type === "pointerdown" && event.button === 0) {
    event.preventDefault();
    ghost.setPointerCapture(event.pointerId);
    ghost.focus({ preventScroll: true });
    held = { x: event.clientX, y: event.clientY, at };
  } else if (event.type === "pointermove" && held) {
    const seat = ghost.parentElement.getBoundingClientRect();
    at = { x: held.at.x + (event.clientX - held.x) / seat.width, y: held.at.y + (event.clientY - held.y) / seat.height };
    draw();
  } else if (event.type === "pointerup" || event.type === "pointercancel") held = null;
}
function nudge(event) {
  const by = event.shiftKey ? 0.05 : 0.005, to = { ArrowLeft: [-by, 0], ArrowRight: [by, 0], ArrowUp: [0, -by], ArrowDown: [0, by] }[event.key];
  if (event.target !== ghost || !to) return;
  event.preventDefault();
  event.stopPropagation();
  at = { x: at.x + to[0], y: at.y + to[1] };
  draw();
}
for (const name of ["pointerdown", "pointermove", "pointerup", "pointercancel", "dblclick"]) document.addEventListener(name, move, { capture: true });
document.addEventListener("keydown", nudge, { capture: true });
for (const name of ["dragover", "drop"]) {
  root.addEventListener(name, (event) => { event.preventDefault(); event.stopPropagation(); if (name === "drop") bring(event.dataTransfer.files[0]); });
}
// Opened or closed: the object comes and goes with its panel.
document.addEventListener("click", (event) => { if (event.target.closest?.("#inpaint-objects, #inpaint-desk [data-tool]")) setTimeout(draw, 60); });
band.hidden = true;
draw();
