// The Faces tab: three ways in, the portrait, the sliders. `props.setup`: sliders, presets, films, reason.
// `props.value` is what the server says: subject, choose, work, product. What a person set is kept here.
const { el, icon, url, time } = window.Studio;
const config = props.setup;
const die = () => {
  const one = icon("plus");
  one.firstChild.setAttribute("d", "M5 4h14a1 1 0 0 1 1 1v14a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1V5a1 1 0 0 1 1-1zM8.5 8.5v.01M15.5 15.5v.01M15.5 8.5v.01M8.5 15.5v.01M12 12v.01");
  return one;
};
const portrait = makePortrait();
const bank = makeBank(config.sliders, { moved: () => live(), settled: () => commit() });
const START = 24;  // the first face of the sheet
let subject = null, way = "photo", keep = 0, other = null, mix = { coarse: 0.5, middle: 0.5, fine: 0.5 };
let past = [], future = [], settled = "", waiting = null, seen = {}, local = null;
let seed = START, truncation = 0.7;

const button = (label, name, action, ...shown) => el("button.plainly", { type: "button", "data-do": name, "aria-label": label, title: label, onclick: action },
  ...(shown.length ? shown : [label]));
const say = (words, bad) => { note.textContent = words || ""; note.hidden = !words; note.classList.toggle("bad", Boolean(bad)); };

// Ways in

const ways = { photo: "My photo", new: "A new face", words: "A description" };
const tabs = Object.entries(ways).map(([name, words]) => el("button", { type: "button", "data-way": name, onclick: () => go(name) }, words));
const file = el("input", { type: "file", accept: "image/*", "aria-label": "Choose a photo", onchange: () => { bring(file.files[0]); file.value = ""; } });
const drop = el("label.dropzone", {}, file, el("strong", {}, "Drop a photo of a face here"), el("span", {}, "or paste it, or click to choose · from the front works best"),
  el("span.fine", {}, "It stays on this machine. What you make is marked as edited by AI."));
const number = el("input.seed", { type: "number", min: 0, max: 4294967295, step: 1, value: seed, "aria-label": "Seed", onchange: () => { seed = Math.min(4294967295, Math.max(0, Math.round(Number(number.value) || 0))); sheet(); } });
const variety = el("input", { type: "range", min: 0, max: 1, step: 0.05, value: truncation, "aria-label": "How unusual", oninput: () => { truncation = Number(variety.value); sheet(); } });
const dice = button("Other faces", "dice", () => { seed = Math.floor(Math.random() * 4294967000); sheet(); }, die(), "Other faces");
const faces = el("div.sheet", { role: "group", "aria-label": "Faces to choose from" });
const text = el("input.words", { type: "text", maxlength: 500, placeholder: "a smiling older woman with blond hair and a fringe", "aria-label": "Describe a face",
  onkeydown: (event) => { if (event.key === "Enter") describe(); } });
const said = el("p.said", { "aria-live": "polite" });
const panes = {
  photo: el("div.pane", {}, drop),
  words: el("div.pane", {}, el("div.line", {}, text, button("Describe", "describe", () => describe())), said),
  new: el("div.pane", {}, el("div.line", {}, dice, el("label.inline", {}, "Seed", number), el("label.inline.wide", {}, "Average", variety, "Unusual")), faces),
};

function go(next) {
  way = next;
  draw();
  if (way !== "photo" && !faces.children.length) sheet();
  if (way === "words" && !matchMedia("(pointer: coarse)").matches) text.focus();
}

let sheetTurn = 0, described = {};
async function sheet() {
  number.value = seed;
  const turn = ++sheetTurn;
  const answer = await ask("sheet", { seed, truncation, sliders: way === "words" ? described : {} });
  if (turn !== sheetTurn || answer.error) return;
  faces.replaceChildren(...answer.faces.map((one) => el("button", { type: "button", "data-seed": one.seed, "aria-label": `Face ${one.seed}`,
    "aria-pressed": String(subject?.kind === "new" && subject.seed === one.seed), onclick: () => sitDown(one.seed, truncation, way === "words" ? described : {}) }, el("img", { src: one.thumb, alt: "" }))));
}

