// The Faces tab: three ways in, the portrait, the panel of sliders and tools. `props.setup`: sliders, presets, films,
// reason. `props.value` is what the server says: subject, choose, work, product. What a person set is kept here.
const { el, icon, url, time } = window.Studio;
const config = props.setup;
let subject = null, waiting = null, seen = {}, local = null, left = null, page = "sliders";
const SHARPENING = "Sharpening the change …", HALF = { coarse: 0.5, middle: 0.5, fine: 0.5 };
let other = null, mix = HALF, seat = null;  // seat: which face of which photo sits
const histories = new Map();

const button = (label, name, action, ...shown) => el("button.plainly", { type: "button", "data-do": name, "aria-label": label, title: label, onclick: action },
  ...(shown.length ? shown : [label]));
const say = (words, bad) => { note.textContent = words || ""; note.hidden = !words; note.classList.toggle("bad", Boolean(bad)); };

// What can be set: the sliders, how much of the person stays, sharpness, a mix

const moving = { moved: () => edits.live(), settled: () => edits.commit() };
const portrait = makePortrait();
const bank = makeBank(config.sliders, moving);
const keep = makeAmount({ name: "keep", label: "Keep this person", low: "as the sliders say", high: "hardly changed", step: 0.05, ...moving,
  about: "Draws all sliders back together until the face is recognised again" });
const sharpen = makeAmount({ name: "sharpen", label: "Sharpen the change", low: "as it is", high: "sharp", step: 0.05, settled: moving.settled,
  about: "The upscaler draws what the sliders changed; for large faces. Seen when you let go, after a few seconds" });
const parts = Object.fromEntries(Object.entries({ coarse: "Head and pose", middle: "Features", fine: "Colours" }).map(([part, label]) =>
  [part, makeRow({ label, low: "this face", high: "the other", rest: 0.5, put: (value, typing) => { mix = { ...mix, [part]: value }; parts[part].show(value, typing); }, ...moving })]));
const look = {
  get: () => ({ sliders: bank.values, keep: keep.value, sharpen: sharpen.value, other, mix: other === null ? null : mix }),
  set(next) {
    bank.set(next.sliders || {});
    keep.set(next.keep || 0);
    sharpen.set(next.sharpen || 0);
    other = next.other ?? null;
    mix = next.mix || HALF;
    drawPanel();
  },
};
const edits = makeEdits({ portrait, look, on: { ask, say, subject: () => subject,
  live: () => { identity.classList.add("old"); tally(); },
  drawn: (detail) => root.dispatchEvent(new CustomEvent("drawn", { detail })),
  finishing: (on) => stage.classList.toggle("finishing", on),
  sharpening: (on) => { stage.classList.toggle("sharpening", on); if (on) [line.dataset.was, line.textContent] = [line.textContent, SHARPENING]; else if (line.textContent === SHARPENING) line.textContent = line.dataset.was; },
  settled: judge, changed: drawTools } });
function change(action) { action(); drawPanel(); edits.live(); edits.commit(); }

const ways = makeWays({ on: { ask, say, bring, sit: sitDown, subject: () => subject, label: bank.label, here: () => element.offsetParent !== null && !working(), dropping: (on) => root.classList.toggle("dropping", on),
  chose: (way) => { if (way === "photo" && left && subject?.kind !== "photo" && !working()) adopt(left.subject, left.look); },
  // a new description takes the place of the last one; what was set by hand stays
  apply: (sliders, before) => change(() => bank.set({ ...Object.fromEntries(Object.entries(bank.values).filter(([name, value]) => before[name] !== value)), ...sliders })) } });

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

// Sends a file; its path on the server, or nothing where that failed or was cancelled.
async function send(file, words) {
  if (!file || working()) return null;
  begin(words);
  try {
    const { path } = await upload(file);
    return local && path;
  } catch { local = null; draw(); say("The file could not be sent. It may be too large.", true); return null; }
}
async function bring(chosen) {
  const path = await send(chosen, "Sending the photo");
  if (path) { begin("Looking for faces"); trigger("bring", { path }); }
}
async function second(file) {
  const path = await send(file, "Looking for faces in the other photo");
  if (!path) return null;
  const answer = await ask("second", { path });
  if (!local) return null;
  local = null;
  draw();
  if (answer.error) { say(`The other photo: ${answer.error}`, true); return null; }
  return { ...answer.choose, path };
}
function tool(what, more = {}) {
  if (!subject || working()) return;
  product.draw(null);
  begin("Waiting for a free place");
  trigger("tool", { do: what, ...edits.wish(), ...more });
}

