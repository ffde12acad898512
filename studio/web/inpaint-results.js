// What came out on the Inpaint tab: the steps, other suggestions, the blur alarm, the original. Goes in front of inpaint.js.
//
// on: go(options) runs again, walk(by) shows another step, take(number) chooses a suggestion, step(), held(on) the button
// that shows the original was pressed or let go.
function makeResults({ go, walk, take, step, held }) {
  const { el, icon, url } = window.Studio;
  const hold = quietButton("Hold to see the original", "hold", () => {}, icon("eye"), "Hold: original");
  const another = quietButton("Try another fill", "another", () => go({ again: true }), "Try another");
  const three = quietButton("Make three suggestions to choose from", "three", () => go({ count: 3 }), "Three suggestions");
  const back = quietButton("Back to the step before", "back", () => walk(-1), icon("undo"));
  const forth = quietButton("On to the next step", "forth", () => walk(1), icon("redo"));
  const where = el("span.where", { "aria-live": "polite" });
  const path = el("span.group.path", { role: "group", "aria-label": "Steps" }, back, where, forth);
  const fetchStep = el("a.quiet", {}, icon("download"), "This step");
  const senders = window.Studio.senders(() => step(), "Upscale", "Faces", "Colorize");
  const alarm = el("p.note.alarm");
  const shelf = el("div.choices", { role: "group", "aria-label": "Suggestions" });
  const row = el("div.row.results", {}, three, path, fetchStep, el("span.gap"), senders);

  // Press and hold: the original, where it lies in what is shown.
  const first = el("img.first", { alt: "The original", draggable: "false" });
  let holding = false;
  function peek(on) {
    if (holding === on || !step()) return;
    holding = on;
    held(on);
  }
  function showFirst({ steps }, k) {
    const now = steps[k], parts = { left: 0, top: 0 };
    for (const one of steps.slice(1, k + 1)) for (const side of Object.keys(parts)) parts[side] += one[side];
    if (first.getAttribute("src") !== url(steps[0].view)) first.src = url(steps[0].view);
    Object.assign(first.style, { left: `${(100 * parts.left) / now.width}%`, top: `${(100 * parts.top) / now.height}%`, width: `${(100 * steps[0].width) / now.width}%`,
      height: `${(100 * steps[0].height) / now.height}%` });
  }
  hold.addEventListener("pointerdown", (event) => { hold.setPointerCapture(event.pointerId); peek(true); });
  for (const name of ["pointerup", "pointercancel", "blur", "keyup"]) hold.addEventListener(name, () => peek(false));
  hold.addEventListener("keydown", (event) => { if (event.key === " " || event.key === "Enter") { event.preventDefault(); peek(true); } });
  hold.addEventListener("contextmenu", (event) => event.preventDefault());

  function drawShelf(one, fills) {
    const drawn = JSON.stringify([one.id, fills.map((fill) => [fill.close.length, fill.close.slice(-60), fill.on, fill.blurry])]);
    if (shelf.dataset.drawn === drawn) return;
    shelf.dataset.drawn = drawn;
    shelf.replaceChildren(...fills.map((fill, i) => el("button.suggestion", { type: "button", "aria-pressed": String(fill.on), "aria-label": `Suggestion ${i + 1}${fill.blurry ? ", blurry" : ""}`,
      onclick: () => take(i) }, el("img", { src: fill.close, alt: "" }), el("span", {}, `${i + 1}${fill.blurry ? " · blurry" : ""}`))));
  }

  return {
    hold, another, alarm, shelf, row, first, showFirst,
    // one: the picture. k: which of its steps is shown. looking: whether the tool in hand compares. ready: whether a run has what it needs.
    draw(one, k, { looking, ready }) {
      const now = one.steps[k], last = one.steps.length - 1;
      senders.hidden = k === 0;
      hold.hidden = k === 0 || !looking;
      another.hidden = hold.hidden || now.verb === "blend";
      three.hidden = !ready;
      path.hidden = last === 0;
      where.textContent = `Step ${k} of ${last}`;
      back.disabled = k === 0;
      forth.disabled = k === last;
      fetchStep.hidden = k === 0 || k === last;
      if (!fetchStep.hidden) Object.assign(fetchStep, { href: url(now.path), download: now.name });
      row.hidden = [...row.children].every((child) => child.hidden || child.className === "gap");
      alarm.textContent = now.note || "";
      alarm.hidden = !now.note;
      alarm.classList.toggle("good", Boolean(now.helped));
      another.classList.toggle("wanted", Boolean(now.blurry));
      drawShelf(one, k === last && last > 0 && one.variants.length > 1 ? one.variants : []);
    },
  };
}
