// The masks of the Inpaint tab. Goes in front of inpaint.js.
//
// One canvas to paint on, of at most LONGEST pixels; what it holds belongs to the picture that is open. Of the others
// only the values are kept (`alpha`, one byte a pixel), and for undo only the part that a change touched.
function makeMasks(changed) {
  const { el } = window.Studio;
  const LONGEST = 1536, RED = "#ff3b2f", RGB = [255, 59, 47], MEMORY = 40e6, STEPS = 80;
  const canvas = el("canvas.mask"), halo = el("canvas.halo");
  const pen = canvas.getContext("2d", { willReadFrequently: true });
  const books = {};  // by the picture's file: width, height, alpha, past, future, count of masked pixels, version, upload
  let book = null, reach = 0, soft = 0, stroke = null, haloTimer = 0;

  const blank = (width, height) => {
    const made = document.createElement("canvas");
    made.width = width;
    made.height = height;
    return made;
  };
  function bookOf(key, width, height) {
    if (!books[key]) {
      const scale = Math.min(1, LONGEST / Math.max(width, height));
      const w = Math.max(1, Math.round(width * scale)), h = Math.max(1, Math.round(height * scale));
      books[key] = { width: w, height: h, whole: [width, height], alpha: new Uint8Array(w * h), past: [], future: [], count: 0, version: 0 };
    }
    return books[key];
  }

  function open(key, width, height) {
    const next = bookOf(key, width, height);
    if (next === book) return;
    book = next;
    stroke = null;
    canvas.width = book.width;
    canvas.height = book.height;
    put(0, 0, book.width, book.height);
    drawHalo();
  }

  // The values of a part of the open picture's mask onto the canvas.
  function put(x, y, w, h) {
    const image = pen.createImageData(w, h);
    for (let row = 0; row < h; row++) {
      for (let column = 0; column < w; column++) {
        const at = 4 * (row * w + column), value = book.alpha[(y + row) * book.width + x + column];
        if (!value) continue;
        [image.data[at], image.data[at + 1], image.data[at + 2]] = RGB;
        image.data[at + 3] = value;
      }
    }
    pen.putImageData(image, x, y);
  }

  function slice(of, { x, y, w, h }) {
    const part = new Uint8Array(w * h);
    for (let row = 0; row < h; row++) part.set(of.alpha.subarray((y + row) * of.width + x, (y + row) * of.width + x + w), row * w);
    return part;
  }
  function lay(of, { x, y, w, h, alpha }) {
    const before = { x, y, w, h, alpha: slice(of, { x, y, w, h }) };
    for (let i = 0; i < alpha.length; i++) of.count += (alpha[i] > 127) - (before.alpha[i] > 127);
    for (let row = 0; row < h; row++) of.alpha.set(alpha.subarray(row * w, row * w + w), (y + row) * of.width + x);
    of.version += 1;
    return before;
  }
  function remember(of, before) {
    of.past.push(before);
    of.future = [];
    let bytes = of.past.reduce((sum, one) => sum + one.alpha.length, 0);
    while (of.past.length > STEPS || (bytes > MEMORY && of.past.length > 1)) bytes -= of.past.shift().alpha.length;
  }
  // What was painted on the canvas inside this box is now the mask.
  function commit(box) {
    const x = Math.max(0, Math.floor(box[0])), y = Math.max(0, Math.floor(box[1]));
    const w = Math.min(book.width, Math.ceil(box[2])) - x, h = Math.min(book.height, Math.ceil(box[3])) - y;
    if (w <= 0 || h <= 0) return false;
    const data = pen.getImageData(x, y, w, h).data, alpha = new Uint8Array(w * h);
    for (let i = 0; i < alpha.length; i++) alpha[i] = data[4 * i + 3];
    remember(book, lay(book, { x, y, w, h, alpha }));
    told();
    return true;
  }
  function replace(alpha) {
    remember(book, lay(book, { x: 0, y: 0, w: book.width, h: book.height, alpha }));
    put(0, 0, book.width, book.height);
    told();
  }
  function told() { drawHalo(); changed(); }
  function step(from, to) {
    const part = book && from().pop();
    if (!part || stroke) return;
    to().push(lay(book, part));
    put(part.x, part.y, part.w, part.h);
    told();
  }

  // Strokes: x, y in parts of the sides, size in pixels of the mask
  function begin(x, y, size, erase) {
    stroke = { x: x * book.width, y: y * book.height, size, erase, box: [Infinity, Infinity, -Infinity, -Infinity] };
    draw(x, y);
  }
  function draw(x, y) {
    if (!stroke) return;
    const toX = x * book.width, toY = y * book.height, { size, box } = stroke;
    pen.globalCompositeOperation = stroke.erase ? "destination-out" : "source-over";
    pen.strokeStyle = RED;
    pen.lineWidth = size;
    pen.lineCap = "round";
    pen.beginPath();
    pen.moveTo(stroke.x, stroke.y);
    pen.lineTo(toX, toY + 0.01);  // a line of no length at all is not drawn
    pen.stroke();
    pen.globalCompositeOperation = "source-over";
    const edge = size / 2 + 2;
    stroke.box = [Math.min(box[0], stroke.x - edge, toX - edge), Math.min(box[1], stroke.y - edge, toY - edge),
      Math.max(box[2], stroke.x + edge, toX + edge), Math.max(box[3], stroke.y + edge, toY + edge)];
    stroke.x = toX;
    stroke.y = toY;
  }
  function end() {
    const done = stroke;
    stroke = null;
    if (done) commit(done.box);
  }
  function drop() {  // it was no stroke after all: a second finger came
    if (!stroke) return;
    stroke = null;
    put(0, 0, book.width, book.height);
  }

  // An image whose opacity is a mask joins it, or is taken away from it.
  function stamp(image, away) {
    const tint = blank(book.width, book.height), brush = tint.getContext("2d");
    brush.drawImage(image, 0, 0, book.width, book.height);
    brush.globalCompositeOperation = "source-in";
    brush.fillStyle = RED;
    brush.fillRect(0, 0, book.width, book.height);
    pen.globalCompositeOperation = away ? "destination-out" : "source-over";
    pen.drawImage(tint, 0, 0);
    pen.globalCompositeOperation = "source-over";
    commit([0, 0, book.width, book.height]);
  }

  // A mask as a picture, white on black, at its own size or another.
  function picture(of, width = of.width, height = of.height) {
    const plain = blank(of.width, of.height), ink = plain.getContext("2d"), image = ink.createImageData(of.width, of.height);
    for (let i = 0; i < of.alpha.length; i++) image.data.set([of.alpha[i], of.alpha[i], of.alpha[i], 255], 4 * i);
    ink.putImageData(image, 0, 0);
    if (width === of.width && height === of.height) return plain;
    const large = blank(width, height);
    large.getContext("2d").drawImage(plain, 0, 0, width, height);
    return large;
  }
  // The values in a picture of a mask: its opacity where that says anything, else its brightness.
  function values(image, width, height) {
    const plain = blank(width, height), ink = plain.getContext("2d");
    ink.drawImage(image, 0, 0, width, height);
    const { data } = ink.getImageData(0, 0, width, height), alpha = new Uint8Array(width * height);
    let low = 255, high = 0;
    for (let i = 3; i < data.length; i += 4) { low = Math.min(low, data[i]); high = Math.max(high, data[i]); }
    for (let i = 0; i < alpha.length; i++) {
      alpha[i] = high > low ? data[4 * i + 3] : Math.max(data[4 * i], data[4 * i + 1], data[4 * i + 2]);
    }
    return alpha;
  }

  // What the mask becomes when it grows or shrinks by `reach`: drawn paler, around it or inside it; its soft edge, twice as
  // pale around that.
  function drawHalo() {
    clearTimeout(haloTimer);
    halo.hidden = !(reach || soft) || !book?.count;
    if (!halo.hidden) haloTimer = setTimeout(makeHalo, 60);
  }
  function makeHalo() {
    const small = Math.min(1, 900 / Math.max(book.width, book.height));
    const w = Math.max(1, Math.round(book.width * small)), h = Math.max(1, Math.round(book.height * small));
    const shape = blank(w, h);
    shape.getContext("2d").drawImage(canvas, 0, 0, w, h);
    const hard = reach < 0 ? flip(widened(flip(shape), -reach)) : widened(shape, reach), ink = halo.getContext("2d");
    halo.width = w;
    halo.height = h;
    if (soft) {
      ink.globalAlpha = 0.4;
      ink.drawImage(widened(hard, soft), 0, 0);
      ink.globalAlpha = 1;
    }
    ink.drawImage(hard, 0, 0);
  }
  // A shape grown by so many pixels of the picture: copies all around, at half the distance each time.
  function widened(shape, pixels) {
    const { width: w, height: h } = shape;
    let from = blank(w, h), to = blank(w, h), left = pixels * (w / book.whole[0]);
    from.getContext("2d").drawImage(shape, 0, 0);
    while (left > 0.3) {
      const by = Math.max(Math.min(left, 1), left / 2), ink = to.getContext("2d");
      ink.clearRect(0, 0, w, h);
      ink.drawImage(from, 0, 0);
      for (let i = 0; i < 12; i++) ink.drawImage(from, by * Math.cos((i * Math.PI) / 6), by * Math.sin((i * Math.PI) / 6));
      [from, to] = [to, from];
      left -= by;
    }
    return from;
  }
  function flip(shape) {
    const ink = shape.getContext("2d");
    ink.globalCompositeOperation = "source-out";
    ink.fillStyle = RED;
    ink.fillRect(0, 0, shape.width, shape.height);
    ink.globalCompositeOperation = "source-over";
    return shape;
  }

  return {
    canvas, halo, open, begin, draw, end, drop, stamp,
    get drawing() { return Boolean(stroke); },
    get width() { return book?.width || 1; },
    get canUndo() { return Boolean(book?.past.length); },
    get canRedo() { return Boolean(book?.future.length); },
    get share() { return book ? book.count / book.alpha.length : 0; },
    undo() { step(() => book.past, () => book.future); },
    redo() { step(() => book.future, () => book.past); },
    clear() { replace(new Uint8Array(book.alpha.length)); },
    invert() { replace(book.alpha.map((value) => 255 - value)); },
    grow(pixels) { reach = pixels; drawHalo(); },
    soften(pixels) { soft = pixels; drawHalo(); },
    has(key) { return Boolean(books[key]?.count); },
    version(key) { return books[key]?.version || 0; },
    data(key) { return picture(books[key]).toDataURL("image/png"); },
    // The file of an uploaded mask that has more pixels than the canvas, and what was changed since, white: the studio
    // joins them at the file's own size. Nothing where there is none.
    original(key) {
      const { upload, alpha, width, height } = books[key];
      if (!upload) return {};
      const apart = alpha.map((value, i) => (value === upload.alpha[i] ? 0 : 255));
      return { original: upload.path, changed: apart.some(Boolean) ? picture({ alpha: apart, width, height }).toDataURL("image/png") : null };
    },
    file(width, height) { return new Promise((done) => { picture(book, width, height).toBlob(done, "image/png"); }); },
    // Whether an uploaded mask has the shape of the open picture.
    fits(image) {
      const [width, height] = book.whole, apart = Math.abs(image.width * height - image.height * width);
      return apart <= Math.max(0.02 * Math.max(image.width * height, image.height * width), width, height);
    },
    // An uploaded mask takes the place of the open one. path: its file in the studio.
    load(image, path) {
      replace(values(image, book.width, book.height));
      book.upload = image.width * image.height > book.alpha.length ? { path, alpha: book.alpha.slice() } : null;
    },
    // The mask of one picture for another one, of whatever size.
    copy(from, key, width, height) {
      if (!books[from]?.count || from === key) return;
      const to = bookOf(key, width, height);
      const scaled = ({ width, height }, alpha) => values(picture({ width, height, alpha }), to.width, to.height);
      remember(to, lay(to, { x: 0, y: 0, w: to.width, h: to.height, alpha: scaled(books[from], books[from].alpha) }));
      const { upload } = books[from];
      to.upload = upload && { path: upload.path, alpha: scaled(books[from], upload.alpha) };
      if (to === book) { put(0, 0, book.width, book.height); told(); }
    },
    forget(keys) { for (const key of Object.keys(books)) if (!keys.has(key) && books[key] !== book) delete books[key]; },
  };
}