async function sitDown(next, unusual, sliders, rest = {}) {
  if (working()) return;
  say("");
  const answer = await ask("make", { seed: next, truncation: unusual });
  if (answer.error) return say(answer.error, true);
  await adopt(answer.subject, { sliders, ...rest });
}

async function adopt(next, wanted = {}) {
  if (subject?.kind === "photo" && next.kind === "new") left = { subject, look: look.get() };
  if (seat) histories.set(seat, edits.history);
  seat = next.kind === "photo" && props.value.choose ? `${props.value.choose.origin} ${next.box}` : null;
  await portrait.load(next, url);
  const fresh = next.key !== subject?.key;
  subject = next;
  waiting = null;
  if (fresh) product.draw(null);
  look.set(wanted);
  edits.begin(fresh, histories.get(seat));
  draw();
  edits.live();
  edits.release();
}

// The portrait and what goes with it

const note = el("p.notice", { role: "status", hidden: true });
const bar = el("div.progress", { role: "progressbar", "aria-label": "Progress", "aria-valuemin": 0, "aria-valuemax": 100 }, el("span"));
const message = el("span.message"), clock = el("span.clock"), growing = el("img.growing", { alt: "The portrait so far" });
const cancel = el("button.plainly.cancel", { type: "button", onclick: () => { trigger("cancel"); message.textContent = "Stopping …"; if (local && !props.value.work) { local = null; draw(); } } }, "Cancel");
const work = el("div.working", { hidden: true }, growing, el("div.told", {}, el("div.words", {}, message, clock), bar), cancel);
const hold = el("button.plainly", { type: "button", "data-do": "before", "aria-pressed": "false", title: "Hold to see it as it was (B)" }, icon("compare"), "Before");
const back = button("Undo (Ctrl Z)", "undo", () => edits.undo(), icon("undo"), el("span", {}, "Undo"));
const forth = button("Redo (Ctrl Y)", "redo", () => edits.redo(), icon("redo"), el("span", {}, "Redo"));
const whole = el("button.plainly", { type: "button", "data-do": "whole", "aria-pressed": "false", title: "The whole photo, or the face alone", onclick: () => {
  const on = whole.getAttribute("aria-pressed") !== "true";
  whole.setAttribute("aria-pressed", String(on));
  portrait.whole(on);
} }, icon("expand"), "Whole photo");
const dots = el("span.busy", { "aria-hidden": "true" });
const tools = el("div.tools", { role: "toolbar", "aria-label": "Portrait" }, hold, back, forth, whole);
const verdict = el("span.verdict"), meter = el("span.meter", { "aria-hidden": "true" }, el("span")), line = el("p.fine.made");
const identity = el("div.identity", { "aria-live": "polite", title: "How far this is from the person before: 0 is the same picture, from 0.6 on it is somebody else" }, meter, verdict);
const easel = el("div.easel", {}, portrait.canvas, identity, dots, tools);
const kind = el("select", { "aria-label": "Save as" }, ...["png", "jpeg", "webp"].map((one) => el("option", { value: one }, one === "jpeg" ? "JPEG" : one === "png" ? "PNG" : "WebP")));
const large = el("select", { "aria-label": "Size" }, el("option", { value: "" }), el("option", { value: "1" }));
const save = el("button.main", { type: "button", "data-do": "save", onclick: () => download() }, icon("download"), "Download");
const hints = el("p.fine");
const who = makePeople({ choose: (number, wish = {}) => { begin("Waiting for a free place", { number }); trigger("bring", { number, ...wish }); } });
const product = makeProduct({ goOn: (one) => { page = "sliders"; begin("Looking for faces"); trigger("bring", { path: one.path, box: subject?.box }); } });
const stage = el("section.portrait", { "aria-label": "Portrait" }, easel, who.strip, el("div.under", {}, line, el("div.take", {}, large, kind, save)), hints);

