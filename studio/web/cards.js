// The models as cards: what for, licence, size, where it is; load, unload, remove.
const { el, icon, bytes } = window.Studio;
const many = (count) => count >= 1e6 ? `${(count / 1e6).toFixed(1)} million` : count >= 1e3 ? `${Math.round(count / 1e3)} thousand` : `${count}`;

function fact(name, ...value) { return [el("dt", {}, name), el("dd", {}, ...value)]; }

function state(card) {
  if (card.resident) return el("span.pill.on", {}, `in memory · ${bytes(card.resident.bytes)} · ${card.resident.precision}`);
  return el("span.pill", {}, card.local ? "on this machine" : "not downloaded");
}

function actions(card, work) {
  if (work && work.id === card.id) {
    const percent = Math.round(work.fraction * 100);
    return [el("div.work", { role: "progressbar", "aria-valuenow": percent, "aria-valuemin": 0, "aria-valuemax": 100,
      "aria-label": `Loading ${card.title}` },
      el("div.bar", {}, el("span", { style: `width:${percent}%` })), el("div.words", {}, el("span", {}, work.message), el("span", {}, `${percent} %`)))];
  }
  const button = (name, label, words) => el("button.quiet", { type: "button", "aria-label": `${label} ${card.title}`,
    disabled: Boolean(work), onclick: () => trigger(name, { id: card.id }) }, words);
  return [
    card.resident ? button("free", "Unload", "Unload")
      : button("fetch", card.local ? "Load" : "Download", card.local ? "Load" : `Download ${bytes(card.bytes)}`),
    card.own && button("forget", "Remove", "Remove"),
  ];
}

function draw() {
  const { cards, work, broken } = props.value;
  const focused = element.contains(document.activeElement) ? document.activeElement.getAttribute("aria-label") : null;
  element.replaceChildren(
    ...broken.map((sentence) => el("p.trouble", { role: "alert" }, icon("alert"), el("span", {}, sentence))),
    work && !work.id ? el("p.adding", { role: "status" }, `${work.message} …`) : "",
    cards.length ? el("ul.cards", {}, ...cards.map((card) => el("li.card", { "data-card": card.id },
      el("div.card-head", {}, el("h3", {}, card.title), state(card)),
      el("p.about", {}, card.about),
      el("dl", {},
        ...fact("Use", card.engine + (card.scale > 1 ? `, made for ${card.scale}×` : "")),
        ...fact("Size", `${bytes(card.bytes)} · ${many(card.parameters)} parameters`),
        ...fact("Trained on", card.trained_on || "not stated"),
        ...fact("Licence", card.licence_url
          ? el("a", { href: card.licence_url, target: "_blank", rel: "noreferrer noopener" }, card.licence) : card.licence),
        ...fact("Source", card.source)),
      el("div.actions", {}, ...actions(card, work)))))
      : el("p.none", {}, "No models yet."));
  if (focused) element.querySelector(`[aria-label="${CSS.escape(focused)}"]`)?.focus();
}
watch("value", draw);
draw();