async function describe() {
  const answer = await ask("words", { text: text.value });
  if (answer.error) return say(answer.error, true);
  described = answer.sliders;
  const chips = answer.understood.map((one) => el("span.chip", {}, `${one.words} → ${bank.label(one.slider)} ${one.value > 0 ? "+" : "−"}${Math.abs(one.value).toFixed(2)}`));
  said.replaceChildren(...chips, ...answer.ignored.map((word) => el("span.chip.ignored", { title: "This word means nothing here" }, word)),
    answer.ignored.length ? el("span.fine", {}, "crossed out: not understood") : "");
  if (!answer.understood.length) return;
  if (subject) { change(() => bank.set({ ...bank.values, ...described })); }
  else await sitDown(seed, truncation, described);
  sheet();
}

// Asking the server; a face it has forgotten is brought back and asked about again.
async function ask(name, asked, again = true) {
  let answer;
  try { answer = await server[name](asked); } catch { answer = { error: "The studio does not answer. Is it still running?" }; }
  if (answer.gone && again && subject && asked.key === subject.key) {
    if (subject.kind === "new") {
      const made = await ask("make", { seed: subject.seed, truncation: subject.truncation }, false);
      if (!made.error) subject.key = made.subject.key;
    } else {
      trigger("wake", { key: subject.key });
      await new Promise((done) => { setTimeout(done, 600); });
    }
    return ask(name, { ...asked, key: subject.key }, false);
  }
  return answer;
}

async function bring(chosen) {
  if (!chosen || working()) return;
  begin("Sending the photo");
  try {
    const { path } = await upload(chosen);
    if (local) { begin("Looking for faces"); trigger("bring", { path }); }
  } catch { local = null; draw(); say("The photo could not be sent. It may be too large.", true); }
}

async function sitDown(next, unusual, sliders) {
  if (working()) return;
  say("");
  const answer = await ask("make", { seed: next, truncation: unusual });
  if (answer.error) return say(answer.error, true);
  await adopt(answer.subject, sliders);
}

async function adopt(next, sliders = {}) {
  await portrait.load(next, url);
  if (next.key !== subject?.key) { past = []; future = []; }
  subject = next;
  waiting = null;
  other = null;
  keep = 0;
  result = null;
  bank.set(sliders);
  settled = snapshot();
  drawPanel();
  drawExtras();
  for (const face of faces.children) face.setAttribute("aria-pressed", String(next.kind === "new" && Number(face.dataset.seed) === next.seed));
  draw();
  release();
}

// The portrait and what goes with it

const note = el("p.notice", { role: "status", hidden: true });
const boxes = el("div.boxes");
const bar = el("div.progress", { role: "progressbar", "aria-label": "Progress", "aria-valuemin": 0, "aria-valuemax": 100 }, el("span"));
const message = el("span.message"), clock = el("span.clock"), growing = el("img.growing", { alt: "The portrait so far" });
const cancel = el("button.plainly.cancel", { type: "button", onclick: () => { trigger("cancel"); message.textContent = "Stopping …"; if (local && !props.value.work) { local = null; draw(); } } }, "Cancel");
const work = el("div.working", { hidden: true }, growing, el("div.told", {}, el("div.words", {}, message, clock), bar), cancel);
const hold = el("button.plainly", { type: "button", "data-do": "before", "aria-pressed": "false", title: "Hold to see it as it was (B)" }, icon("compare"), "Before");
const back = button("Undo (Ctrl Z)", "undo", () => travel(past, future), "Undo");
const forth = button("Redo (Ctrl Y)", "redo", () => travel(future, past), "Redo");
const whole = el("button.plainly", { type: "button", "data-do": "whole", "aria-pressed": "false", onclick: () => {
  const on = whole.getAttribute("aria-pressed") !== "true";
  whole.setAttribute("aria-pressed", String(on));
  portrait.whole(on);
} }, icon("expand"), "Whole photo");
const dots = el("span.busy", { "aria-hidden": "true" });
const tools = el("div.tools", { role: "toolbar", "aria-label": "Portrait" }, hold, back, forth, whole);
const verdict = el("span.verdict"), meter = el("span.meter", { "aria-hidden": "true" }, el("span")), line = el("p.fine.made");
const identity = el("div.identity", { "aria-live": "polite" }, meter, verdict);
const easel = el("div.easel", {}, portrait.canvas, identity, dots, tools);
const kind = el("select", { "aria-label": "Save as" }, ...["png", "jpeg", "webp"].map((one) => el("option", { value: one }, one === "jpeg" ? "JPEG" : one === "png" ? "PNG" : "WebP")));
const large = el("select", { "aria-label": "Size" }, el("option", { value: "" }), el("option", { value: "1" }));
const save = el("button.main", { type: "button", "data-do": "save", onclick: () => download() }, icon("download"), "Download");
const hints = el("p.fine");
const product = el("section.product", { hidden: true, "aria-label": "Result" });
const stage = el("section.portrait", { "aria-label": "Portrait" }, easel, el("div.under", {}, line, el("div.take", {}, large, kind, save)), hints);

