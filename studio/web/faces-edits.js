// What a person does to a face: live frames while it is done, full quality afterwards, undo and redo. Goes in front of
// faces.js. look: {get(), set(wish)}, all that can be set.  on: {ask, say, subject(), live(),
// drawn(detail), finishing(on), sharpening(on), settled(result), changed()}.
function makeEdits({ portrait, look, on }) {
  const { url } = window.Studio;
  let past = [], future = [], settled = "";
  let want = false, asking = false, moved = 0, loose = false;  // frames; whether one is newer than the finished picture
  let todo = false, finishing = false, sharpening = false, sharpened = null, rest = 0;  // finished pictures
  const wish = () => ({ key: on.subject().key, ...look.get() });
  const snapshot = () => JSON.stringify(look.get());

  // One question is under way at a time, the newest wish wins. `drawn` tells how long a frame took.
  function live() {
    if (!on.subject()) return;
    moved ||= performance.now();
    want = loose = true;
    on.live();
    pump();
  }
  async function pump() {
    if (asking) return;
    asking = true;
    while (want && on.subject()) {
      want = false;
      const since = moved, asked = wish();
      moved = 0;
      const answer = await on.ask("frame", asked);
      if (asked.key !== on.subject().key) continue;
      if (answer.error) { on.say(answer.error, true); continue; }
      await portrait.frame(answer.frame);
      requestAnimationFrame(() => setTimeout(() => on.drawn({ ms: performance.now() - since, engine: answer.ms }), 0));
    }
    asking = false;
  }

  // Full quality, when something is let go; again the newest wish wins.
  function release(wait = 0) {
    clearTimeout(rest);
    if (!on.subject()) return;
    on.live();
    rest = setTimeout(() => { todo = true; finish(); }, wait);
  }
  async function finish() {
    if (finishing) return;
    finishing = true;
    while (todo && on.subject()) {
      todo = false;
      const asked = wish(), subject = on.subject();
      on.finishing(true);
      let result = { distance: 0, verdict: "Untouched", kept: 1, line: subject.line };
      if (!Object.keys(asked.sliders).length && asked.other === null) portrait.original();
      else {
        const answer = await on.ask("finish", { ...asked, sharpen: 0 });  // sharpening takes seconds and comes after
        if (!on.subject() || asked.key !== on.subject().key) { todo = true; continue; }
        if (answer.error) { on.say(answer.error, true); continue; }
        await portrait.finished(answer, url);
        result = answer;
      }
      if (!todo && JSON.stringify(asked) === JSON.stringify(wish())) { want = loose = false; portrait.settle(); on.settled(result); if (!sharpening) sharpened = sharpen(asked); }
      else live();
    }
    finishing = false;
    on.finishing(false);
  }

  // One picture is sharpened at a time; it is shown if it is still what is wished.
  async function sharpen(asked) {
    if (!asked.sharpen || !Object.keys(asked.sliders).length) return;
    sharpening = true;
    on.sharpening(true);
    const answer = await on.ask("finish", asked), now = on.subject() && wish();
    sharpening = false;
    on.sharpening(false);
    if (!now || loose || todo || finishing) return;  // what is under way comes here again
    if (JSON.stringify(asked) !== JSON.stringify(now)) return sharpen(now);
    if (answer.error) return on.say(answer.error, true);
    await portrait.finished(answer, url);
    if (JSON.stringify(asked) === JSON.stringify(wish()) && !loose) { portrait.settle(); on.settled(answer); }
  }

  function travel(from, to) {
    if (!from.length) return;
    to.push(settled);
    settled = from.pop();
    look.set(JSON.parse(settled));
    on.changed();
    live();
    release(120);
  }
  function commit() {
    const now = snapshot();
    if (now === settled) { if (loose) release(); return; }  // moved away and back again
    past.push(settled);
    if (past.length > 100) past.shift();
    future = [];
    settled = now;
    on.changed();
    release(180);
  }

  return {
    live, release, commit, wish,
    undo: () => travel(past, future),
    redo: () => travel(future, past),
    get sharpened() { return sharpened; },  // a promise: the sharpening that is under way has ended
    get can() { return { undo: past.length > 0, redo: future.length > 0 }; },
    get history() { return { past, future }; },
    // Somebody else sits down: `fresh` forgets what was done to the one before; who comes back brings a history along.
    begin(fresh, history = { past: [], future: [] }) { if (fresh) ({ past, future } = history); settled = snapshot(); },
  };
}
