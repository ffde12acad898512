// The middle of a tab: the pictures, the work on them, and what came out. `props.value` is made by studio/pictures.py.
const { el, icon, url, bytes, time } = window.Studio;
const viewer = makeViewer();
const title = el("div.title");
const tools = el("div.tools", {},
  el("button.quiet.add", { type: "button", onclick: () => document.querySelector(`${props.box} input[type=file]`)?.click() },
    icon("plus"), "Add pictures"),
  el("button.quiet.clear", { type: "button", onclick: () => trigger("clear") }, icon("trash"), "Start over"));
const work = el("div.work", { role: "progressbar", "aria-valuemin": 0, "aria-valuemax": 100, "aria-label": "Progress" },
  el("div.bar", {}, el("span")), el("div.words", {}, el("span.message"), el("span.clock")));
const result = el("div.result", { "aria-live": "polite" });
const list = el("ul.list");
const root = el("section.stage", { "aria-label": "Pictures" }, el("div.top", {}, title, tools), viewer.root, work, result, list);
element.replaceChildren(root);
let current = null, seen = "", followed = null;

const words = { ready: "ready", queued: "next", working: "working", done: "done", failed: "failed" };
const left = (seconds) => seconds < 90 ? time(seconds) : seconds < 5400 ? `${Math.round(seconds / 60)} min` : time(seconds);
const size = (w, h) => `${w} × ${h}`;

function pick(id) { current = id; draw(); trigger("pick", { id }); }

function download(file, label, kind) {
  return el(`a.download.${kind}`, { href: url(file.path), download: file.name, "aria-label": `${label} ${file.name}` },
    icon("download"), label);
}

function row(item) {
  const failed = item.status === "failed";
  const facts = failed ? item.error : item.result
    ? `${size(item.width, item.height)} → ${size(item.result.width, item.result.height)} · ${bytes(item.result.bytes)}`
    : size(item.width, item.height);
  return el(`li.item.${item.status}${item.id === current ? ".current" : ""}`, { "data-name": item.name },
    el("button.open", { type: "button", "aria-label": `Show ${item.name}`, "aria-current": item.id === current ? "true" : null,
      disabled: failed && !item.before, onclick: () => pick(item.id) },
      item.thumb ? el("img", { src: item.thumb, alt: "" }) : el("span.nothumb", {}, icon("alert")),
      el("span.what", {}, el("span.name", {}, item.name), el("span.facts", {}, facts))),
    el("span.state", {}, item.status === "done" ? icon("check") : null, words[item.status]),
    item.result && download(item.result, "", "small"),
    el("button.remove", { type: "button", "aria-label": `Remove ${item.name}`, title: "Remove",
      onclick: () => trigger("remove", { id: item.id }) }, icon("close")));
}

function drawResult(item, value) {
  const parts = [];
  if (item?.error) parts.push(el("p.trouble", { role: "alert" }, icon("alert"), el("span", {}, item.error)));
  for (const note of [item?.note, item?.result?.note]) if (note) parts.push(el("p.note", {}, note));
  if (item?.result) {
    const out = item.result;
    parts.push(el("div.outcome", {},
      el("p.made", {}, `${out.line} · ${size(out.width, out.height)} · ${bytes(out.bytes)}`),
      el("div.downloads", {}, download(out, "Download", "main"),
        value.zip && download(value.zip, `All ${value.zip.count} as zip`, "second"))));
  } else if (value.zip) {
    parts.push(el("div.outcome", {}, el("p.made", {}, `${value.zip.count} pictures are done`),
      download(value.zip, `All ${value.zip.count} as zip`, "second")));
  }
  // Redrawn only when it changes: a screen reader would read it again, a click on Download would be lost.
  const key = JSON.stringify([item?.id, item?.error, item?.note, item?.result, value.zip]);
  if (key !== seen) { seen = key; result.replaceChildren(...parts); }
}