for (const [down, up] of [["pointerdown", "pointerup"], ["pointerdown", "pointerleave"], ["pointerdown", "pointercancel"]]) {
  hold.addEventListener(down, () => showBefore(true));
  hold.addEventListener(up, () => showBefore(false));
}
hold.addEventListener("keydown", (event) => { if ((event.key === " " || event.key === "Enter") && !event.repeat) { event.preventDefault(); showBefore(true); } });
hold.addEventListener("keyup", () => showBefore(false));
hold.addEventListener("contextmenu", (event) => event.preventDefault());
function showBefore(on) { hold.setAttribute("aria-pressed", String(on)); portrait.before(on); }

function judge(result) {
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
  await edits.sharpened;  // what has been begun is not done twice
  const answer = await ask("save", { ...edits.wish(), format: kind.value, large: subject.kind === "new" && Boolean(large.value) });
  save.disabled = false;
  save.lastChild.textContent = "Download";
  if (answer.error) return say(answer.error, true);
  const link = el("a", { href: url(answer.path), download: answer.name });
  document.body.append(link);
  link.click();
  link.remove();
}

document.addEventListener("keydown", (event) => {
  if (!subject || element.offsetParent === null || event.target.closest?.("input[type=text], input[type=number], textarea")) return;
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") { event.preventDefault(); event.shiftKey ? edits.redo() : edits.undo(); }
  else if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "y") { event.preventDefault(); edits.redo(); }
  else if (event.key === "b" && !event.repeat && !event.ctrlKey && !event.metaKey) showBefore(true);
});
document.addEventListener("keyup", (event) => { if (event.key === "b") showBefore(false); });

// The panel: sliders on one page, tools on the other

const presets = el("div.presets", { role: "group", "aria-label": "Presets" }, ...config.presets.map((preset) => button(preset.title, `preset-${preset.title}`, () => change(() => {
  const now = bank.values;
  for (const [name, value] of Object.entries(preset.sliders)) now[name] = Math.min(1, Math.max(-1, (preset.title.startsWith("Ten") ? now[name] || 0 : 0) + value));
  bank.set(now);
}))));
const keeping = el("div.keeping", {}, keep.root), sharpening = el("div.keeping", {}, sharpen.root);
const reset = button("Reset all sliders", "reset", () => change(() => look.set({})), "Reset all");
const share = button("Copy a link to this face", "link", () => copyLink(), "Copy link");
const linked = el("input.linked", { type: "text", readonly: true, hidden: true, "aria-label": "Link to this face" });
const empty = el("p.fine", {}, config.reason || "");
const extras = makeTools({ config, on: { tool, second, upload: (file) => send(file, "Sending the sound").then((path) => { local = null; return path; }) } });
const pages = { sliders: el("div.page", {}, presets, keeping, bank.root, sharpening, empty), tools: el("div.page", {}, extras.root) };
const turns = [["sliders", "Sliders"], ["tools", "Tools"]].map(([name, words]) => el("button", { type: "button", "data-page": name, onclick: () => { page = name; drawPanel(); } }, words));
const panel = el("aside.panel", { "aria-label": "Sliders and tools" }, el("div.top", {}, el("div.turns", { role: "group", "aria-label": "Panel" }, ...turns), el("span.gap"), share, reset), linked, pages.sliders, pages.tools);

// What of the sliders goes along with every tool, in words.
function along() {
  const set = Object.entries(bank.values).map(([name, value]) => `${bank.label(name)} ${value > 0 ? "+" : "−"}${Math.abs(value).toFixed(2)}`);
  if (keep.value) set.push(`keep this person ${keep.value.toFixed(2)}`);
  return set.length ? `Your sliders go along: ${set.join(", ")}.` : "Sliders that you set go along with each of these.";
}
function tally() { bank.tally(); extras.tell(along()); }

