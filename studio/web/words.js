// One line of plain words that changes.
const line = window.Studio.el("p", { "aria-live": "polite" });
const draw = () => { line.textContent = props.value || ""; };
element.replaceChildren(line);
watch("value", draw);
draw();