for (const [down, up] of [["pointerdown", "pointerup"], ["pointerdown", "pointerleave"], ["pointerdown", "pointercancel"]]) {
  hold.addEventListener(down, () => showBefore(true));
  hold.addEventListener(up, () => showBefore(false));
}
hold.addEventListener("keydown", (event) => { if ((event.key === " " || event.key === "Enter") && !event.repeat) { event.preventDefault(); showBefore(true); } });
hold.addEventListener("keyup", () => showBefore(false));
hold.addEventListener("contextmenu", (event) => event.preventDefault());
function showBefore(on) { hold.setAttribute("aria-pressed", String(on)); portrait.before(on); }

// Live frames: one question is under way at a time, the newest wish wins. `drawn` tells how long a frame took.
let want = false, asking = false, moved = 0, result = null;
const wish = () => ({ key: subject.key, sliders: bank.values, keep, other, mix: other === null ? null : mix });
function live() {
  if (!subject) return;
  moved ||= performance.now();
  want = true;
  identity.classList.add("old");
  pump();
}
async function pump() {
  if (asking) return;
  asking = true;
  while (want && subject) {
    want = false;
    const since = moved, asked = wish();
    moved = 0;
    const answer = await ask("frame", asked);
    if (asked.key !== subject.key) continue;
    if (answer.error) { say(answer.error, true); continue; }
    await portrait.frame(answer.frame);
    requestAnimationFrame(() => setTimeout(() => root.dispatchEvent(new CustomEvent("drawn", { detail: { ms: performance.now() - since, engine: answer.ms } })), 0));
  }
  asking = false;
}

// Full quality, when something is let go; again the newest wish wins.
let todo = false, finishing = false, rest = 0;
function release(wait = 0) {
  clearTimeout(rest);
  if (!subject) return;
  identity.classList.add("old");
  rest = setTimeout(() => { todo = true; finish(); }, wait);
}
async function finish() {
  if (finishing) return;
  finishing = true;
  while (todo && subject) {
    todo = false;
    const asked = wish(), plain = subject.kind === "photo" && !Object.keys(asked.sliders).length;
    stage.classList.add("finishing");
    if (plain) {
      portrait.original();
      result = { distance: 0, verdict: "Untouched", kept: 1, line: subject.line };
    } else {
      const answer = await ask("finish", asked);
      if (!subject || asked.key !== subject.key) { todo = true; continue; }
      if (answer.error) { say(answer.error, true); continue; }
      await portrait.finished(answer, url);
      result = answer;
    }
    if (!todo && JSON.stringify(asked) === JSON.stringify(wish())) { want = false; portrait.settle(); judge(); }
    else live();
  }
  finishing = false;
  stage.classList.remove("finishing");
  root.dispatchEvent(new CustomEvent("finished"));
}

