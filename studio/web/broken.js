// In place of a tab that could not be built.
const { el, icon } = window.Studio;
element.replaceChildren(el("div.broken", { role: "alert" }, icon("alert"), el("div", {},
  el("h2", {}, `${props.value.title} is not available`),
  el("p", {}, "This part of the studio could not start. Everything else works."),
  el("code", {}, props.value.reason))));
