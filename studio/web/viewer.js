// One picture, or a before and an after under a movable line, with zoom. Goes in front of stage.js.
//
// The "frame" is the picture in its own pixels (the after's, once there is one). `zoom` is CSS pixels per frame pixel,
// so 100 % is 1 / devicePixelRatio: one picture pixel on one screen pixel.
function makeViewer() {
  const { el, icon } = window.Studio;
  const before = el("img", { alt: "", draggable: "false" });
  const after = el("img", { alt: "", draggable: "false" });
  const live = el("img.live", { alt: "", draggable: "false" });
  const under = el("div.layer", {}, before, live);
  const over = el("div.layer.over", {}, after);
  const handle = el("button.handle", { type: "button", role: "slider", "aria-label": "Line between before and after",
    "aria-valuemin": 0, "aria-valuemax": 100, "aria-orientation": "horizontal" }, icon("compare"));
  const line = el("div.line", {}, handle);
  const tags = [el("span.tag.left", {}, "Before"), el("span.tag.right", {}, "After")];
  const readout = el("output.readout", { "aria-live": "polite" });
  const button = (label, name, action, shown) =>
    el("button", { type: "button", "aria-label": label, title: label, "data-zoom": name, onclick: action }, shown);
  const bar = el("div.zoombar", { role: "toolbar", "aria-label": "Zoom" },
    button("Zoom out", "out", () => step(1 / 1.5), icon("minus")), readout,
    button("Zoom in", "in", () => step(1.5), icon("plus")),
    button("Fit the whole picture", "fit", () => fit(), "Fit"),
    button("One picture pixel per screen pixel", "100", () => exact(1), "100 %"),
    button("Two screen pixels per picture pixel", "200", () => exact(2), "200 %"),
    document.fullscreenEnabled && button("Full screen", "full", () => full(), icon("expand")));
  const view = el("div.view", { tabindex: 0, role: "group" }, under, over, line, ...tags);
  const root = el("div.viewer", {}, view, bar);

  let frame = { width: 1, height: 1 }, zoom = 1, x = 0, y = 0, split = 0.5, fitted = true, comparing = false;
  const box = () => ({ width: view.clientWidth || 1, height: view.clientHeight || 1 });
  const whole = () => Math.min(box().width / frame.width, box().height / frame.height, 4);
  const clamp = (value, low, high) => Math.min(high, Math.max(low, value));

  function place() {
    const { width, height } = box();
    const w = frame.width * zoom, h = frame.height * zoom;
    x = w <= width ? (width - w) / 2 : clamp(x, width - w, 0);
    y = h <= height ? (height - h) / 2 : clamp(y, height - h, 0);
    for (const image of [before, after, live]) {
      image.style.width = `${w}px`;
      image.style.height = `${h}px`;
      image.style.transform = `translate(${x}px, ${y}px)`;
    }
    const at = split * width;
    over.style.clipPath = `inset(0 0 0 ${at}px)`;
    line.style.transform = `translateX(${at}px)`;
    tags[0].style.opacity = at > 90 ? 1 : 0;
    tags[1].style.opacity = width - at > 90 ? 1 : 0;
    const percent = Math.round(split * 100);
    handle.setAttribute("aria-valuenow", percent);
    handle.setAttribute("aria-valuetext", `${percent} percent before, ${100 - percent} percent after`);
    readout.textContent = `${Math.round(zoom * devicePixelRatio * 100)} %`;
    view.classList.toggle("pannable", w > width + 1 || h > height + 1);
    bar.querySelector("[data-zoom=fit]").setAttribute("aria-pressed", String(fitted));
  }

  function zoomTo(next, atX = box().width / 2, atY = box().height / 2) {
    const low = Math.min(whole(), 1 / devicePixelRatio), high = 8 / devicePixelRatio;
    next = clamp(next, low, Math.max(high, whole()));
    x = atX - ((atX - x) * next) / zoom;
    y = atY - ((atY - y) * next) / zoom;
    zoom = next;
    fitted = Math.abs(zoom - whole()) < 1e-6;
    place();
  }
  const step = (factor) => zoomTo(zoom * factor);
  const exact = (times) => zoomTo(times / devicePixelRatio);
  function fit() { zoom = whole(); fitted = true; place(); }
  function full() { document.fullscreenElement ? document.exitFullscreen() : root.requestFullscreen(); }
  function divide(part) { split = clamp(part, 0, 1); place(); }

  function size() {
    const room = root.clientWidth || 1;
    const below = getComputedStyle(bar).position === "static" ? bar.offsetHeight : 0;
    const tall = document.fullscreenElement === root ? innerHeight - below : Math.max(Math.min(260, room * 0.6), Math.min(innerHeight * 0.68,
      (room * frame.height) / frame.width));
    view.style.height = `${Math.round(tall)}px`;
    if (fitted) zoom = whole();
    place();
  }

  // Pointers: the line (or anywhere, while the whole picture is in view) moves the line; else one pans, two pinch.
  const pointers = new Map();
  let dragging = null;
  const local = (event) => {
    const edge = view.getBoundingClientRect();
    return { x: event.clientX - edge.left, y: event.clientY - edge.top };
  };
  view.addEventListener("pointerdown", (event) => {
    if (event.button > 0) return;
    const at = local(event);
    pointers.set(event.pointerId, at);
    const onLine = line.contains(event.target);
    dragging = pointers.size > 1 ? "pinch" : onLine || !view.classList.contains("pannable") ? "line" : "pan";
    if (dragging === "line" && !comparing) dragging = null;
    if (dragging) view.setPointerCapture(event.pointerId);
    if (dragging === "line" && event.pointerType === "mouse") divide(at.x / box().width);
    view.classList.toggle("panning", dragging === "pan");
  });
  view.addEventListener("pointermove", (event) => {
    const last = pointers.get(event.pointerId);
    if (!last) return;
    const at = local(event);
    if (dragging === "line") divide(at.x / box().width);
    if (dragging === "pan") { x += at.x - last.x; y += at.y - last.y; place(); }
    if (dragging === "pinch" && pointers.size === 2) {
      const other = [...pointers].find(([id]) => id !== event.pointerId)[1];
      const span = (a, b) => Math.hypot(a.x - b.x, a.y - b.y) || 1;
      zoomTo((zoom * span(at, other)) / span(last, other), (at.x + other.x) / 2, (at.y + other.y) / 2);
    }
    pointers.set(event.pointerId, at);
  });
  for (const name of ["pointerup", "pointercancel"]) {
    view.addEventListener(name, (event) => {
      pointers.delete(event.pointerId);
      if (!pointers.size) dragging = null;
      view.classList.remove("panning");
    });
  }
  view.addEventListener("dblclick", (event) => {
    const at = local(event);
    fitted ? zoomTo(1 / devicePixelRatio, at.x, at.y) : fit();
  });

  // The wheel zooms, but a person who is scrolling past the picture keeps scrolling.
  let scrolled = 0;
  addEventListener("scroll", () => { scrolled = Date.now(); }, { passive: true, capture: true });
  view.addEventListener("wheel", (event) => {
    if (!event.ctrlKey && (Date.now() - scrolled < 300 || (fitted && event.deltaY > 0))) return;
    event.preventDefault();
    const at = local(event);
    zoomTo(zoom * Math.exp(-clamp(event.deltaY, -100, 100) / 300), at.x, at.y);
  }, { passive: false });

  handle.addEventListener("keydown", (event) => {
    const by = event.shiftKey ? 0.1 : 0.02;
    const to = { ArrowLeft: split - by, ArrowDown: split - by, ArrowRight: split + by, ArrowUp: split + by,
      PageDown: split - 0.1, PageUp: split + 0.1, Home: 0, End: 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    event.stopPropagation();
    divide(to);
  });
  view.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const move = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] }[event.key];
    if (move && view.classList.contains("pannable")) { x += move[0]; y += move[1]; place(); }
    else if (event.key === "+" || event.key === "=") step(1.5);
    else if (event.key === "-") step(1 / 1.5);
    else if (event.key === "0") fit();
    else if (event.key === "1") exact(1);
    else if (event.key === "2") exact(2);
    else return;
    event.preventDefault();
  });

  new ResizeObserver(size).observe(root);
  document.addEventListener("fullscreenchange", size);

  const load = (image, source) => {
    image.hidden = !source;
    if (source && image.getAttribute("src") !== source) image.src = source;
    if (!source) image.removeAttribute("src");
  };
  return {
    root,
    // one: {before, after, width, height, label, words}; after may be null
    show(one) {
      const changed = frame.width !== one.width || frame.height !== one.height || before.getAttribute("src") !== one.before;
      frame = { width: one.width, height: one.height };
      comparing = Boolean(one.after);
      load(before, one.before);
      load(after, one.after);
      before.alt = comparing ? `${one.label}, before` : one.label;
      after.alt = comparing ? `${one.label}, after` : "";
      tags[1].textContent = one.words || "After";
      root.classList.toggle("comparing", comparing);
      view.setAttribute("aria-label", `${one.label}. Keys: plus and minus zoom, 0 fits, 1 shows 100 percent, arrows move.`);
      if (changed) { fitted = true; split = 0.5; }
      size();
    },
    preview(source) { load(live, source); },
    // for desks with gestures of their own: the line, zoom by a factor around a point of the view, move by so many pixels
    divide,
    zoom(factor, atX, atY) { zoomTo(zoom * factor, atX, atY); },
    move(byX, byY) { x += byX; y += byY; place(); },
  };
}