function judge() {
  identity.classList.remove("old");
  const { distance, kept, line: how } = result;
  verdict.textContent = result.verdict + (distance ? `, distance ${distance.toFixed(2)}` : "") + (kept < 0.995 ? ` · held at ${Math.round(kept * 100)} %` : "");
  meter.firstChild.style.width = `${Math.min(100, (distance / 0.8) * 100)}%`;
  identity.dataset.level = distance < 0.35 ? "good" : distance < 0.6 ? "fair" : "far";
  line.textContent = how || "";
}

async function download() {
  if (!subject) return;
  save.disabled = true;
  save.lastChild.textContent = "Making …";
  const answer = await ask("save", { ...wish(), format: kind.value, large: subject.kind === "new" && Boolean(large.value) });
  save.disabled = false;
  save.lastChild.textContent = "Download";
  if (answer.error) return say(answer.error, true);
  const link = el("a", { href: url(answer.path), download: answer.name });
  document.body.append(link);
  link.click();
  link.remove();
}

// Undo and redo

const snapshot = () => JSON.stringify({ sliders: bank.values, keep, other, mix });
function commit() {
  const now = snapshot();
  if (now === settled) return;
  past.push(settled);
  if (past.length > 100) past.shift();
  future = [];
  settled = now;
  drawTools();
  release(180);
}
function change(action) { action(); live(); drawPanel(); commit(); }
function travel(from, to) {
  if (!from.length) return;
  to.push(settled);
  settled = from.pop();
  const { sliders, ...rest } = JSON.parse(settled);
  bank.set(sliders);
  ({ keep, other, mix } = rest);
  drawPanel();
  drawTools();
  live();
  release(120);
}
document.addEventListener("keydown", (event) => {
  if (!subject || element.offsetParent === null || event.target.closest?.("input[type=text], input[type=number], textarea")) return;
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") { event.preventDefault(); event.shiftKey ? travel(future, past) : travel(past, future); }
  else if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "y") { event.preventDefault(); travel(future, past); }
  else if (event.key === "b" && !event.repeat && !event.ctrlKey && !event.metaKey) showBefore(true);
});
document.addEventListener("keyup", (event) => { if (event.key === "b") showBefore(false); });

// The panel

const range = (label, low, high, get, set, done) => {
  const input = el("input", { type: "range", min: 0, max: 1, step: 0.05, value: get(), "aria-label": label, oninput: () => { set(Number(input.value)); tint(); }, onchange: done });
  const tint = () => { input.style.setProperty("--from", "0%"); input.style.setProperty("--to", `${input.value * 100}%`); };
  tint();
  return el("div.slider", {}, el("div.head", {}, el("label", {}, label)), input, el("div.ends", { "aria-hidden": "true" }, el("span", {}, low), el("span", {}, high)));
};
const presets = el("div.presets", { role: "group", "aria-label": "Presets" });
const keeping = el("div.keeping");
const mixing = el("div.mixing");
const reset = button("Reset all sliders", "reset", () => change(() => { bank.set({}); other = null; keep = 0; }), "Reset all");
const share = button("Copy a link to this face", "link", () => copyLink(), "Copy link");
const linked = el("input.linked", { type: "text", readonly: true, hidden: true, "aria-label": "Link to this face" });
const extras = el("div.extras");
const empty = el("p.fine", {}, config.reason || "");
const panel = el("aside.panel", { "aria-label": "Sliders" }, el("div.top", {}, el("h3", {}, "Sliders"), share, reset), linked, presets, keeping, bank.root, empty, mixing, extras);

