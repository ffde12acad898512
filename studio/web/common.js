// Shared by all components of the studio. Runs in the page's head, before any of them.
(() => {
  const doc = document.documentElement;

  // Light or dark: what was chosen here before, else what the system says (gradio follows that by itself).
  const chosen = () => { try { return localStorage.getItem("studio-look"); } catch { return null; } };
  const apply = () => {
    const look = chosen();
    if (look && document.body) document.body.classList.toggle("dark", look === "dark");
  };
  const begin = () => {
    apply();
    // gradio sets the class once more when the page has been built
    new MutationObserver(() => {
      const look = chosen();
      if (look && document.body.classList.contains("dark") !== (look === "dark")) apply();
    }).observe(document.body, { attributes: true, attributeFilter: ["class"] });
  };
  // gradio may insert this script when the document has been read already
  if (document.body) begin();
  else document.addEventListener("DOMContentLoaded", begin);

  window.Studio = {
    // Studio.el("button.quiet", {type: "button"}, "text", child, ...): an element; text is never parsed as HTML.
    el(name, attributes = {}, ...children) {
      const [tag, ...classes] = name.split(".");
      const node = document.createElement(tag || "div");
      if (classes.length) node.className = classes.join(" ");
      for (const [key, value] of Object.entries(attributes)) {
        if (value === false || value === null || value === undefined) continue;
        if (key.startsWith("on")) node.addEventListener(key.slice(2), value);
        else node.setAttribute(key, value === true ? "" : value);
      }
      node.append(...children.filter((child) => child !== null && child !== undefined && child !== false));
      return node;
    },

    // The address of a file the server made for this page.
    url(path) {
      const config = window.gradio_config || {};
      const root = (config.root || "").replace(/\/$/, "");
      const prefix = config.api_prefix || "/gradio_api";
      return `${root}${prefix}/file=${path.split("/").map(encodeURIComponent).join("/")}`;
    },

    bytes(count) {
      if (count >= 1e9) return `${(count / 1e9).toFixed(1)} GB`;
      if (count >= 1e6) return `${(count / 1e6).toFixed(count >= 1e8 ? 0 : 1)} MB`;
      return `${Math.max(1, Math.round(count / 1e3))} KB`;
    },

    time(seconds) {
      const whole = Math.max(0, Math.round(seconds));
      if (whole < 60) return `${whole} s`;
      if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, "0")} s`;
      return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, "0")} min`;
    },

    toggleLook() {
      const dark = !document.body.classList.contains("dark");
      try { localStorage.setItem("studio-look", dark ? "dark" : "light"); } catch { /* private mode */ }
      document.body.classList.toggle("dark", dark);
    },

    // Icons are drawn here so that no icon font is needed.
    icon(name) {
      const paths = {
        plus: "M12 5v14M5 12h14",
        minus: "M5 12h14",
        close: "M6 6l12 12M18 6L6 18",
        download: "M12 4v11m0 0l-4.5-4.5M12 15l4.5-4.5M5 19.5h14",
        expand: "M4 9V4h5M20 9V4h-5M4 15v5h5M20 15v5h-5",
        look: "M12 3.5a8.5 8.5 0 1 0 0 17zM12 3.5a8.5 8.5 0 0 1 0 17",
        compare: "M9 7l-5 5 5 5M15 7l5 5-5 5",
        check: "M5 12.5l4.5 4.5L19 7.5",
        alert: "M12 8v5M12 16.5v.01M12 3.5l9 16H3z",
        brush: "M20 4L10 14M10 14c-2.5-.5-4.5 1-4.5 3 0 1.500-1 2-2 2.500 3.500 1.500 8 .5 8-3.500 0-1-.5-1.700-1.500-2z",
        eraser: "M8.500 19.500L3.500 14.500 13.500 4.500l7 7-8 8zM8.500 9.500l7 7M6 19.500h14",
        wand: "M4 20L14.500 9.500M17 3.500v4M15 5.500h4M20 11v3M18.500 12.500h3M10 3.500v2M9 4.500h2",
        frame: "M8 8h8v8H8zM3 12h2.500M18.500 12H21M12 3v2.500M12 18.500V21",
        undo: "M8.500 5L4 9.500 8.500 14M4 9.500h10a5 5 0 0 1 0 10h-3",
        redo: "M15.500 5L20 9.500 15.500 14M20 9.500H10a5 5 0 0 0 0 10h3",
        invert: "M12 3.500a8.500 8.500 0 1 0 0 17 8.500 8.500 0 0 0 0-17zM12 3.500v17M15 5v14M18 7.500v9",
        upload: "M12 15V4m0 0L7.500 8.500M12 4l4.500 4.500M5 19.500h14",
        eye: "M2.500 12S6 5.500 12 5.500 21.500 12 21.500 12 18 18.500 12 18.500 2.500 12 2.500 12zM12 9.500a2.500 2.500 0 1 0 0 5 2.500 2.500 0 0 0 0-5z",
        trash: "M5 7h14M10 7V4.5h4V7M7 7l.8 12.5h8.4L17 7",
      };
      const space = "http://www.w3.org/2000/svg";
      const svg = document.createElementNS(space, "svg");
      svg.setAttribute("viewBox", "0 0 24 24");
      svg.setAttribute("aria-hidden", "true");
      svg.setAttribute("class", "icon");
      const path = document.createElementNS(space, "path");
      path.setAttribute("d", paths[name]);
      svg.append(path);
      return svg;
    },

    // Drop or paste anywhere on the page while `owner` is visible: the files go into the file input inside `box`.
    // Returns nothing; gradio's own input does the upload.
    give(box, files) {
      const input = document.querySelector(`${box} input[type=file]`);
      if (!input || !files.length) return;
      const basket = new DataTransfer();
      for (const file of files) basket.items.add(file);
      input.files = basket.files;
      input.dispatchEvent(new Event("change", { bubbles: true }));
    },

    // Buttons that send a finished file to other tabs; `file()` gives its path and name, or nothing.
    senders(file, ...tabs) {
      const says = { Upscale: "Enlarge this picture", Faces: "Edit a face of this picture", Colorize: "Give this picture colour",
        Inpaint: "Remove things from this picture" };
      return window.Studio.el("span.senders", { role: "group", "aria-label": "Send to" }, window.Studio.el("span", {}, "Send to"), ...tabs.map((tab) =>
        window.Studio.el("button.quiet", { type: "button", "data-send": tab, "aria-label": `${says[tab]} in the ${tab} tab`, title: `${says[tab]} in the ${tab} tab`,
          onclick: () => window.Studio.send(file(), tab) }, tab)));
    },

    // A file goes to another tab as if it had been dropped there.
    async send(file, tab) {
      const box = { Faces: "#faces .dropzone" }[tab] || `#${tab.toLowerCase()}-drop`;
      const there = [...document.querySelectorAll("#rooms [role=tab], #rooms .overflow-dropdown button")].find((one) => one.textContent.trim() === tab);
      if (!file || !there) return;
      const blob = await (await fetch(window.Studio.url(file.path))).blob();
      there.click();
      for (let i = 0; i < 50 && !document.querySelector(`${box} input[type=file]`); i++) await new Promise((done) => { setTimeout(done, 100); });
      window.Studio.give(box, [new File([blob], file.name, { type: blob.type })]);
    },
  };
  doc.classList.add("studio");
})();
