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
  };
  doc.classList.add("studio");
})();
