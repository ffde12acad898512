// What takes a while and makes a picture or a film of its own, beside the portrait. Goes in front of faces.js.

// The photo that a tool takes something from: chosen once, its faces shown, the largest taken unless another is clicked.
// sends(file): uploads and asks the server who is in it.
function makeSecond({ words, ready, run, sends, upright }) {
  const { el } = window.Studio;
  let found = null, chosen = 0;
  const input = el("input", { type: "file", accept: "image/*", "aria-label": words, onchange: async () => {
    const [file] = input.files;
    input.value = "";
    const answer = file && await sends(file);
    if (!answer) return;
    found = answer;
    chosen = answer.faces.find((face) => face.usable).number;
    draw();
  } });
  const label = el("span"), faces = el("div.thumbs", { role: "group", "aria-label": "Whose face in the other photo" }), hint = el("p.fine");
  const go = el("button.plainly.does", { type: "button", "data-do": upright, onclick: () => run({ path: found.path, other_face: chosen }) }, ready);
  const root = el("div.second", {}, faces, hint, el("div.line", {}, el("label.plainly.file", { "data-file": upright }, input, label), go));
  function draw() {
    label.textContent = found ? "Another photo" : words;
    go.hidden = !found;
    faces.replaceChildren(...(found ? found.faces.map((face) => makeThumb(found, face, { "aria-pressed": String(face.number === chosen), onclick: () => { chosen = face.number; draw(); } })) : []));
    const own = found?.faces.find((face) => face.number === chosen);
    hint.textContent = own ? [found.faces.length > 1 ? `${found.name}: click whose face to take.` : found.name, ...own.hints].join(" ") : "";
    hint.hidden = faces.hidden = !own;
  }
  draw();
  return root;
}

// The page of tools. on: {tool(name, more), second(file), upload(file), begin, fail}; what each makes arrives as a product.
function makeTools({ config, on }) {
  const { el } = window.Studio;
  const has = (name) => config.sliders.some((slider) => slider.name === name);
  const action = (label, name, run, shown = label) => el("button.plainly.does", { type: "button", "data-do": name, "aria-label": label, title: label, onclick: run }, shown);
  const amount = (label, low, high, rest, about) => makeAmount({ label, low, high, rest, about });
  const fold = (title, ...inside) => el("details", {}, el("summary", {}, title), ...inside);
  const fine = (words) => el("p.fine", {}, words);

  const years = makeAmount({ label: "Years", low: "16", high: "90", least: 16, most: 90, step: 1, rest: 60, digits: 0 });
  const lips = amount("Lips", "none", "all", 1), eyes = amount("Eyes", "none", "all", 1), skin = amount("Skin", "none", "all", 1);
  const painted = amount("Painted by the generator", "none", "all", 0, "Beside the photo's colours: the generator makes the face up as its Makeup slider does, on lips, eyes and skin alone");
  const blend = { coarse: amount("Shape and pose", "this face", "the other", 0.5), middle: amount("Features", "this face", "the other", 0.5), fine: amount("Colours", "this face", "the other", 0.5) };
  const values = (set) => Object.fromEntries(Object.entries(set).map(([name, one]) => [name, one.value]));
  const count = el("input.number", { type: "number", min: 2, max: 1000, value: 50, "aria-label": "How many faces" });
  const film = el("select", { "aria-label": "How it moves" });
  const sound = el("input", { type: "file", accept: "audio/*,video/*", "aria-label": "Choose a sound", onchange: async () => {
    const [file] = sound.files;
    sound.value = "";
    const path = file && await on.upload(file);
    if (path) on.tool("film", { preset: film.value, path });
  } });
  const along = el("p.fine.along"), root = el("div.tools-page", {}, along);
  const photoFolds = [
    has("age") && fold("At another age", years.root, el("div.line", {}, action("Make the photo at this age", "years", () => on.tool("years", { years: years.value }), "Make it"),
      action("A strip of five ages, 20 to 80", "strip", () => on.tool("strip"), "A strip of five ages"))),
    fold("Makeup from a photo", lips.root, eyes.root, skin.root, has("makeup") && painted.root,
      makeSecond({ words: "Choose a photo with makeup", ready: "Put it on", upright: "makeup", sends: on.second,
        run: (other) => on.tool("makeup", { ...values({ lips, eyes, skin }), generator: painted.value, ...other }) })),
    fold("Mix with another photo", blend.coarse.root, blend.middle.root, blend.fine.root,
      makeSecond({ words: "Choose the other photo", ready: "Mix them", upright: "mix", sends: on.second, run: (other) => on.tool("mix", { ...values(blend), ...other }) })),
    has("yaw") && fold("Look at the camera", fine("Turns the head as far to the front as this face can be turned."), el("div.line", {}, action("Turn the head to the front", "front", () => on.tool("front")))),
  ].filter(Boolean);
  const mixing = el("div.mixing");
  const set = fold("A data set of new faces", fine("Faces of the seeds from this one on, with these sliders, and a list of labels."), el("div.line", {}, el("label.inline", {}, "How many", count),
    action("Make a zip of new faces with labels", "set", () => on.tool("set", { count: count.value }), "Make a zip")));
  const move = fold("Let it move", fine("A film of four seconds, or as long as the sound."), el("div.line", {}, film, action("Make a film", "film", () => on.tool("film", { preset: film.value }))),
    el("div.line", {}, el("label.plainly.file", { "data-file": "film" }, sound, "Let it speak: choose a sound")));

  return {
    root, mixing,
    // kind: "photo" or "new".  says: what goes along, in words.
    draw(kind, says) {
      along.textContent = says;
      if (root.dataset.kind === kind) return;
      root.dataset.kind = kind;
      const [, ...old] = root.children;
      for (const one of old) one.remove();
      film.replaceChildren(...[...config.films, ...(kind === "photo" ? [] : ["into other faces"])].map((one) => el("option", { value: one }, one[0].toUpperCase() + one.slice(1))));
      root.append(...(kind === "photo" ? photoFolds : [mixing, set]), ...(config.sliders.length ? [move] : []));
      const first = root.querySelector("details");
      if (first) first.open = true;
    },
    tell(says) { along.textContent = says; },
  };
}