function drawPanel() {
  presets.replaceChildren(...config.presets.map((preset) => button(preset.title, `preset-${preset.title}`, () => change(() => {
    const now = bank.values;
    for (const [name, value] of Object.entries(preset.sliders)) now[name] = Math.min(1, Math.max(-1, (preset.title.startsWith("Ten") ? now[name] || 0 : 0) + value));
    bank.set(now);
  }))));
  keeping.hidden = subject?.kind !== "photo";
  if (!keeping.hidden) keeping.replaceChildren(range("Keep this person", "as the sliders say", "hardly changed", () => keep, (value) => { keep = value; }, () => commit()));
  mixing.hidden = subject?.kind !== "new";
  if (!mixing.hidden) {
    const names = { coarse: "Head and pose", middle: "Features", fine: "Colours" };
    mixing.replaceChildren(el("details", { open: other !== null }, el("summary", {}, "Mix with another face"),
      el("div.line", {}, button("A face to mix with", "partner", () => change(() => { other = Math.floor(Math.random() * 4294967000); }), die(), other === null ? "Choose by dice" : "Another"),
        other !== null && button("Without it", "alone", () => change(() => { other = null; })), other !== null && el("span.fine", {}, `Seed ${other}`)),
      ...(other === null ? [] : Object.entries(names).map(([part, words]) => range(words, "this", "the other", () => mix[part], (value) => { mix = { ...mix, [part]: value }; live(); }, () => commit())))));
  }
  share.hidden = subject?.kind !== "new";
}

// What takes a while and makes a picture or a film of its own

const parts = { lips: 1, eyes: 1, skin: 1 }, blend = { coarse: 0.5, middle: 0.5, fine: 0.5 };
let years = 60;
function tool(what, more = {}) {
  if (!subject || working()) return;
  begin("Waiting for a free place");
  trigger("tool", { do: what, ...wish(), ...more });
}
function withFile(label, accept, what, more) {
  const input = el("input", { type: "file", accept, "aria-label": label, onchange: async () => {
    const chosen = input.files[0];
    input.value = "";
    if (!chosen || working()) return;
    begin("Sending the file");
    try { const { path } = await upload(chosen); local = null; tool(what, { path, ...more() }); }
    catch { local = null; draw(); say("The file could not be sent. It may be too large.", true); }
  } });
  return el("label.plainly.file", { "data-do": what }, input, label);
}
function drawExtras() {
  const photo = subject?.kind === "photo";
  const has = (name) => config.sliders.some((slider) => slider.name === name);
  const box = el("input.number", { type: "number", min: 16, max: 90, value: years, "aria-label": "Age in years", onchange: () => { years = Math.min(90, Math.max(16, Number(box.value) || 60)); box.value = years; } });
  const count = el("input.number", { type: "number", min: 2, max: 1000, value: 50, "aria-label": "How many faces" });
  const film = el("select", { "aria-label": "How it moves" }, ...[...config.films, ...(photo ? [] : ["into other faces"])].map((one) => el("option", { value: one }, one[0].toUpperCase() + one.slice(1))));
  const part = (set, name, words, low, high) => range(words, low, high, () => set[name], (value) => { set[name] = value; }, () => {});
  const fold = (title, ...inside) => el("details", {}, el("summary", {}, title), ...inside);
  extras.replaceChildren(...[
    photo && has("age") && fold("At another age", el("div.line", {}, el("label.inline", {}, "Years", box), button("Make", "years", () => tool("years", { years }), "Make"),
      button("A strip of five ages", "strip", () => tool("strip"), "Five ages"))),
    photo && fold("Makeup from a photo", part(parts, "lips", "Lips", "none", "all"), part(parts, "eyes", "Eyes", "none", "all"), part(parts, "skin", "Skin", "none", "all"),
      withFile("Choose a photo with makeup", "image/*", "makeup", () => parts)),
    photo && fold("Mix with another photo", part(blend, "coarse", "Head and pose", "this", "the other"), part(blend, "middle", "Features", "this", "the other"),
      part(blend, "fine", "Colours", "this", "the other"), withFile("Choose the other photo", "image/*", "mix", () => blend)),
    photo && has("yaw") && fold("Look at the camera", button("Turn the head to the front", "front", () => tool("front"))),
    subject?.kind && !photo && fold("A data set of new faces", el("div.line", {}, el("label.inline", {}, "How many", count), button("Make a zip of new faces with labels", "set", () => tool("set", { count: count.value }), "Make a zip"))),
    config.sliders.length && fold("Let it move", el("div.line", {}, film, button("Make a film", "film", () => tool("film", { preset: film.value }))),
      withFile("Let it speak: choose a sound", "audio/*,video/*", "film", () => ({ preset: film.value }))),
  ].filter(Boolean));
}

