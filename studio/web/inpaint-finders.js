// Masks that are not painted: found by what they cover, clicked, from a file, from another picture. Goes in front of inpaint.js.
//
// on: masks, tools, server, upload, items() all pictures, item() the one on the desk, step(), stepOf(one), keep(path) sends a
// mask and says its file, asking(bool), say(words, bad).
function makeFinders({ masks, tools, server, upload, items, item, step, stepOf, keep, asking, say }) {
  const { el, icon, url } = window.Studio;
  const KINDS = { scratches: "Scratches", text: "Text", date: "Date stamp" };
  let asked = 0;
  const finders = Object.entries(KINDS).map(([kind, word]) => quietButton(`Find ${word.toLowerCase()} and add it to the mask`, kind, () => find(kind), word));
  const maskFile = el("input", { type: "file", accept: "image/*", "aria-label": "Upload a mask, white where to fill", onchange: () => load() });
  const loader = el("label.quiet.file", { title: "A picture of the same shape, white where to fill" }, maskFile, icon("upload"), "Mask");
  const saver = quietButton("Download the mask", "save", () => save(), icon("download"), "Mask");
  const forAll = quietButton("Use this mask for all pictures", "all", () => spread(), "Mask for all");
  const keepNext = el("input", { type: "checkbox" });
  const row = el("div.row.masks", {}, el("span.group", { role: "group", "aria-label": "Find" }, el("h3", {}, "Find"), ...finders), el("span.gap"), loader, saver, forAll,
    el("label.tick", {}, keepNext, "Keep this mask for the next photo"));

  async function ask(name, question) {
    const number = ++asked, { path } = step();
    asking(true);
    const said = await server[name]({ ...question, path }).catch(() => ({ error: "The studio does not answer." }));
    if (number === asked) asking(false);
    if (said.error) { say(said.error, true); return null; }
    const image = new Image();
    image.src = said.mask;
    await image.decode();
    return step()?.path === path ? { ...said, image } : null;
  }
  async function select(question, takeAway) {
    const said = await ask("select", { ...question, tolerance: tools.reach });
    if (said) { masks.stamp(said.image, takeAway); say(""); }
  }
  async function find(kind) {
    say("Looking …");
    const said = await ask("find", { kind });
    if (!said) return;
    if (said.found > 0) masks.stamp(said.image, false);
    say(said.found > 0 ? `${KINDS[kind]} found: ${said.found} % of the picture.` : `No ${KINDS[kind].toLowerCase()} found here.`);
  }
  async function load() {
    const [file] = maskFile.files;
    maskFile.value = "";
    if (!file) return;
    try {
      const image = await createImageBitmap(file), { width, height, path } = step();
      if (!masks.fits(image)) return say(`This mask has another shape (${image.width} × ${image.height}) than the picture (${width} × ${height}). Send one made for this picture.`, true);
      say("Loading the mask …");
      const sent = await upload(file).catch(() => null);
      if (!sent || step()?.path !== path) return say(sent ? "" : "The studio does not answer.", !sent);
      masks.load(image, sent.path);
      say("");
    } catch { say(`${file.name} is not a picture the browser can read. Choose a PNG or a JPEG.`, true); }
  }
  async function save() {
    const { width, height, path } = step(), less = Math.min(1, Math.sqrt(24e6 / (width * height))), whole = masks.original(path).original;
    try {
      const href = whole ? url(await keep(path)) : URL.createObjectURL(await masks.file(Math.round(width * less), Math.round(height * less)));
      el("a", { href, download: `${item().name.replace(/\.[^.]*$/, "")}_mask.png` }).click();
      if (!whole) setTimeout(() => URL.revokeObjectURL(href), 5000);
    } catch (error) { say(error.message, true); }
  }
  function spread() {
    const { path } = step();
    for (const one of items()) if (one !== item()) masks.copy(path, stepOf(one).path, stepOf(one).width, stepOf(one).height);
    say(`All ${items().length} pictures have this mask now.`);
  }

  return {
    row, select,
    get keeps() { return keepNext.checked; },
    // several: whether there is more than one picture. any: whether something is masked.
    draw({ several, any }) {
      forAll.hidden = !several;
      saver.disabled = forAll.disabled = !any;
    },
  };
}
