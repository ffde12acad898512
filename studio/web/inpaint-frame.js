// How far a picture is to be extended on its sides. Goes in front of inpaint.js.
//
// `open(picture, sides)` gives the frame to show: the picture with room around it. Handles are dragged, or moved with
// the arrow keys; number boxes say the same in pixels or percent. `sides`: {left, right, top, bottom} in pixels.
function makeFrame(moved) {
  const { el } = window.Studio;
  const NAMES = ["left", "right", "top", "bottom"], SHAPES = { "1:1": 1, "4:5": 4 / 5, "3:2": 3 / 2, "16:9": 16 / 9, "9:16": 9 / 16 };
  const word = (name) => name[0].toUpperCase() + name.slice(1);
  const across = (name) => name === "left" || name === "right";
  let picture = { width: 1, height: 1 }, sides = {}, room = {}, unit = "px", held = null;

  const handles = NAMES.map((name) => el(`button.grip.${name}`, { type: "button", role: "slider", "data-side": name, "aria-label": `Extend ${name}`,
    "aria-orientation": across(name) ? "horizontal" : "vertical", "aria-valuemin": 0, onkeydown: (event) => nudge(event, name) }));
  const size = el("output.size", { "aria-live": "polite" });
  const plan = el("div.plan", {}, el("div.old"), size, ...handles);
  const boxes = NAMES.map((name) => el("input", { type: "number", min: 0, step: 1, inputmode: "numeric", "data-side": name, "aria-label": `Extend ${name} by`,
    onchange: (event) => set({ [name]: fromUnit(name, Number(event.target.value) || 0) }, true) }));
  const units = ["px", "%"].map((one) => el("button", { type: "button", "data-unit": one, onclick: () => { unit = one; draw(); } }, one));
  const shapes = Object.keys(SHAPES).map((one) => el("button.quiet", { type: "button", "aria-label": `Extend to ${one}`, onclick: () => fitTo(SHAPES[one]) }, one));
  const none = el("button.quiet", { type: "button", onclick: () => set({ left: 0, right: 0, top: 0, bottom: 0 }, true) }, "Reset");
  const controls = el("div.sides", {}, ...NAMES.map((name, i) => el("label", {}, el("span", {}, word(name)), boxes[i])),
    el("span.segments", { role: "group", "aria-label": "Unit" }, ...units), el("span.shapes", { role: "group", "aria-label": "Shapes" }, ...shapes, none));

  const long = (name) => (across(name) ? picture.width : picture.height);
  const fromUnit = (name, value) => (unit === "px" ? value : (value * long(name)) / 100);
  const toUnit = (name, value) => (unit === "px" ? Math.round(value) : Math.round((1000 * value) / long(name)) / 10);

  function set(some, done) {
    for (const [name, value] of Object.entries(some)) sides[name] = Math.round(Math.min(long(name), Math.max(0, value)));
    draw();
    moved(sides, done);
  }
  function fitTo(shape) {  // the smallest extension to that shape, the same on both sides
    const { width, height } = picture;
    const w = Math.max(width, height * shape), h = Math.max(height, width / shape);
    const x = Math.min(2 * width, w - width), y = Math.min(2 * height, h - height);
    set({ left: x / 2, right: x / 2, top: y / 2, bottom: y / 2 }, true);
  }
  function nudge(event, name) {
    const [more, less] = { left: ["ArrowLeft", "ArrowRight"], right: ["ArrowRight", "ArrowLeft"], top: ["ArrowUp", "ArrowDown"], bottom: ["ArrowDown", "ArrowUp"] }[name];
    if (event.key !== more && event.key !== less) return;
    event.preventDefault();
    event.stopPropagation();
    set({ [name]: sides[name] + (event.key === more ? 1 : -1) * (event.shiftKey ? 0.1 : 0.02) * long(name) }, true);
  }

  function draw() {
    const width = picture.width + room.left + room.right, height = picture.height + room.top + room.bottom;
    const out = { left: room.left - sides.left, top: room.top - sides.top, right: room.right - sides.right, bottom: room.bottom - sides.bottom };
    Object.assign(plan.style, { left: `${(100 * out.left) / width}%`, right: `${(100 * out.right) / width}%`, top: `${(100 * out.top) / height}%`,
      bottom: `${(100 * out.bottom) / height}%` });
    const newWidth = picture.width + sides.left + sides.right, newHeight = picture.height + sides.top + sides.bottom;
    Object.assign(plan.firstChild.style, { left: `${(100 * sides.left) / newWidth}%`, right: `${(100 * sides.right) / newWidth}%`,
      top: `${(100 * sides.top) / newHeight}%`, bottom: `${(100 * sides.bottom) / newHeight}%` });
    size.textContent = `${newWidth} × ${newHeight}`;
    NAMES.forEach((name, i) => {
      if (document.activeElement !== boxes[i] || !held) boxes[i].value = toUnit(name, sides[name]);
      handles[i].setAttribute("aria-valuemax", long(name));
      handles[i].setAttribute("aria-valuenow", sides[name]);
      handles[i].setAttribute("aria-valuetext", `${sides[name]} pixels more`);
    });
    for (const one of units) one.setAttribute("aria-pressed", String(one.dataset.unit === unit));
  }

  return {
    plan, controls,
    open(one, now) {
      picture = { width: one.width, height: one.height };
      sides = { left: 0, right: 0, top: 0, bottom: 0, ...now };
      const spare = 0.22 * Math.max(picture.width, picture.height);
      for (const name of NAMES) room[name] = Math.round(sides[name] + spare);
      draw();
      return { width: picture.width + room.left + room.right, height: picture.height + room.top + room.bottom, ...room, inner: picture };
    },
    // A drag, in pixels of the picture. True while it is one.
    grab(event) {
      const name = event.target.closest?.(".grip")?.dataset.side;
      held = name ? { name, x: event.clientX, y: event.clientY, from: sides[name] } : null;
      return Boolean(held);
    },
    drag(event, scale) {
      if (!held) return false;
      const by = { left: held.x - event.clientX, right: event.clientX - held.x, top: held.y - event.clientY, bottom: event.clientY - held.y }[held.name];
      set({ [held.name]: Math.min(room[held.name], held.from + by / scale) }, false);
      return true;
    },
    release() {
      if (!held) return false;
      held = null;
      moved(sides, true);
      return true;
    },
  };
}
