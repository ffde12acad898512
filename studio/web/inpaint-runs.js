// A run of the Inpaint tab: which step it begins with, its mask or its sides, its seed. Goes in front of inpaint.js.
//
// on: masks, extend (sides by a step's path), server, items() all pictures, item() the one on the desk, at(one) which step of
// a picture is shown, verb() what the tool in hand does, working(), send(run) asks the studio for it, say(words, bad).
function makeRuns({ masks, extend, server, items, item, at, verb, working, send, say }) {
  const seeds = {}, kept = {};  // by a step's path
  let starting = false;
  const extended = (path) => Object.values(extend[path] || {}).some(Boolean);
  const ready = (state, does) => state && (does === "inpaint" ? masks.has(state.path) : extended(state.path));

  // What is shown, if there is something to do to it; else what it was made from, which is then made once more.
  function basis(one, does = verb()) {
    const k = at(one);
    return [one.steps[k], one.steps[k].verb === does ? one.steps[k - 1] : null].find((state) => ready(state, does)) || null;
  }
  function seedOf(state, does, next) {
    const mark = does === "inpaint" ? masks.version(state.path) : JSON.stringify(extend[state.path]);
    if (seeds[state.path]?.mark !== mark) seeds[state.path] = { mark, now: 0, top: -1 };
    const seed = seeds[state.path];
    if (next) seed.now = seed.top + 1;
    return seed;
  }
  // Sends a mask, once for each state of it; its file in the studio.
  async function keep(path) {
    const version = masks.version(path);
    if (kept[path]?.version !== version) {
      const said = await server.keep({ mask: masks.data(path), ...masks.original(path) }).catch(() => ({ error: "The studio does not answer." }));
      if (said.error) throw new Error(said.error);
      kept[path] = { version, mask: said.mask };
    }
    return kept[path].mask;
  }
  // count: fills to choose from. again: what is shown is made anew, with another seed.
  async function go({ count = 1, again = false } = {}) {
    if (working() || starting || !item()) return;
    const one = item(), made = one.steps[at(one)], does = again && made.verb ? made.verb : verb();
    const from = (each) => (again ? each.steps[at(each) - 1] : basis(each, does));
    const chosen = (again || count > 1 ? [one] : items()).filter(from);
    if (!chosen.length) return say(does === "inpaint" ? "The mask is empty. Paint over what should go." : "Pull at a side first, or say by how much the picture should grow.", true);
    say("");
    starting = true;
    try {
      const todo = {}, bases = {};
      for (const each of chosen) {
        const state = from(each), seed = seedOf(state, does, again || count > 1);
        todo[each.id] = { seed: seed.now, ...(does === "inpaint" ? { mask: await keep(state.path) } : extend[state.path]) };
        seed.top = Math.max(seed.top, seed.now + count - 1);
        bases[each.id] = state.path;
      }
      send({ verb: does, count, ids: Object.keys(todo), edits: todo, bases, current: one.id });
    } catch (error) { say(error.message, true); } finally { starting = false; }
  }
  return { basis, keep, go };
}
