// A bank of sliders from -1 (0 where they only add) to 1, in groups. Goes in front of faces.js.
// makeBank(sliders, {moved, settled}): `moved` on every step of a drag, `settled` when it is let go.
function makeBank(sliders, { moved, settled }) {
  const { el, icon } = window.Studio;
  const rows = new Map();
  let values = {};

  function row(slider) {
    const range = el("input", { type: "range", min: slider.least, max: 1, step: 0.01, value: 0, id: `face-${slider.name}`, "data-slider": slider.name,
      oninput: () => { put(slider.name, Number(range.value)); moved(slider.name); }, onchange: () => settled(slider.name) });
    const box = el("input.number", { type: "number", min: slider.least, max: 1, step: 0.05, value: 0, inputmode: "decimal", "aria-label": `${slider.label}, a number from ${slider.least} to 1`,
      oninput: () => { if (box.value !== "" && Number.isFinite(Number(box.value))) { put(slider.name, Number(box.value), box); moved(slider.name); } },
      onchange: () => { put(slider.name, Number(box.value) || 0); settled(slider.name); },
      onkeydown: (event) => { if (event.key === "Enter") box.blur(); } });
    const reset = el("button.reset", { type: "button", "aria-label": `Reset ${slider.label}`, title: "Reset",
      onclick: () => { put(slider.name, 0); moved(slider.name); settled(slider.name); } }, icon("close"));
    range.addEventListener("dblclick", () => reset.click());
    const root = el("div.slider", { "data-name": slider.name },
      el("div.head", {}, el("label", { for: range.id }, slider.label), reset, box), range,
      el("div.ends", { "aria-hidden": "true" }, el("span", {}, slider.low_word), el("span", {}, slider.high_word)));
    rows.set(slider.name, { root, range, box, slider });
    return root;
  }

  function put(name, value, typing) {
    const clean = Math.round(Math.min(1, Math.max(rows.get(name).slider.least, value)) * 100) / 100;
    if (clean) values[name] = clean; else delete values[name];
    show(name, typing);
  }

  function show(name, typing) {
    const { root, range, box, slider } = rows.get(name), value = values[name] || 0;
    range.value = value;
    if (box !== typing) box.value = value.toFixed(2);
    const place = (at) => `${100 * (at - slider.least) / (1 - slider.least)}%`;
    range.style.setProperty("--from", place(Math.min(0, value)));
    range.style.setProperty("--to", place(Math.max(0, value)));
    range.setAttribute("aria-valuetext", value ? `${value.toFixed(2)} towards ${value < 0 ? slider.low_word : slider.high_word}` : "unchanged");
    root.classList.toggle("set", value !== 0);
  }

  const groups = [...new Set(sliders.map((slider) => slider.group))];
  const root = el("div.bank", {}, ...groups.map((group, i) => el("details.group", { open: i < 3 },
    el("summary", {}, group),
    ...sliders.filter((slider) => slider.group === group).map(row))));
  for (const name of rows.keys()) show(name);
  return {
    root,
    get values() { return { ...values }; },
    set(next) {
      values = {};
      for (const [name, value] of Object.entries(next)) if (rows.has(name) && value && value >= rows.get(name).slider.least) values[name] = Math.round(value * 100) / 100;
      for (const name of rows.keys()) show(name);
    },
    enable(on) { for (const { range, box } of rows.values()) { range.disabled = !on; box.disabled = !on; } },
    label: (name) => rows.get(name)?.slider.label || name,
  };
}
