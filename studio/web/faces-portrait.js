// The portrait: a photo (or a new face), and on it what a slider changed. Goes in front of faces.js.
//
// While a slider is dragged the server sends small frames of the face alone. What they differ by from the frame of the
// last finished picture is added to that picture here, in its own size, so nothing is sent twice and detail stays.
function makePortrait() {
  const { el } = window.Studio;
  const canvas = el("canvas.canvas", { role: "img" });
  const ink = canvas.getContext("2d", { willReadFrequently: false });
  const small = document.createElement("canvas"), brush = small.getContext("2d", { willReadFrequently: true });
  const more = document.createElement("canvas"), less = document.createElement("canvas");
  let subject = null, picture = null, region = [0, 0, 1, 1], mask = null, base = null;
  let anchor = null;      // the last finished picture: {image, box, pixels}; null for the subject itself
  let live = null;        // pixels of the newest frame, null when the anchor is what is wished
  let before = false, whole = false;

  const image = (source) => new Promise((done, failed) => {
    const one = new Image();
    one.onload = () => done(one);
    one.onerror = () => failed(new Error("a picture of the page did not load"));
    one.src = source;
  });

  async function pixels(source) {
    const one = await image(source);
    small.width = one.naturalWidth;
    small.height = one.naturalHeight;
    brush.drawImage(one, 0, 0);
    return brush.getImageData(0, 0, small.width, small.height).data;
  }

  // 1 on the head, falling to 0 inside the square's edge: what is around it does not change.
  function softMask(side) {
    const smooth = (x, a, b) => { const t = Math.min(1, Math.max(0, (x - a) / (b - a))); return t * t * (3 - 2 * t); };
    const out = new Float32Array(side * side);
    for (let y = 0; y < side; y += 1) for (let x = 0; x < side; x += 1) {
      const u = (x + 0.5) / side, v = (y + 0.5) / side;
      const edge = smooth(Math.min(u, 1 - u, v, 1 - v), 0.01, 0.11);
      out[y * side + x] = edge * (1 - smooth(Math.hypot((u - 0.5) / 0.46, (v - 0.54) / 0.52), 0.82, 1.1));
    }
    return out;
  }

  async function load(next, url) {
    const loaded = await image(next.picture.startsWith("data:") ? next.picture : url(next.picture));
    const first = await pixels(next.base);
    [subject, picture, base, anchor, live, before] = [next, loaded, first, null, null, false];
    mask = next.kind === "photo" ? softMask(next.side) : null;
    size();
  }

  // Which part of the picture is shown: the head with as much around it as there is room, or all.
  function frameIt(wide, tall) {
    const { width, height, kind, side, matrix: [a, b, c, d, e, f] } = subject;
    region = [0, 0, width, height];
    if (kind !== "photo" || whole) return;
    const high = (side * 1.25) / Math.hypot(a, b), det = a * d - b * c;
    const x = (d * (side / 2 - e) - c * (side / 2 - f)) / det, y = (-b * (side / 2 - e) + a * (side / 2 - f)) / det;
    const w = Math.min(width, (high * wide) / tall), h = Math.min(height, high);
    region = [Math.min(width - w, Math.max(0, x - w / 2)), Math.min(height - h, Math.max(0, y - h / 2)), w, h];
  }

  function size() {
    const parent = canvas.parentElement;
    if (!subject || !parent?.clientWidth) return;
    const room = parent.clientWidth, phone = matchMedia("(max-width: 900px)").matches;
    const most = phone ? innerHeight * 0.46 : Math.max(380, innerHeight - 310);
    frameIt(room, most);
    const tall = Math.min(most, (room * region[3]) / region[2]), wide = Math.min(room, (tall * region[2]) / region[3]);
    canvas.style.width = `${Math.round(wide)}px`;
    canvas.style.height = `${Math.round(tall)}px`;
    canvas.width = Math.round(wide * devicePixelRatio);
    canvas.height = Math.round(tall * devicePixelRatio);
    paint();
  }

  function paint() {
    if (!picture) return;
    const [left, top, width] = region, zoom = canvas.width / width;
    ink.imageSmoothingEnabled = true;
    ink.imageSmoothingQuality = "high";
    ink.globalCompositeOperation = "source-over";
    ink.setTransform(zoom, 0, 0, zoom, -left * zoom, -top * zoom);
    ink.drawImage(picture, 0, 0, subject.width, subject.height);
    if (before) return;
    if (anchor) ink.drawImage(anchor.image, ...anchor.box);
    if (live) change(zoom);
    canvas.dispatchEvent(new CustomEvent("painted"));
  }

  // picture + (live - anchor's frame) under the mask: what became lighter is added, what became darker subtracted.
  function change(zoom) {
    const { side, matrix: [a, b, c, d, e, f] } = subject, from = anchor ? anchor.pixels : base;
    const up = new ImageData(side, side), down = new ImageData(side, side);
    for (let i = 0, p = 0; p < side * side; p += 1, i += 4) {
      const weight = mask ? mask[p] : 1;
      for (let k = 0; k < 3; k += 1) {
        const value = (live[i + k] - from[i + k]) * weight;
        if (value > 0) up.data[i + k] = value; else down.data[i + k] = -value;
      }
      up.data[i + 3] = down.data[i + 3] = 255;
    }
    for (const [sheet, data] of [[more, up], [less, down]]) {
      sheet.width = sheet.height = side;
      sheet.getContext("2d").putImageData(data, 0, 0);
    }
    const det = a * d - b * c;
    ink.transform(d / det, -b / det, -c / det, a / det, (c * f - d * e) / det, (b * e - a * f) / det);
    ink.globalCompositeOperation = "difference";
    ink.drawImage(less, 0, 0);
    ink.globalCompositeOperation = "lighter";
    ink.drawImage(more, 0, 0);
    ink.globalCompositeOperation = "source-over";
  }

  new ResizeObserver(() => size()).observe(document.body);

  return {
    canvas, load, size,
    get shown() { return subject?.key; },
    async frame(source) { live = await pixels(source); paint(); },
    async finished(said, url) {
      const [shown, frame] = await Promise.all([image(url(said.view)), pixels(said.frame)]);
      const scale = subject.width / said.width, [l, t, r, b] = said.box.map((value) => value * scale);
      anchor = { image: shown, box: [l, t, r - l, b - t], pixels: frame };
    },
    settle() { live = null; paint(); },
    original() { anchor = null; live = null; paint(); },
    before(on) { before = on; paint(); },
    whole(on) { whole = on; size(); },
  };
}
