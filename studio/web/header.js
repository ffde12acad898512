// The header's facts, asked for every few seconds while somebody looks at the page.
const { el, bytes } = window.Studio;
const device = el("span.fact");
const memory = el("span.fact");
const meter = el("span.meter", { "aria-hidden": "true" }, el("span"));
const queue = el("span.fact");
const dot = el("span.dot", { "aria-hidden": "true" });

element.replaceChildren(
  el("div.brand", {},
    el("span.mark", { "aria-hidden": "true" }),
    el("h1", {}, "GAN Studio")),
  el("div.facts", { role: "status", "aria-live": "off", "aria-label": "State of the studio" },
    device,
    el("span.fact-group", {}, memory, meter),
    el("span.fact-group", {}, dot, queue)),
  el("button.round.look", { type: "button", "aria-label": "Switch between light and dark", title: "Light or dark",
    onclick: () => window.Studio.toggleLook() }, window.Studio.icon("look")),
);

function show(state) {
  device.textContent = state.device;
  device.title = `Device and precision · GAN Studio ${state.version}`;
  memory.textContent = state.models
    ? `${state.models} ${state.models === 1 ? "model" : "models"} · ${bytes(state.used)} of ${bytes(state.budget)}`
    : `no model in memory`;
  memory.title = state.titles.join("\n");
  meter.hidden = !state.models;
  meter.firstChild.style.width = `${Math.max(3, Math.min(100, (100 * state.used) / Math.max(1, state.budget)))}%`;
  dot.classList.toggle("on", state.running > 0);
  queue.textContent = state.running === 0 && state.waiting === 0 ? "ready"
    : `${state.running} running` + (state.waiting ? ` · ${state.waiting} waiting` : "");
}

let asking = false;
async function ask() {
  if (asking || document.visibilityState !== "visible") return;
  asking = true;
  try { show(await server.studio_state()); } catch { queue.textContent = "not connected"; dot.classList.remove("on"); }
  asking = false;
}
async function keepAsking() {
  await ask();
  setTimeout(keepAsking, dot.classList.contains("on") ? 800 : 2500);
}
show(props.value);
setTimeout(keepAsking, 1000);
document.addEventListener("visibilitychange", ask);
