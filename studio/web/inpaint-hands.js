// The hands on the Inpaint tab's picture: a mouse, a pen, fingers or the arrow keys. Goes in front of inpaint.js.
//
// `on`: viewer, masks, frame, the elements ring and band, seat() (where the picture lies), step(), working(), painting(),
// select(question, takeAway), tool(), width() of what is shown in pixels, size() of the brush, taking() (a click takes away).
function makeHands(on) {
  const { viewer, masks, frame, ring, band } = on, view = viewer.root.querySelector(".view");

  // Pointers: a mouse, a pen or one finger paints; two fingers move and zoom, or scroll the page; so does space or the middle button.

  const fingers = new Map();
  let last = null, down = null, panning = null, space = false;
  const spot = (event, box = on.seat()) => [(event.clientX - box.x) / box.width, (event.clientY - box.y) / box.height];
  const thick = () => (on.size() / on.seat().width) * masks.width;

  view.addEventListener("pointerdown", (event) => {
    if (on.tool() === "compare") return;
    if (on.tool() === "extend") {
      if (!frame.grab(event)) return;
      view.setPointerCapture(event.pointerId);
      event.stopPropagation();
      return;
    }
    event.stopPropagation();
    if (event.pointerType === "touch") fingers.set(event.pointerId, event);
    view.setPointerCapture(event.pointerId);
    if (fingers.size > 1) { masks.drop(); down = null; band.hidden = true; return; }
    if (event.button === 1 || (event.button === 0 && space)) { panning = event; event.preventDefault(); return; }
    if (event.button !== 0 || on.working()) return;
    view.focus({ preventScroll: true });
    const [x, y] = spot(event);
    if (on.tool() === "select") { down = { x, y, event }; return; }
    showRing(event);
    if (event.shiftKey && last?.path === on.step().path) { masks.begin(last.x, last.y, thick(), on.tool() === "erase"); masks.draw(x, y); } else masks.begin(x, y, thick(), on.tool() === "erase");
    last = { path: on.step().path, x, y };
  }, { capture: true });
  view.addEventListener("pointermove", (event) => {
    if (on.tool() === "extend" && frame.drag(event, on.seat().width / on.width())) { event.stopPropagation(); return; }
    if (!on.painting()) return;
    event.stopPropagation();
    showRing(event);
    if (fingers.size > 1) return pinch(event);
    if (panning) { viewer.move(event.clientX - panning.clientX, event.clientY - panning.clientY); panning = event; return; }
    if (down) return showBand(event);
    if (!masks.drawing) return;
    const box = on.seat();
    for (const one of event.getCoalescedEvents?.().concat(event) || [event]) masks.draw(...spot(one, box));
    [last.x, last.y] = spot(event, box);
  }, { capture: true });
  function pinch(event) {
    const before = fingers.get(event.pointerId), other = [...fingers.values()].find((one) => one.pointerId !== event.pointerId);
    if (!before || !other || fingers.size !== 2) return;
    fingers.set(event.pointerId, event);
    const edge = view.getBoundingClientRect(), span = (one) => Math.hypot(one.clientX - other.clientX, one.clientY - other.clientY) || 1;
    const move = [(event.clientX - before.clientX) / 2, (event.clientY - before.clientY) / 2];
    const factor = span(event) / span(before);
    viewer.zoom(factor, (event.clientX + other.clientX) / 2 - edge.left, (event.clientY + other.clientY) / 2 - edge.top);
    if (view.classList.contains("pannable")) viewer.move(...move);
    else if (Math.abs(factor - 1) < 0.02) scrollBy(0, -2 * move[1]);
  }
  for (const name of ["pointerup", "pointercancel"]) {
    view.addEventListener(name, (event) => {
      if (on.tool() === "extend" && frame.release()) return;
      const alone = fingers.size < 2;
      fingers.delete(event.pointerId);
      panning = null;
      if (event.pointerType === "touch") ring.hidden = true;
      if (!on.painting()) return;
      if (masks.drawing) name === "pointerup" ? masks.end() : masks.drop();
      if (down && alone && name === "pointerup") pickAt(event);
      down = null;
      band.hidden = true;
    }, { capture: true });
  }
  const inside = (v) => Math.min(0.999, Math.max(0, v));
  function pickAt(event) {
    const [x, y] = spot(event), takeAway = event.altKey !== on.taking();
    if (!band.hidden) return on.select({ box: [inside(Math.min(x, down.x)), inside(Math.min(y, down.y)), inside(Math.max(x, down.x)), inside(Math.max(y, down.y))] }, takeAway);
    if (x >= 0 && x < 1 && y >= 0 && y < 1) on.select({ points: [[x, y, true]] }, takeAway);
  }
  function showBand(event) {
    const edge = view.getBoundingClientRect(), from = down.event;
    if (Math.hypot(event.clientX - from.clientX, event.clientY - from.clientY) < 7 && band.hidden) return;
    band.hidden = false;
    Object.assign(band.style, { left: `${Math.min(event.clientX, from.clientX) - edge.left}px`, top: `${Math.min(event.clientY, from.clientY) - edge.top}px`,
      width: `${Math.abs(event.clientX - from.clientX)}px`, height: `${Math.abs(event.clientY - from.clientY)}px` });
  }
  view.addEventListener("dblclick", (event) => { if (on.painting()) event.stopPropagation(); }, { capture: true });
  view.addEventListener("contextmenu", (event) => { if (on.painting()) event.preventDefault(); });
  view.addEventListener("pointerleave", () => { if (!masks.drawing) ring.hidden = true; });

  // The ring shows where and how large the brush is; with the keyboard it is moved with the arrow keys.
  let ringAt = null;
  function showRing(event) {
    if (event) { const edge = view.getBoundingClientRect(); ringAt = { x: event.clientX - edge.left, y: event.clientY - edge.top }; }
    ring.hidden = !ringAt || (on.tool() !== "brush" && on.tool() !== "erase" && event !== null);
    if (!ringAt) return;
    const side = on.tool() === "select" ? 14 : on.size();
    Object.assign(ring.style, { width: `${side}px`, height: `${side}px`, transform: `translate(${ringAt.x - side / 2}px, ${ringAt.y - side / 2}px)` });
  }
  view.addEventListener("keydown", (event) => {
    if (!on.painting() || event.ctrlKey || event.metaKey) return;
    if (event.key === " ") { space = true; event.preventDefault(); return; }
    const by = event.shiftKey ? 60 : 12;
    const move = { ArrowLeft: [-by, 0], ArrowRight: [by, 0], ArrowUp: [0, -by], ArrowDown: [0, by] }[event.key];
    if (!move && event.key !== "Enter") return;
    event.preventDefault();
    event.stopPropagation();
    ringAt ||= { x: view.clientWidth / 2, y: view.clientHeight / 2 };
    if (move) ringAt = { x: Math.min(view.clientWidth, Math.max(0, ringAt.x + move[0])), y: Math.min(view.clientHeight, Math.max(0, ringAt.y + move[1])) };
    showRing(null);
    if (move || on.working()) return;
    const edge = view.getBoundingClientRect(), [x, y] = spot({ clientX: edge.left + ringAt.x, clientY: edge.top + ringAt.y });
    if (on.tool() === "select") return on.select({ points: [[inside(x), inside(y), true]] }, event.altKey);
    masks.begin(x, y, thick(), on.tool() === "erase");
    masks.end();
  }, { capture: true });
  addEventListener("keyup", (event) => { if (event.key === " ") space = false; });

  ring.hidden = band.hidden = true;
  return { showRing };
}