function drawWork(job) {
  work.hidden = !job;
  root.classList.toggle("working", Boolean(job));
  if (!job) { viewer.preview(null); followed = null; return; }
  const percent = Math.round(job.fraction * 100);
  work.setAttribute("aria-valuenow", percent);
  work.setAttribute("aria-valuetext", `${job.message}, ${percent} percent`);
  work.querySelector(".bar span").style.width = `${percent}%`;
  work.classList.toggle("unknown", job.fraction === 0);
  work.querySelector(".message").textContent = `${job.message}${job.fraction > 0 ? ` · ${percent} %` : ""}`;
  work.querySelector(".clock").textContent = time(job.seconds) + (job.remaining === null ? "" : ` · about ${left(job.remaining)} left`);
  if (!followed) {  // the work begins: on a phone its picture may be far above the button that was pressed
    const top = root.getBoundingClientRect().top;
    const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
    if (top < -40 || top > innerHeight - 200) root.scrollIntoView({ block: "start", behavior: calm ? "auto" : "smooth" });
  }
  if (job.id !== followed) { followed = job.id; viewer.preview(null); current = job.id || current; }
  if (job.preview && job.id === current) viewer.preview(job.preview);
}

function draw() {
  const value = props.value;
  const items = value.items;
  root.hidden = items.length === 0;
  const drop = document.querySelector(props.box);
  drop?.querySelector("button")?.setAttribute("aria-label", "Choose pictures, or drop or paste them");
  drop?.closest(".room")?.classList.toggle("has-pictures", items.some((one) => one.before));
  if (!items.length) { current = null; return; }
  if (value.current && value.current !== root.dataset.told) { current = value.current; root.dataset.told = value.current; }
  drawWork(value.work);
  const usable = items.filter((item) => item.before);
  const item = items.find((one) => one.id === current) || usable[usable.length - 1] || items[items.length - 1];
  current = item.id;
  if (value.work && value.work.id !== current) viewer.preview(null);
  viewer.root.hidden = !item.before;
  if (item.before) {
    const out = item.result;
    viewer.show({ before: url(item.before), after: out ? url(out.view) : null, label: item.name,
      width: out ? out.width : item.width, height: out ? out.height : item.height, words: out ? out.words : null });
  }
  title.replaceChildren(el("strong", {}, items.length > 1 ? `${items.length} pictures` : item.name),
    items.length > 1 ? "" : el("span", {}, item.width ? size(item.width, item.height) : ""));
  drawResult(item, value);
  list.hidden = items.length < 2;
  list.replaceChildren(...(items.length < 2 ? [] : items.map(row)));
}

// Drop or paste anywhere while this tab is in view.
const here = () => !props.value.work && (element.offsetParent !== null || document.querySelector(props.box)?.offsetParent != null);
const pictures = (list) => [...(list || [])].filter((file) => file instanceof File);
// (not while the studio works: what arrives then would be lost when the result comes)
document.addEventListener("paste", (event) => {
  const files = pictures(event.clipboardData?.files);
  if (!files.length || !here()) return;
  event.preventDefault();
  const now = new Date().toISOString().slice(11, 19).replaceAll(":", "");
  window.Studio.give(props.box, files.map((file) => file.name === "image.png"
    ? new File([file], `pasted-${now}.png`, { type: file.type }) : file));
});
document.addEventListener("dragover", (event) => {
  if (![...(event.dataTransfer?.types || [])].includes("Files") || !here()) return;
  event.preventDefault();
  document.body.classList.add("dropping");
});
for (const name of ["dragleave", "drop", "dragend"]) {
  document.addEventListener(name, (event) => {
    if (name !== "dragleave" || event.relatedTarget === null) document.body.classList.remove("dropping");
  });
}
document.addEventListener("drop", (event) => {
  if (!here() || event.defaultPrevented || event.target.closest?.(props.box)) return;
  const files = pictures(event.dataTransfer?.files);
  if (!files.length) return;
  event.preventDefault();
  window.Studio.give(props.box, files);
});

// Another part of the page shows this picture: the list and the downloads follow.
addEventListener("studio-show", (event) => {
  if (props.value.items.some((one) => one.id === event.detail)) { current = event.detail; draw(); }
});

watch("value", draw);
draw();