function drawProduct(one) {
  product.hidden = !one;
  if (!one) return product.replaceChildren();
  const shown = one.kind === "zip" ? el("span", {}) : one.kind === "film" ? el("video", { src: url(one.view), controls: true, loop: true, playsinline: true }) : el("img", { src: url(one.view), alt: one.title });
  product.replaceChildren(el("div.line", {}, el("h3", {}, one.title), el("span.gap"), button("Close the result", "close", () => { drawProduct(null); }, icon("close"))), shown,
    el("div.under", {}, el("p.fine", {}, [one.words, one.line].filter(Boolean).join(" · ")),
      el("span.gap"), one.again && button("Go on with this picture: its face gets the sliders", "again", () => { drawProduct(null); begin("Looking for faces"); trigger("bring", { path: one.path }); }, "Go on with this"),
      el("a.main", { href: url(one.path), download: one.name }, icon("download"), "Download")));
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  shown.addEventListener(one.kind === "film" ? "loadedmetadata" : "load", () => product.scrollIntoView({ block: "nearest", behavior: calm ? "auto" : "smooth" }), { once: true });
}

const recipe = () => `${location.origin}${location.pathname}?tool=faces&recipe=${encodeURIComponent(JSON.stringify({ seed: subject.seed, truncation: subject.truncation, sliders: bank.values, ...(other === null ? {} : { other, mix }) }))}`;
async function copyLink() {
  linked.value = recipe();
  linked.hidden = false;
  linked.select();
  try { await navigator.clipboard.writeText(linked.value); say("The link is copied. Whoever opens it in this studio sees the same face."); } catch { say("Copy the link from the field."); }
}

// Drawing

const working = () => Boolean(local || props.value.work);
function begin(words) { say(""); local = { fraction: 0, message: words, seconds: 0, remaining: null, preview: null }; draw(); }

function drawWork(job) {
  work.hidden = !job;
  if (!job) return;
  const percent = Math.round(job.fraction * 100);
  bar.setAttribute("aria-valuenow", percent);
  bar.firstChild.style.width = `${percent}%`;
  message.textContent = job.message;
  clock.textContent = job.seconds >= 1 ? time(job.seconds) + (job.remaining === null ? "" : ` · about ${time(Math.max(1, job.remaining))} left`) : "";
  if (job.preview && !job.tuning) growing.src = job.preview;
  growing.hidden = !growing.getAttribute("src") || !job.fraction;
}

function drawBoxes(choose, job) {
  boxes.hidden = !choose;
  if (!choose) return boxes.replaceChildren();
  const key = JSON.stringify([choose.picture, job?.number]);
  if (boxes.dataset.key === key) return;
  boxes.dataset.key = key;
  const place = (value, whole) => `${(100 * value) / whole}%`;
  boxes.replaceChildren(
    choose.faces.length > 1 && !job ? el("h3", {}, "Whose face?") : "",
    el("div.photo", { style: `aspect-ratio:${choose.width}/${choose.height};max-width:min(100%, calc(64vh * ${choose.width / choose.height}))` }, el("img", { src: url(choose.picture), alt: choose.name }),
      ...choose.faces.map((face) => {
        const [left, top, right, bottom] = face.box, why = face.hints.join(" ");
        return el(`button.box${job?.number === face.number ? ".on" : ""}`, { type: "button", "data-face": face.number, disabled: !face.usable || Boolean(job), title: why || null,
          "aria-label": `Face ${face.number + 1}${why ? `. ${why}` : ""}`,
          style: `left:${place(left, choose.width)};top:${place(top, choose.height)};width:${place(right - left, choose.width)};height:${place(bottom - top, choose.height)}`,
          onclick: () => { begin("Waiting for a free place"); trigger("bring", { number: face.number }); } });
      })));
}

function drawTools() {
  back.disabled = !past.length;
  forth.disabled = !future.length;
  large.hidden = subject?.kind === "photo";
  if (subject) [subject.side, subject.large].forEach((side, index) => { large.options[index].textContent = `${side} px`; });
  whole.hidden = subject?.kind !== "photo";
}