function drawPanel() {
  for (const turn of turns) turn.setAttribute("aria-pressed", String(turn.dataset.page === page));
  for (const [name, one] of Object.entries(pages)) one.hidden = name !== page;
  const photo = subject?.kind === "photo";
  keeping.hidden = sharpening.hidden = !photo || !config.sliders.length;
  share.hidden = subject?.kind !== "new";
  reset.hidden = page !== "sliders";
  if (subject) extras.draw(subject.kind, along());
  tally();
  const open = extras.mixing.firstChild?.open ?? false;
  for (const [part, row] of Object.entries(parts)) row.show(mix[part]);
  extras.mixing.replaceChildren(el("details", { open: open || other !== null }, el("summary", {}, "Mix with another new face"),
    el("div.line", {}, button("A face to mix with", "partner", () => change(() => { other = Math.floor(Math.random() * 4294967000); }), ways.die(), other === null ? "Choose by dice" : "Another"),
      other !== null && button("Without it", "alone", () => change(() => { other = null; })), other !== null && el("span.fine", {}, `Seed ${other}`)),
    ...(other === null ? [] : Object.values(parts).map((row) => row.root))));
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
function begin(words, more = {}) { say(""); local = { fraction: 0, message: words, seconds: 0, remaining: null, preview: null, ...more }; draw(); }

function drawWork(job) {
  work.hidden = !job;
  if (!job) return;
  const percent = Math.round(job.fraction * 100);
  bar.setAttribute("aria-valuenow", percent);
  bar.firstChild.style.width = `${percent}%`;
  message.textContent = job.message || "Working";
  clock.textContent = job.seconds >= 1 ? time(job.seconds) + (job.remaining === null ? "" : ` · about ${time(Math.max(1, job.remaining))} left`) : "";
  if (job.preview && !job.tuning) growing.src = job.preview;
  growing.hidden = !growing.getAttribute("src") || !job.fraction;
}

function drawTools() {
  back.disabled = !edits.can.undo;
  forth.disabled = !edits.can.redo;
  large.hidden = subject?.kind === "photo";
  if (subject) [subject.side, subject.large].forEach((side, index) => { large.options[index].textContent = `${side} px`; });
  whole.hidden = subject?.kind !== "photo";
  const choose = props.value.choose;
  who.drawStrip(subject?.kind === "photo" && choose?.faces.filter((face) => face.usable).length > 1 && !working() ? choose : null, subject, edits.wish);
}

function draw() {
  const job = props.value.work || local, tuning = Boolean(job?.tuning);
  const choosing = job && !tuning ? job.number === undefined ? null : props.value.choose : waiting;
  root.classList.toggle("sitting", Boolean(subject));
  root.classList.toggle("at-work", Boolean(job) && !tuning);
  ways.draw(Boolean(choosing || job));
  drawWork(job);
  who.drawBoxes(choosing, job);
  stage.hidden = !subject || Boolean(choosing);
  panel.hidden = !subject || Boolean(choosing);
  panel.inert = Boolean(job) && !tuning;
  drawTools();
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
    ways.show("photo");
    left = null;
    await adopt(value.subject, value.look || {});
  } else if (value.subject && value.subject.version !== seen.version) {  // the same face, learned better meanwhile
    seen.version = value.subject.version;
    if (left?.subject.key === value.subject.key) left.subject = value.subject;
    if (subject?.key === value.subject.key) {
      await portrait.load(value.subject, url);
      subject = value.subject;
      edits.live();
      edits.release();
    }
  }
  if (value.product && value.product.id !== seen.product) { seen.product = value.product.id; product.draw(value.product); }
  draw();
}

const root = el("div.faces", {}, el("div.floor-side", {}, ways.root, ...ways.panes, note, work, who.boxes, stage, product.root), panel);
element.replaceChildren(root);

watch("value", heard);
drawPanel();
heard();

// A link to a face: ?tool=faces&recipe={"seed": …}. The server checks what it says.
const asked = new URLSearchParams(location.search);
if (asked.get("tool") === "faces" && asked.get("recipe")) follow(asked.get("recipe"));
async function follow(recipe) {
  const { link, error } = await ask("opened", { recipe });
  ways.show("new");
  if (error) { ways.sheet(); return say(error, true); }
  ways.start(link.seed, link.truncation);
  await sitDown(link.seed, link.truncation, link.sliders, link.other === null ? {} : { other: link.other, mix: link.mix });
  ways.sheet();
}
