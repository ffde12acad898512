// Sliders of the Faces tab. Goes in front of faces.js.

// One slider: its label, a reset, a number box, the range, words at its ends. What it is set to is the caller's:
// `put(value, typing)` takes what a person sets, `show(value)` draws it, `moved` follows every step, `settled` the last.
function makeRow({ label, low = "", high = "", about = "", name = "", least = 0, most = 1, step = 0.01, rest = 0, digits = 2, put, moved = () => {}, settled = () => {} }) {
  const { el, icon } = window.Studio;
  const clean = (value) => Number(Math.min(most, Math.max(least, Number.isFinite(value) ? value : rest)).toFixed(digits));
  const id = `face-${name || `${label}-${Math.random().toString(36).slice(2, 7)}`.replace(/\W+/g, "-")}`;
  const range = el("input", { type: "range", min: least, max: most, step, value: rest, id, "data-slider": name || null,
    oninput: () => { put(clean(Number(range.value))); moved(); }, onchange: () => settled(), onpointerup: () => settled() });
  const box = el("input.number", { type: "number", min: least, max: most, step: Math.max(step, digits ? 0.05 : 1), inputmode: "decimal", "aria-label": `${label}, a number from ${least} to ${most}`,
    oninput: () => { if (box.value !== "" && Number.isFinite(Number(box.value))) { put(clean(Number(box.value)), box); moved(); } },
    onchange: () => { put(clean(box.value === "" ? rest : Number(box.value))); settled(); },
    onkeydown: (event) => { if (event.key === "Enter") box.blur(); } });
  const reset = el("button.reset", { type: "button", "aria-label": `Reset ${label}`, title: `Reset ${label}`,
    onclick: () => { put(rest); moved(); settled(); } }, icon("close"));
  range.addEventListener("dblclick", () => reset.click());
  const root = el("div.slider", { "data-name": name || null, title: about || null },
    el("div.head", {}, el("label", { for: id }, label), reset, box), range,
    el("div.ends", { "aria-hidden": "true" }, el("span", {}, low), el("span", {}, high)));

  function show(value, typing) {
    range.value = value;
    if (box !== typing) box.value = value.toFixed(digits);
    const origin = Math.max(0, least), place = (at) => `${100 * (at - least) / (most - least)}%`;
    range.style.setProperty("--from", place(Math.min(origin, value)));
    range.style.setProperty("--to", place(Math.max(origin, value)));
    range.setAttribute("aria-valuetext", value === rest && !rest ? "unchanged" : value.toFixed(digits) + (low && high && least < 0 ? ` towards ${value < 0 ? low : high}` : ""));
    root.classList.toggle("set", value !== rest);
  }
  show(rest);
  return { root, show, least, label };
}

// One slider that keeps its own value: {root, value, set}.
function makeAmount(options) {
  let value = options.rest ?? 0;
  const row = makeRow({ ...options, put: (next, typing) => { value = next; row.show(next, typing); } });
  return { root: row.root, get value() { return value; }, set(next) { value = next; row.show(next); } };
}

// A bank of sliders from -1 (0 where they only add) to 1, in groups.
// makeBank(sliders, {moved, settled}): `moved` on every step of a drag, `settled` when it is let go.
function makeBank(sliders, { moved, settled }) {
  const { el } = window.Studio;
  const rows = new Map();
  let values = {};
  for (const slider of sliders) {
    const name = slider.name;
    rows.set(name, makeRow({ name, label: slider.label, low: slider.low_word, high: slider.high_word, least: slider.least,
      put: (value, typing) => { if (value) values[name] = value; else delete values[name]; rows.get(name).show(value, typing); }, moved, settled }));
  }
  const groups = [...new Set(sliders.map((slider) => slider.group))], open = matchMedia("(max-width: 900px)").matches ? 1 : 3;
  const count = new Map(groups.map((group) => [group, el("span.count")]));
  const root = el("div.bank", {}, ...groups.map((group, i) => el("details.group", { open: i < open }, el("summary", {}, group, count.get(group)),
    ...sliders.filter((slider) => slider.group === group).map((slider) => rows.get(slider.name).root))));
  return {
    root,
    get values() { return { ...values }; },
    set(next) {
      values = {};
      for (const [name, value] of Object.entries(next)) if (rows.has(name) && value && value >= rows.get(name).least) values[name] = Math.round(value * 100) / 100;
      for (const [name, row] of rows) row.show(values[name] || 0);
    },
    // How many sliders of each group are set: a folded group hides what it does to the face.
    tally() {
      for (const group of groups) count.get(group).textContent = sliders.filter((slider) => slider.group === group && values[slider.name]).length || "";
    },
    label: (name) => rows.get(name)?.label || name,
  };
}
