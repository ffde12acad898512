// Who is in a photo: small pictures of faces, boxes to choose from, the strip below the portrait. Goes in front of faces.js.

// One face of a photo as a small square picture. choose: name, picture, width, height, faces, as the server tells it.
function makeThumb(choose, face, attributes = {}) {
  const { el, url } = window.Studio;
  const [left, top, right, bottom] = face.box, side = 1.5 * Math.max(right - left, bottom - top);
  const place = (middle, whole) => (whole <= side ? 50 : (100 * Math.min(whole - side, Math.max(0, middle - side / 2))) / (whole - side));
  const why = face.hints.join(" "), words = `Face ${face.number + 1} of ${choose.name}`;
  return el("button.thumb", { type: "button", "data-face": face.number, disabled: !face.usable, title: why || words, "aria-label": why ? `${words}. ${why}` : words, ...attributes,
    style: `background-image:url("${url(choose.picture)}");background-size:${(100 * choose.width) / side}% ${(100 * choose.height) / side}%;`
      + `background-position:${place((left + right) / 2, choose.width)}% ${place(0.55 * top + 0.45 * bottom, choose.height)}%` });
}

// choose(number, wish): a face is taken; with a wish, what it says of the face before it stays in the picture.
function makePeople({ choose }) {
  const { el, url } = window.Studio;
  const boxes = el("div.boxes"), strip = el("div.thumbs", { role: "group", "aria-label": "Faces in this photo" });
  const place = (value, whole) => `${(100 * value) / whole}%`;
  return {
    boxes, strip,
    // photo: name, picture, width, height, faces, as the server tells it; null for none.  job: what is under way.
    drawBoxes(photo, job) {
      boxes.hidden = !photo;
      if (!photo) return boxes.replaceChildren();
      const key = JSON.stringify([photo.picture, job?.number, Boolean(job)]);
      if (boxes.dataset.key === key && boxes.children.length) return;
      boxes.dataset.key = key;
      boxes.replaceChildren(
        photo.faces.length > 1 && !job ? el("h3", {}, "Whose face?") : "",
        el("div.photo", { style: `aspect-ratio:${photo.width}/${photo.height};max-width:min(100%, calc(64vh * ${photo.width / photo.height}))` }, el("img", { src: url(photo.picture), alt: photo.name }),
          ...photo.faces.map((face) => {
            const [left, top, right, bottom] = face.box, why = face.hints.join(" ");
            return el(`button.box${job?.number === face.number ? ".on" : ""}`, { type: "button", "data-face": face.number, disabled: !face.usable || Boolean(job), title: why || null,
              "aria-label": `Face ${face.number + 1}${why ? `. ${why}` : ""}`,
              style: `left:${place(left, photo.width)};top:${place(top, photo.height)};width:${place(right - left, photo.width)};height:${place(bottom - top, photo.height)}`,
              onclick: () => choose(face.number) });
          })));
    },
    // To go from one face to the next; what was done to the last one stays in the picture.
    drawStrip(photo, subject, wish) {
      strip.hidden = !photo;
      if (!photo) return strip.replaceChildren();
      const mine = (face) => String(face.box) === String(subject.box);
      strip.replaceChildren(...photo.faces.map((face) => makeThumb(photo, face, { "aria-pressed": String(mine(face)), onclick: () => { if (!mine(face)) choose(face.number, wish()); } })),
        el("span.fine", {}, Object.keys(wish().sliders).length ? "Click another face to edit it too; this one stays as it is now." : "Click another face to edit it."));
    },
  };
}
