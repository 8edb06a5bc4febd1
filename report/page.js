"use strict";
// Theme: the system's, until the reader chooses.
const root = document.documentElement, toggle = document.getElementById("theme");
const stored = { get: () => { try { return localStorage.climbTheme } catch { return "" } }, set: t => { try { localStorage.climbTheme = t } catch { } } };
const isDark = () => root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
if (stored.get()) root.dataset.theme = stored.get();
toggle.hidden = false;
toggle.addEventListener("click", () => { root.dataset.theme = isDark() ? "light" : "dark"; stored.set(root.dataset.theme); });

// What a mark stands for.
const tip = document.getElementById("tip");
document.addEventListener("pointermove", e => {
  const text = e.target.closest?.("[data-tip]")?.dataset.tip;
  tip.hidden = !text;
  if (!text) return;
  tip.textContent = text;
  tip.style.left = Math.max(4, Math.min(e.clientX + 14, innerWidth - tip.offsetWidth - 8)) + "px";
  tip.style.top = (e.clientY + tip.offsetHeight + 26 > innerHeight ? e.clientY - tip.offsetHeight - 10 : e.clientY + 18) + "px";
});

// Every drawing as SVG and as PNG, with the print's style, and its numbers as CSV.
const save = (blob, name) => {
  const a = document.createElement("a"), url = URL.createObjectURL(blob);
  a.href = url; a.download = name; a.click();
  setTimeout(() => URL.revokeObjectURL(url), 60000);
};
const standalone = svg => {
  const copy = svg.cloneNode(true), box = svg.viewBox.baseVal, ns = "http://www.w3.org/2000/svg";
  copy.setAttribute("xmlns", ns);
  copy.setAttribute("width", box.width); copy.setAttribute("height", box.height);
  copy.setAttribute("viewBox", "0 0 " + box.width + " " + box.height);
  const style = document.createElementNS(ns, "style"), paper = document.createElementNS(ns, "rect");
  style.textContent = printCSS;
  for (const [k, v] of [["class", "paper"], ["width", "100%"], ["height", "100%"]]) paper.setAttribute(k, v);
  copy.prepend(style, paper);
  copy.querySelectorAll("[data-tip], [tabindex]").forEach(e => { delete e.dataset.tip; e.removeAttribute("tabindex"); });
  return new XMLSerializer().serializeToString(copy);
};
const picture = (svg, then) => {
  const image = new Image(), box = svg.viewBox.baseVal, scale = 300 / 25.4 * 183 / 960;
  image.onload = () => {
    const canvas = document.createElement("canvas");
    canvas.width = Math.ceil(box.width * scale); canvas.height = Math.ceil(box.height * scale);
    canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
    canvas.toBlob(then);
  };
  image.src = "data:image/svg+xml;charset=utf-8," + encodeURIComponent(standalone(svg));
};
const csvOf = name => [...document.querySelectorAll("pre.csv")].find(p => name === p.dataset.figure || name.startsWith(p.dataset.figure + "-"));
// What a part of the page is given: the page, and a section that has taken another's place in it.
const setUp = scope => {
  // Tables sort by the column whose head is pressed: by data-v where a cell has it, else by its text.
  for (const th of scope.querySelectorAll("table.sort th")) {
    const button = document.createElement("button");
    button.append(...th.childNodes);
    th.append(button);
    button.addEventListener("click", () => {
      const body = th.closest("table").tBodies[0], i = th.cellIndex, down = th.ariaSort !== "descending";
      for (const other of th.parentNode.cells) other.removeAttribute("aria-sort");
      th.ariaSort = down ? "descending" : "ascending";
      const key = row => { const c = row.cells[i]; return c.dataset.v === undefined ? c.textContent.trim() : parseFloat(c.dataset.v); };
      const order = (a, b) => a !== a ? 1 : b !== b ? -1 : (a < b ? -1 : a > b ? 1 : 0) * (down ? -1 : 1);
      body.append(...[...body.rows].map(r => [key(r), r]).sort((x, y) => order(x[0], y[0])).map(x => x[1]));
    });
  }

  for (const chart of scope.querySelectorAll(".chart[data-figure]")) {
    const name = chart.dataset.figure, svg = chart.querySelector("svg"), table = csvOf(name), bar = document.createElement("div");
    const offer = (what, act) => {
      const b = document.createElement("button");
      b.type = "button"; b.textContent = what; b.ariaLabel = svg.getAttribute("aria-label").split(/[.;]/)[0] + ", as " + what;
      b.addEventListener("click", act);
      bar.append(b);
    };
    bar.className = "files";
    offer("SVG", () => save(new Blob([standalone(svg)], { type: "image/svg+xml" }), name + ".svg"));
    offer("PNG", () => picture(svg, blob => save(blob, name + ".png")));
    if (table) offer("CSV", () => save(new Blob([table.textContent], { type: "text/csv" }), table.dataset.figure + ".csv"));
    chart.after(bar);
  }

  // Copy the command.
  for (const b of scope.querySelectorAll("button.copy")) {
    b.hidden = !navigator.clipboard;
    b.addEventListener("click", () => navigator.clipboard.writeText(b.previousElementSibling.textContent).then(() => { b.textContent = "copied"; }));
  }
};
setUp(document);

// Paper shows everything.
let closed = [];
addEventListener("beforeprint", () => { closed = [...document.querySelectorAll("details:not([open])")]; closed.forEach(d => d.open = true); });
addEventListener("afterprint", () => closed.forEach(d => d.open = false));

// The contents show where the reader is.
const links = new Map([...document.querySelectorAll("nav a")].map(a => [a.hash.slice(1), a]));
const seen = new IntersectionObserver(entries => {
  for (const e of entries) if (e.isIntersecting) { links.forEach(a => a.removeAttribute("aria-current")); links.get(e.target.id)?.setAttribute("aria-current", "true"); }
}, { rootMargin: "-10% 0px -80% 0px" });
document.querySelectorAll("main > section[id]").forEach(s => seen.observe(s));
document.addEventListener("climb:section", e => { setUp(e.detail); seen.observe(e.detail); });
