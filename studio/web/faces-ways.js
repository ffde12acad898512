// The three ways to a face: a photo, a new one, a description. Goes in front of faces.js.
// on: {bring(file), sit(seed, truncation, sliders), apply(sliders, before), chose(way), ask, say, subject(), label(slider),
// here(): whether a photo may arrive, dropping(on)}.
function makeWays({ on }) {
  const { el, icon } = window.Studio;
  const touch = matchMedia("(pointer: coarse)").matches, START = 24, MOST = 4294967295;  // the first face of the sheet, the last seed
  let way = "photo", seed = START, truncation = 0.7, turn = 0, described = {};
  const die = () => {
    const one = icon("plus");
    one.firstChild.setAttribute("d", "M5 4h14a1 1 0 0 1 1 1v14a1 1 0 0 1-1 1H5a1 1 0 0 1-1-1V5a1 1 0 0 1 1-1zM8.5 8.5v.01M15.5 15.5v.01M15.5 8.5v.01M8.5 15.5v.01M12 12v.01");
    return one;
  };

  const names = { photo: "My photo", new: "A new face", words: "A description" };
  const tabs = Object.entries(names).map(([name, words]) => el("button", { type: "button", "data-way": name, onclick: () => go(name) }, words));
  const file = el("input", { type: "file", accept: "image/*", "aria-label": "Choose a photo", onchange: () => { on.bring(file.files[0]); file.value = ""; } });
  const invitation = el("strong"), drop = el("label.dropzone", {}, file, invitation, el("span", {}, touch ? "from the front works best" : "or paste it, or click to choose · from the front works best"),
    el("span.fine", {}, "It stays on this machine. What you make is marked as edited by AI."));
  const number = el("input.seed", { type: "number", min: 0, max: MOST, step: 1, value: seed, "aria-label": "Seed", title: "The same seed is the same face",
    onchange: () => { seed = Math.min(MOST, Math.max(0, Math.round(Number(number.value) || 0))); sheet(); } });
  const variety = el("input", { type: "range", min: 0, max: 1, step: 0.05, value: truncation, "aria-label": "How unusual", title: "How far from the average face", oninput: () => { truncation = Number(variety.value); tint(); sheet(); } });
  const tint = () => { variety.style.setProperty("--from", "0%"); variety.style.setProperty("--to", `${100 * truncation}%`); };
  const dice = el("button.plainly", { type: "button", "data-do": "dice", onclick: () => { seed = Math.floor(Math.random() * (MOST - 100)); sheet(); } }, die(), "Other faces");
  const faces = el("div.sheet", { role: "group", "aria-label": "Faces to choose from" });
  const text = el("input.words", { type: "text", maxlength: 500, placeholder: "a smiling older woman with blond hair and a fringe", "aria-label": "Describe a face",
    onkeydown: (event) => { if (event.key === "Enter") describe(); } });
  const said = el("p.said", { "aria-live": "polite" }), whom = el("p.fine");
  const panes = {
    photo: el("div.pane", {}, drop),
    words: el("div.pane", {}, whom, el("div.line", {}, text, el("button.plainly", { type: "button", "data-do": "describe", onclick: () => describe() }, "Describe")), said),
    new: el("div.pane", {}, el("div.line", {}, dice, el("label.inline", {}, "Seed", number), el("label.inline.wide", {}, "Average", variety, "Unusual")), faces),
  };

  function go(next, quietly) {
    way = next;
    draw();
    if (quietly) return;
    on.chose(way);
    if (way !== "photo" && !faces.children.length) sheet();
    if (way === "words" && !touch) text.focus();
  }

  async function sheet() {
    number.value = seed;
    const mine = ++turn;
    const answer = await on.ask("sheet", { seed, truncation, sliders: way === "words" ? described : {} });
    if (mine !== turn || answer.error) return;
    faces.replaceChildren(...answer.faces.map((one) => el("button", { type: "button", "data-seed": one.seed, title: `Seed ${one.seed}`, "aria-label": `Face ${one.seed}`,
      onclick: () => on.sit(one.seed, truncation, way === "words" ? described : {}) }, el("img", { src: one.thumb, alt: "" }))));
    mark();
  }

  async function describe() {
    const answer = await on.ask("words", { text: text.value });
    if (answer.error) return on.say(answer.error, true);
    const before = described;
    const chips = answer.understood.map((one) => el("span.chip", {}, `${one.words} → ${on.label(one.slider)} ${one.value > 0 ? "+" : "−"}${Math.abs(one.value).toFixed(2)}`));
    said.replaceChildren(...chips, ...answer.ignored.map((word) => el("span.chip.ignored", { title: "This word means nothing here" }, word)),
      answer.ignored.length ? el("span.fine", {}, "crossed out: not understood") : "");
    if (!answer.understood.length) return;
    described = answer.sliders;
    if (on.subject()) on.apply(described, before);
    else await on.sit(seed, truncation, described);
    sheet();
  }

  function mark() {
    const subject = on.subject();
    for (const face of faces.children) face.setAttribute("aria-pressed", String(subject?.kind === "new" && Number(face.dataset.seed) === subject.seed));
  }

  // busy: something is under way that will bring a face, or one has to be chosen from a photo.
  function draw(busy = false) {
    const subject = on.subject();
    tabs.forEach((tab) => tab.setAttribute("aria-pressed", String(tab.dataset.way === way)));
    const another = subject?.kind === "photo" || busy;
    invitation.textContent = touch ? another ? "Choose another photo" : "Choose a photo of a face" : another ? "Drop another photo here" : "Drop a photo of a face here";
    drop.classList.toggle("low", Boolean(subject) || busy);
    whom.textContent = subject?.kind === "photo" ? "What you write is done to the face in your photo." : "";
    whom.hidden = !whom.textContent;
    panes.photo.hidden = way !== "photo";
    panes.words.hidden = way !== "words";
    panes.new.hidden = !(way === "new" || (way === "words" && subject?.kind !== "photo"));
    mark();
  }

  // Drop or paste a photo anywhere while this tab is in view.
  const photos = (list) => [...(list || [])].filter((one) => one instanceof File);
  document.addEventListener("paste", (event) => {
    const [one] = photos(event.clipboardData?.files);
    if (one && on.here()) { event.preventDefault(); on.bring(one); }
  });
  document.addEventListener("dragover", (event) => {
    if ([...(event.dataTransfer?.types || [])].includes("Files") && on.here()) { event.preventDefault(); on.dropping(true); }
  });
  for (const name of ["dragleave", "drop", "dragend"]) document.addEventListener(name, (event) => { if (name !== "dragleave" || event.relatedTarget === null) on.dropping(false); });
  document.addEventListener("drop", (event) => {
    const [one] = photos(event.dataTransfer?.files);
    if (one && on.here() && !event.defaultPrevented) { event.preventDefault(); on.bring(one); }
  });

  tint();
  return {
    root: el("div.ways", { role: "group", "aria-label": "Begin with" }, ...tabs), panes: Object.values(panes), die, draw, sheet,
    show: (next) => go(next, true),
    start(first, unusual) { [seed, truncation] = [first, unusual]; variety.value = unusual; tint(); },
  };
}