const people = el("div.people");
function draw() {
  const job = props.value.work || local, tuning = Boolean(job?.tuning);
  const choosing = job && !tuning ? props.value.choose : waiting;
  tabs.forEach((tab) => tab.setAttribute("aria-pressed", String(tab.dataset.way === way)));
  for (const [name, pane] of Object.entries(panes)) pane.hidden = !(name === way || (name === "new" && way === "words"));
  root.classList.toggle("sitting", Boolean(subject));
  root.classList.toggle("at-work", Boolean(job) && !tuning);
  drawWork(job);
  drawBoxes(choosing, job);
  stage.hidden = !subject || Boolean(choosing);
  panel.hidden = !subject || Boolean(choosing);
  panel.inert = Boolean(job) && !tuning;
  drawTools();
  const several = subject?.kind === "photo" && props.value.choose?.faces.filter((face) => face.usable).length > 1 && !choosing && !job;
  people.hidden = !several;
  if (several) people.replaceChildren(button("Another face of this photo", "another", () => { waiting = props.value.choose; boxes.dataset.key = ""; draw(); }));
  hints.textContent = (subject?.hints || []).join(" ");
  hints.hidden = !hints.textContent;
  portrait.canvas.setAttribute("aria-label", subject ? `Portrait: ${subject.name}` : "");
  portrait.size();
}

async function heard() {
  const value = props.value;
  local = null;
  if (!value.work || value.work.tuning) growing.removeAttribute("src");
  if (value.asks && !value.work) waiting = value.choose;
  if (value.subject && value.subject.key !== seen.subject) {
    [seen.subject, seen.version] = [value.subject.key, value.subject.version];
    way = "photo";
    await adopt(value.subject);
  } else if (value.subject && value.subject.version !== seen.version) {  // the same face, learned better meanwhile
    seen.version = value.subject.version;
    if (subject?.key === value.subject.key) {
      await portrait.load(value.subject, url);
      subject = value.subject;
      live();
      release();
    }
  }
  if (value.product && value.product.id !== seen.product) { seen.product = value.product.id; drawProduct(value.product); }
  draw();
}

const root = el("div.faces", {},
  el("div.floor-side", {}, el("div.ways", { role: "group", "aria-label": "Begin with" }, ...tabs), panes.photo, panes.words, panes.new, note, work, boxes, people, stage, product), panel);
element.replaceChildren(root);

// Drop or paste a photo anywhere while this tab is in view.
const here = () => element.offsetParent !== null && !working();
const photos = (list) => [...(list || [])].filter((one) => one instanceof File);
document.addEventListener("paste", (event) => {
  const [one] = photos(event.clipboardData?.files);
  if (one && here()) { event.preventDefault(); bring(one); }
});
document.addEventListener("dragover", (event) => {
  if ([...(event.dataTransfer?.types || [])].includes("Files") && here()) { event.preventDefault(); root.classList.add("dropping"); }
});
for (const name of ["dragleave", "drop", "dragend"]) document.addEventListener(name, (event) => { if (name !== "dragleave" || event.relatedTarget === null) root.classList.remove("dropping"); });
document.addEventListener("drop", (event) => {
  const [one] = photos(event.dataTransfer?.files);
  if (one && here() && !event.defaultPrevented) { event.preventDefault(); bring(one); }
});

watch("value", heard);
drawPanel();
drawExtras();
heard();

// A link to a face: ?tool=faces&recipe={"seed": …}. The server checks what it says.
const asked = new URLSearchParams(location.search);
if (asked.get("tool") === "faces" && asked.get("recipe")) follow(asked.get("recipe"));
async function follow(recipe) {
  const { link, error } = await ask("opened", { recipe });
  go("new");
  if (error) return say(error, true);
  ({ seed, truncation } = link);
  variety.value = truncation;
  await sitDown(seed, truncation, link.sliders);
  if (link.other !== null) change(() => { other = link.other; mix = link.mix; });
  sheet();
}