// What a tool made: a picture, a film or a zip. `goOn(product)`: its picture takes the portrait's place.
function makeProduct({ goOn }) {
  const { el, icon, url, senders } = window.Studio;
  const root = el("section.product", { hidden: true, "aria-label": "Result" });
  return {
    root,
    draw(one) {
      root.hidden = !one;
      if (!one) return root.replaceChildren();
      const shown = one.kind === "film" ? el("video", { src: url(one.view), controls: true, loop: true, playsinline: true }) : one.kind === "zip" ? el("span") : el("img", { src: url(one.view), alt: one.title });
      const strip = one.width > 3 * one.height;
      const close = el("button.plainly.small", { type: "button", "data-do": "close", "aria-label": "Close the result", title: "Close the result", onclick: () => this.draw(null) }, icon("close"));
      root.replaceChildren(el("div.line", {}, el("h3", {}, one.title), el("span.gap"), close), strip ? el("div.wide", { tabindex: 0, role: "group", "aria-label": one.title }, shown) : shown, el("p.fine", {}, [one.words, one.line].filter(Boolean).join(" · ")),
        el("div.take", {}, one.kind === "picture" && senders(() => one, "Upscale", "Inpaint"),
          one.again && el("button.plainly", { type: "button", "data-do": "again", title: "This picture becomes the photo: its face gets the sliders", onclick: () => { this.draw(null); goOn(one); } }, "Go on with this"),
          el("a.main", { href: url(one.path), download: one.name }, icon("download"), "Download")));
      const calm = matchMedia("(prefers-reduced-motion: reduce)").matches, phone = matchMedia("(max-width: 900px)").matches;
      const see = () => root.scrollIntoView({ block: phone ? "start" : "nearest", behavior: calm ? "auto" : "smooth" });
      if (one.kind === "zip") see(); else shown.addEventListener(one.kind === "film" ? "loadedmetadata" : "load", see, { once: true });
    },
  };
}
