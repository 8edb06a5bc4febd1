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
  const text = e.target.closest?.("[data-tip]")?.dataset.tip || spotTip(e.target);
  tip.hidden = !text;
  if (!text) return;
  tip.textContent = text;
  tip.style.left = Math.max(4, Math.min(e.clientX + 14, innerWidth - tip.offsetWidth - 8)) + "px";
  tip.style.top = (e.clientY + tip.offsetHeight + 26 > innerHeight ? e.clientY - tip.offsetHeight - 10 : e.clientY + 18) + "px";
});

// Large drawings and tables are packed: deflated, in base64.
const unpack = async text => new Response(new Blob([Uint8Array.from(atob(text.replaceAll("-", "+").replaceAll("_", "/")), c => c.charCodeAt(0))]).stream().pipeThrough(new DecompressionStream("deflate-raw"))).text();
const csvText = async table => table.dataset.packed ? unpack(table.textContent) : table.textContent;

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
// The map: a disc for each row of its table, zoom, and a search over names, terms and examples.
const records = text => {
  const rows = [[""]];
  let quoted = false;
  for (let i = 0; i < text.length; i++) {
    const c = text[i], row = rows[rows.length - 1];
    if (quoted && c === '"' && text[i + 1] === '"') { row[row.length - 1] += c; i++; }
    else if (c === '"') quoted = !quoted;
    else if (!quoted && c === ",") row.push("");
    else if (!quoted && c === "\n") rows.push([""]);
    else row[row.length - 1] += c;
  }
  return rows.filter(r => r.length > 1);
};
const clusters = new WeakMap(); // by disc
const number = n => Number(n).toLocaleString("en");
const about = c => (c.name || "cluster " + c.cluster) + " — " + (c.pruned ? "pruned" + (c.pruned === "yes" ? "" : ": " + c.pruned) : c.domain) + ", " + number(c.documents) + " documents, " + number(c.tokens) + " tokens" + (c.terms ? ": " + c.terms.split(" ").slice(0, 12).join(" ") : "");
const spotTip = target => clusters.has(target) ? about(clusters.get(target)) : "";
const explore = async figure => {
  const svg = figure.querySelector("svg"), tools = figure.parentNode.querySelector(".explore"), found = figure.parentNode.querySelector(".found"), table = csvOf("map");
  if (!svg || !tools || !table) return;
  const [head, ...rows] = records(await csvText(table)), spots = [...svg.querySelectorAll(".spot")];
  const all = rows.slice(0, spots.length).map((r, i) => {
    const c = Object.fromEntries(head.map((h, k) => [h, r[k] || ""]));
    c.spot = spots[i];
    c.words = (c.name + " " + c.terms + " " + c.domain + " " + c.pruned + " cluster " + c.cluster).toLowerCase();
    clusters.set(c.spot, c);
    return c;
  });
  const full = [svg.viewBox.baseVal.width, svg.viewBox.baseVal.height];
  let zoom = 1, x = 0, y = 0;
  const look = () => {
    const w = full[0] / zoom, h = full[1] / zoom;
    x = Math.min(Math.max(x, 0), full[0] - w); y = Math.min(Math.max(y, 0), full[1] - h);
    svg.setAttribute("viewBox", x + " " + y + " " + w + " " + h);
    svg.style.setProperty("--z", zoom);
    figure.classList.toggle("near", zoom > 1);
  };
  const zoomTo = (z, px, py) => { // the point px, py stays where it is
    z = Math.min(Math.max(z, 1), 24);
    x = px - (px - x) * zoom / z; y = py - (py - y) * zoom / z; zoom = z;
    look();
  };
  const middle = () => [x + full[0] / zoom / 2, y + full[1] / zoom / 2];
  const at = e => { const b = svg.getBoundingClientRect(); return [x + (e.clientX - b.left) / b.width * full[0] / zoom, y + (e.clientY - b.top) / b.height * full[1] / zoom]; };
  const go = c => {
    const cx = c.spot.cx.baseVal.value, cy = c.spot.cy.baseVal.value;
    svg.querySelectorAll(".here").forEach(s => s.classList.remove("here"));
    c.spot.classList.add("here");
    zoom = Math.max(zoom, 4); x = cx - full[0] / zoom / 2; y = cy - full[1] / zoom / 2;
    look();
  };
  svg.tabIndex = 0;
  svg.setAttribute("aria-label", svg.getAttribute("aria-label") + " Plus and minus zoom, arrows move, 0 shows all.");
  svg.addEventListener("keydown", e => {
    const step = 0.15 / zoom, act = { "+": () => zoomTo(zoom * 1.6, ...middle()), "=": () => zoomTo(zoom * 1.6, ...middle()), "-": () => zoomTo(zoom / 1.6, ...middle()), "0": () => { zoom = 1; look(); },
      ArrowLeft: () => { x -= full[0] * step; look(); }, ArrowRight: () => { x += full[0] * step; look(); }, ArrowUp: () => { y -= full[1] * step; look(); }, ArrowDown: () => { y += full[1] * step; look(); } }[e.key];
    if (!act || e.ctrlKey || e.metaKey || e.altKey) return;
    e.preventDefault(); act();
  });
  svg.addEventListener("wheel", e => { // the page scrolls unless the map was chosen
    if (!e.ctrlKey && document.activeElement !== svg) return;
    e.preventDefault();
    zoomTo(zoom * Math.exp(-e.deltaY / 300), ...at(e));
  }, { passive: false });
  svg.addEventListener("dblclick", e => zoomTo(zoom * 2, ...at(e)));
  let held = null;
  svg.addEventListener("pointerdown", e => { if (zoom > 1) { held = at(e); svg.setPointerCapture(e.pointerId); } });
  svg.addEventListener("pointermove", e => { if (held) { const p = at(e); x += held[0] - p[0]; y += held[1] - p[1]; look(); } });
  for (const end of ["pointerup", "pointercancel"]) svg.addEventListener(end, () => { held = null; });
  for (const b of tools.querySelectorAll("[data-zoom]")) b.addEventListener("click", () => { const z = Number(b.dataset.zoom); if (z) zoomTo(zoom * z, ...middle()); else { zoom = 1; look(); } });
  const input = tools.querySelector("input"), status = found.querySelector("p"), list = found.querySelector("ul"), most = 12;
  const item = (text, act) => {
    const li = document.createElement("li"), b = document.createElement("button");
    b.type = "button"; b.textContent = text;
    b.addEventListener("click", act);
    li.append(b); list.append(li);
  };
  input.addEventListener("input", () => {
    const words = input.value.toLowerCase().split(/\s+/).filter(Boolean);
    const has = text => words.every(w => text.includes(w));
    list.replaceChildren();
    figure.classList.toggle("search", words.length > 0);
    found.hidden = words.length === 0;
    let n = 0;
    for (const c of all) {
      const hit = words.length > 0 && has(c.words);
      c.spot.classList.toggle("hit", hit);
      if (hit && n++ < most) item(about(c), () => go(c));
    }
    let domains = 0;
    if (words.length) for (const d of document.querySelectorAll("details.domain")) {
      if (!has(d.textContent.toLowerCase()) || domains++ >= most) continue;
      item("domain " + d.querySelector("b").textContent, () => { d.open = true; d.querySelector("summary").focus(); });
    }
    status.textContent = n + (n === 1 ? " cluster, " : " clusters, ") + domains + (domains === 1 ? " domain" : " domains") + (n > most || domains > most ? "; the first " + most + " of each are listed" : "");
  });
  input.addEventListener("keydown", e => { if (e.key === "Escape") { input.value = ""; input.dispatchEvent(new Event("input")); } });
  tools.hidden = false;
};

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
    if (table) offer("CSV", async () => save(new Blob([await csvText(table)], { type: "text/csv" }), table.dataset.figure + ".csv"));
    chart.after(bar);
  }

  const drawn = [...scope.querySelectorAll("svg[data-packed]")].map(async svg => {
    const marks = await unpack(svg.dataset.packed);
    delete svg.dataset.packed;
    svg.innerHTML = marks;
  });
  Promise.allSettled(drawn).then(() => scope.querySelectorAll("figure.map").forEach(explore));

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
