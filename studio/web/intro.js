const { el } = window.Studio;
element.replaceChildren(el("div.intro", {}, el("h2", {}, "Models"),
  el("p", {}, "Everything runs on this machine. A model is loaded when it is first used, stays in memory while there is room, "
    + "and leaves when others need the space.")));
