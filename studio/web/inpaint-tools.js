// The Inpaint tab's tools: what a hand on the picture does, and what is done to the whole mask. Goes in front of inpaint.js.

// A small button of the desk. name: data-do, by which it is told from others; shown: what is on it.
function quietButton(label, name, action, ...shown) {
  return window.Studio.el("button.quiet", { type: "button", "data-do": name, "aria-label": label, title: label, onclick: action }, ...shown);
}

// on: masks, use(name) a tool is chosen, sized() the brush has another size.
function makeTools({ masks, use, sized }) {
  const { el, icon } = window.Studio;
  const TOOLS = { brush: ["Brush", "brush", "Paint over what should go (B)"], erase: ["Eraser", "eraser", "Rub out paint (E)"],
    select: ["Select", "wand", "Click on an object to select it (S)"], extend: ["Extend", "frame", "Make the picture larger on its sides (X)"],
    compare: ["Look", "eye", "Move around and compare (C)"] };
  const TEACH = { brush: "Paint over what should go. Shift-click draws a straight line, [ and ] change the size, two fingers zoom.",
    erase: "Rub out paint where too much of it is.",
    select: "Click on an object, or draw a box around it. Alt-click, or the minus button, takes away. Reach says how far a click goes.",
    extend: "Pull at a side, or say by how much. The picture goes on where it ended.",
    compare: "Drag the line to compare. Choose the brush to go on from what you see." };
  const KEYS = { b: "brush", e: "erase", s: "select", x: "extend", c: "compare" };

  const buttons = Object.entries(TOOLS).map(([name, [word, sign, title]]) =>
    el("button", { type: "button", "data-tool": name, "aria-label": word, title, onclick: () => use(name) }, icon(sign), el("span", {}, word)));
  const size = el("input", { type: "range", min: 4, max: 200, value: 44, "aria-label": "Size of the brush, in pixels of the screen", oninput: () => sized() });
  const sizeBox = el("label.amount", {}, el("span", {}, "Size"), size);
  const reach = el("input", { type: "range", min: 0, max: 1, step: 0.05, value: 0.5, "aria-label": "How far a click reaches" });
  const reachBox = el("label.amount", {}, el("span", {}, "Reach"), reach);
  const away = quietButton("Take away from the mask with a click", "away", () => take(!taking()), icon("minus"));
  const taking = () => away.getAttribute("aria-pressed") === "true";
  const take = (on) => away.setAttribute("aria-pressed", String(on));
  take(false);
  const undo = quietButton("Undo (Ctrl+Z)", "undo", () => masks.undo(), icon("undo"));
  const redo = quietButton("Redo (Ctrl+Shift+Z)", "redo", () => masks.redo(), icon("redo"));
  const invert = quietButton("Invert the mask", "invert", () => masks.invert(), icon("invert"));
  const clear = quietButton("Clear the mask", "clear", () => masks.clear(), icon("trash"));
  const edits = el("span.edits", { role: "group", "aria-label": "Mask" }, undo, redo, invert, clear);
  const teach = el("p.teach");

  return {
    choice: [el("span.segments", { role: "group", "aria-label": "Tools" }, ...buttons), sizeBox, reachBox, away], edits, teach, taking,
    get size() { return Number(size.value); },
    get reach() { return Number(reach.value); },
    grow(factor) { size.value = Number(size.value) * factor; },
    put() { take(false); },  // the tool that a click takes away with is put down
    named(key) { return KEYS[key]; },
    // tool: the one in hand. untouched: whether nothing was done to the picture yet. any: whether something is masked.
    draw(tool, { untouched, any }) {
      for (const each of buttons) each.setAttribute("aria-pressed", String(each.dataset.tool === tool));
      sizeBox.hidden = tool !== "brush" && tool !== "erase";
      reachBox.hidden = away.hidden = tool !== "select";
      teach.textContent = tool === "compare" && untouched ? "Zoom and move. Choose the brush to paint over what should go." : TEACH[tool];
      undo.disabled = !masks.canUndo;
      redo.disabled = !masks.canRedo;
      clear.disabled = !any;
    },
  };
}
