// Which model: three plain choices, all others behind "More models". Native radio buttons, so the keyboard works.
const { el, bytes } = window.Studio;
const group = `model-${Math.random().toString(36).slice(2, 8)}`;
const roles = { photo: ["Photo", "Most detail"], drawing: ["Drawing", "Clean lines"], fast: ["Fast", "Quick look"] };

function fineprint(card) {
  const words = [];
  if (card.licence) words.push(card.licence);
  if (card.scale) words.push(`made for ${card.scale}×`);
  if (!card.local) words.push(`downloads ${bytes(card.bytes)} once`);
  return words.join(" · ");
}

function choose(id) {
  props.value = { ...props.value, chosen: id };
  draw();
  trigger("input", { id });
}

function radio(card, chosen, ...content) {
  return el(`label.choice${card.id === chosen ? ".on" : ""}`, { "data-model": card.id },
    el("input", { type: "radio", name: group, value: card.id, checked: card.id === chosen,
      onchange: () => choose(card.id) }),
    ...content);
}

function draw() {
  const { cards, chosen } = props.value;
  const focused = element.contains(document.activeElement) ? document.activeElement.value : null;
  const open = element.querySelector("details")?.open;
  const plain = Object.keys(roles).map((role) => cards.find((card) => card.role === role)).filter(Boolean);
  const card = cards.find((one) => one.id === chosen);
  const more = cards.filter((one) => !plain.includes(one));
  element.replaceChildren(
    el("fieldset.picker", {},
      el("legend", {}, "What kind of picture?"),
      el("div.plain", {}, ...plain.map((one) => radio(one, chosen,
        el("span.name", {}, roles[one.role][0]), el("span.hint", {}, roles[one.role][1])))),
      card && el("p.about", { "aria-live": "polite" },
        el("strong", {}, card.title), " ", card.about, " ", el("span.fine", {}, fineprint(card))),
      more.length > 0 && el("details.more", { open: open || more.includes(card) },
        el("summary", {}, `More models (${more.length})`),
        ...more.map((one) => radio(one, chosen, el("span.row", {},
          el("span.name", {}, one.title),
          el("span.hint", {}, one.about),
          el("span.fine", {}, fineprint(one))))))),
  );
  if (focused) element.querySelector(`input[value="${CSS.escape(focused)}"]`)?.focus();
}

watch("value", draw);
draw();
