// How many times larger: buttons for the usual factors and a number for any other.
const { el } = window.Studio;
const usual = [1, 2, 4, 8];
const buttons = usual.map((factor) => el("button", { type: "button", onclick: () => set(factor) }, `${factor}×`));
const number = el("input", { type: "number", min: 1, max: 8, step: 0.1, inputmode: "decimal",
  "aria-label": "Enlarge by, 1 to 8 times",
  onchange: () => set(Number(number.value) || props.value),
  onkeydown: (event) => { if (event.key === "Enter") number.blur(); } });

function set(factor) {
  const clean = Math.round(Math.min(8, Math.max(1, factor)) * 100) / 100;
  props.value = clean;
  draw();
  trigger("input");
}

function draw() {
  number.value = props.value;
  buttons.forEach((button, i) => {
    button.setAttribute("aria-pressed", String(usual[i] === Number(props.value)));
  });
}

element.replaceChildren(el("div.factor", { role: "group", "aria-label": "Enlarge by" },
  el("span.title", {}, "Enlarge by"),
  el("div.segments", {}, ...buttons, el("span.number", {}, number, el("span", { "aria-hidden": "true" }, "×")))));
watch("value", draw);
draw();
