// Pictures to try the studio with. The thumbnails are part of the page; the pictures stay on the server.
const { el } = window.Studio;
const { samples } = props.value;
element.replaceChildren(
  ...(samples.length ? [el("p.lead", {}, "or try one of these")] : []),
  el("div.samples", {}, ...samples.map((sample) =>
    el("button.sample", { type: "button", "data-sample": sample.name, "aria-label": `Try the sample ${sample.title}`,
      onclick: () => trigger("pick", { name: sample.name }) },
    el("img", { src: sample.thumb, alt: "" }), el("span", {}, sample.title)))),
);
