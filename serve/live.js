"use strict";
(() => {
// The parts that live come from the server as HTML in which every text is escaped;
// the policy of the page runs no script that they could bring.
const nodes = html => [...new DOMParser().parseFromString(html, "text/html").body.childNodes];
const at = (root, name) => root.querySelector(name);

// What was unfolded stays so.
const unfolded = root => new Set([...root.querySelectorAll("details[open] > summary")].map(s => s.textContent));
const unfold = (root, open) => root.querySelectorAll("details > summary").forEach(s => { if (open.has(s.textContent)) s.parentNode.open = true; });

const put = (name, html) => {
  const place = at(document, `[data-part="${name}"]`);
  if (!place) return;
  const open = unfolded(place);
  place.replaceChildren(...nodes(html));
  unfold(place, open);
  const section = place.closest("section");
  section.hidden = !place.textContent.trim();
};

// News of the report: its sections are exchanged, but not under the reader's hands.
let page = Number(at(document, "#now")?.dataset.page ?? 0), asking = false;
const renew = async () => {
  if (asking) return;
  asking = true;
  try {
    const answer = await fetch("./");
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    for (const section of fresh.querySelectorAll("main > section[id]:not(.live)")) {
      const old = document.getElementById(section.id);
      if (!old || old.contains(document.activeElement) || old.dataset.was === undefined && old.outerHTML === section.outerHTML) continue;
      if (old.dataset.was === section.outerHTML) continue;
      const open = unfolded(old), was = section.outerHTML;
      const now = document.importNode(section, true);
      now.dataset.was = was;
      old.replaceWith(now);
      unfold(now, open);
      document.dispatchEvent(new CustomEvent("climb:section", { detail: now }));
    }
    page = Number(at(fresh, "#now")?.dataset.page ?? page);
    document.dispatchEvent(new Event("climb:news"));
  } catch { /* the server is gone: the next event says so */ } finally { asking = false; }
};

const link = at(document, "p.link"), title = document.title;
const listen = () => {
  const source = new EventSource("events");
  source.onmessage = e => {
    const m = JSON.parse(e.data);
    for (const [name, html] of Object.entries(m.parts ?? {})) put(name, html);
    if (m.page > page) renew();
    if (link) link.hidden = true;
    const head = at(document, "#now [data-state]");
    document.title = head ? `${head.textContent} · ${title}` : title;
    document.documentElement.dataset.live = m.state;
    document.dispatchEvent(new CustomEvent("climb:state", { detail: m }));
  };
  let waiting = 0; // a connection that is lost for a moment is no news
  source.onopen = () => { clearTimeout(waiting); waiting = 0; };
  source.onerror = () => { waiting ||= setTimeout(gone, 4000); };
  const gone = () => {
    document.documentElement.dataset.live = "gone";
    if (!link) return;
    link.textContent = `The server of this page does not answer since ${new Date().toLocaleTimeString()}. The run does not need it and goes on; climb serve shows it again.`;
    link.hidden = false;
  };
};
if (at(document, "[data-part]")) listen();

// What if: sliders, and what the server expects of the mixture.
const make = (tag, props = {}, ...children) => {
  const e = document.createElement(tag);
  for (const [k, v] of Object.entries(props)) k in e ? e[k] = v : e.setAttribute(k, v);
  e.append(...children);
  return e;
};
const minus = s => s.replace("-", "−");
const score = x => minus(Math.abs(x) < 10 ? x.toFixed(4) : x.toFixed(2));
const signed = x => (x > 0 ? "+" : "") + score(x);
const percent = x => (100 * x).toFixed(x < 0.0995 ? 1 : 0) + " %";
const around = e => `${score(e.mean - e.half)} to ${score(e.mean + e.half)}`;

const whatIf = async () => {
  const body = at(document, "#whatif-body");
  if (!body || body.dataset.ready) return;
  let model;
  try {
    const answer = await fetch("whatif");
    if (!answer.ok || body.dataset.ready) return;
    model = await answer.json();
  } catch { return; }
  if (!model.domains) return;
  body.dataset.ready = "1";
  const mixture = [...model.start], held = new Set(), weights = model.tasks.map(t => t.weight);
  const natural = model.domains.map(d => d.natural);
  let touched = false; // the weights of the tasks are no longer the run's

  // The result comes first: it is what is watched while sliders move.
  const total = make("output", { className: "total" }), against = make("p", { className: "against" }), facts = make("dl", { className: "facts" });
  const result = make("div", { className: "result", ariaLive: "polite" }, total, against, facts);

  const rows = model.domains.map((d, i) => {
    const range = make("input", { type: "range", min: 0, max: 1, step: 0.001, id: `share-${i}` });
    const value = make("output", { htmlFor: `share-${i}` }), epochs = make("span", { className: "epochs" });
    const name = make("a", { href: `domain/${i}`, textContent: d.name, dir: "auto", title: d.name });
    range.setAttribute("aria-label", `share of ${d.name}`);
    const hold = make("input", { type: "checkbox", title: "hold this share while others move" });
    hold.setAttribute("aria-label", `hold the share of ${d.name}`);
    hold.addEventListener("change", () => hold.checked ? held.add(i) : held.delete(i));
    range.addEventListener("input", () => { move(i, Number(range.value)); draw(); ask(); });
    return { range, value, epochs, row: make("li", {}, hold, name, range, value, epochs) };
  });
  // A share that moves takes from the others, or gives to them, in proportion.
  const move = (i, share) => {
    const free = mixture.map((_, j) => j).filter(j => j !== i && !held.has(j));
    const fixed = mixture.reduce((s, x, j) => j !== i && held.has(j) ? s + x : s, 0);
    const to = Math.min(share, 1 - fixed), rest = free.reduce((s, j) => s + mixture[j], 0);
    if (!free.length) return;
    const spread = free.reduce((s, j) => s + natural[j], 0);
    for (const j of free) mixture[j] = rest > 1e-9 ? mixture[j] * (1 - fixed - to) / rest : (1 - fixed - to) * (spread > 0 ? natural[j] / spread : 1 / free.length);
    mixture[i] = to;
  };
  const tasks = model.tasks.map((t, k) => {
    const range = make("input", { type: "range", min: 0, max: 2 * Math.max(...weights, 1e-9), step: "any", value: weights[k] });
    range.setAttribute("aria-label", `weight of ${t.name}`);
    const value = make("output"), expected = make("span", { className: "expected" });
    const show = () => { const sum = weights.reduce((a, b) => a + b, 0); value.textContent = sum > 0 ? percent(weights[k] / sum) : "–"; };
    range.addEventListener("input", () => { weights[k] = Number(range.value); touched = true; tasks.forEach(x => x.show()); ask(); });
    return { show, expected, row: make("li", {}, make("span", { className: "t", textContent: t.name + (t.lower ? ", negated" : ""), dir: "auto" }), range, value, expected) };
  });
  const draw = () => rows.forEach((r, i) => { r.range.value = mixture[i]; r.value.textContent = percent(mixture[i]); });

  let last = null, timer = 0, flight = null;
  const ask = (more = {}) => { clearTimeout(timer); timer = setTimeout(() => send(more), more.ask ? 0 : 60); };
  const send = async more => {
    flight?.abort();
    flight = new AbortController();
    result.classList.add("old");
    try {
      const answer = await fetch("whatif", { method: "POST", signal: flight.signal, headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ mixture, weights: touched ? weights : null, ...more }) });
      if (!answer.ok) { against.textContent = (await answer.text()).replace(/^climb: /, ""); return; }
      show(await answer.json(), more);
    } catch (e) {
      if (e.name !== "AbortError") against.textContent = "The server does not answer.";
    }
  };
  const show = (a, more) => {
    last = a;
    result.classList.remove("old");
    if (more.ask) { a.mixture.forEach((x, i) => mixture[i] = x); draw(); }
    total.textContent = `${score(a.total.mean)} `;
    total.append(make("small", { textContent: `80 % of single runs: ${around(a.total)}` }));
    against.textContent = `${signed(a.total.mean - a.natural.mean)} against the natural mixture, expected at ${score(a.natural.mean)}.`;
    const most = a.epochs.reduce((m, x, i) => x > a.epochs[m] ? i : m, 0), none = a.epochs.findIndex(x => x < 0);
    const lines = [
      ["Nearest run", `mixture ${a.nearest.hash.slice(0, 12)}${a.nearest.round ? ", round " + a.nearest.round : ""}, score ${score(a.nearest.score)}; ${percent(a.nearest.share)} of the tokens are in another domain${a.nearest.share > 0.3 ? ": far from all that was measured, so this is a guess" : ""}`],
      ["Epochs", none >= 0 ? `${model.domains[none].name} has no tokens` : `at most ${a.epochs[most].toFixed(2)}, of ${model.domains[most].name}, in a training of ${(model.budget / 1e6).toFixed(model.budget < 1e7 ? 2 : 0)}M tokens`],
      ["Bounds", a.within ? "within those of the search" : "outside of those of the search"],
    ];
    if (more.ask === "least") lines.push(["Change", `${signed(a.gained)} expected by moving ${percent(a.moved)} of the tokens${a.gained < more.gain * 0.98 ? "; more was not found within the bounds" : ""}`]);
    facts.replaceChildren(...lines.flatMap(([k, v]) => [make("dt", { textContent: k }), make("dd", { textContent: v, dir: "auto" })]));
    rows.forEach((r, i) => r.epochs.textContent = a.epochs[i] < 0 ? "no tokens" : a.epochs[i].toFixed(2) + " ep.");
    tasks.forEach((t, k) => t.expected.textContent = `${score(a.tasks[k].mean)} [${around(a.tasks[k])}]`);
  };

  const button = (text, act) => make("button", { type: "button", textContent: text, onclick: act });
  const from = m => () => { m.forEach((x, i) => mixture[i] = x); draw(); ask(); };
  const which = make("select", {}, make("option", { value: -1, textContent: "the weighted mean" }), ...(model.tasks.length > 1 ? model.tasks.map((t, k) => make("option", { value: k, textContent: t.name })) : []));
  which.setAttribute("aria-label", "task to gain on");
  const gain = make("input", { type: "number", min: 0, step: "any", value: 0.01 });
  gain.setAttribute("aria-label", "gain");
  const save = () => {
    if (!last) return;
    const url = URL.createObjectURL(new Blob([last.yaml], { type: "application/yaml" }));
    make("a", { href: url, download: "mixture.yaml" }).click();
    setTimeout(() => URL.revokeObjectURL(url), 1000);
  };
  body.replaceChildren(
    make("p", { className: "tools" }, button("Start: " + model.from, from(model.start)), button("Natural mixture", from(natural)), button("Best expected near the runs", () => ask({ ask: "best" }))),
    make("div", { className: "pair whatif" },
      make("div", {}, make("h3", { textContent: "Shares of the domains" }), make("ul", { className: "sliders" }, ...rows.map((_, i) => i).sort((a, b) => natural[b] - natural[a]).map(i => rows[i].row))),
      make("div", {}, make("h3", { textContent: "Expected score" }), result,
        make("h3", { textContent: "Tasks: weight, and expected value" }), make("ul", { className: "sliders tasks" }, ...tasks.map(t => t.row)),
        make("h3", { textContent: "Least change for a gain" }), make("p", { className: "tools" }, make("span", { textContent: "gain" }), gain, make("span", { textContent: "on" }), which, button("Find", () => ask({ ask: "least", task: Number(which.value), gain: Number(gain.value) }))),
        make("h3", { textContent: "Take it along" }), make("p", { className: "tools" }, button("Save as YAML", save), make("span", { className: "hint", textContent: "for climb export --weights" })))),
    make("p", { className: "caption", textContent: `The best mixture near the runs is expected to score ${score(model.best.mean)}, 80 % of single runs of it ${around(model.best)}. By a Gaussian process for each task, fitted to ${model.runs === model.of ? "all" : model.runs + " of the"} ${model.of} runs that have a score. Higher is better.` }));
  tasks.forEach(t => t.show());
  draw();
  ask();
};
if (at(document, "#whatif-body")) {
  whatIf();
  let runs = 0; // a prediction becomes possible as runs come
  document.addEventListener("climb:state", e => { if (e.detail.runs !== runs) { runs = e.detail.runs; whatIf(); } });
}

// Documents of a domain: their text is text and nothing else.
const documents = at(document, "#documents");
if (documents) {
  const list = at(documents, ".documents"), more = at(documents, ".more"), status = at(documents, "[role=status]");
  let next = { shard: 0, row: 0 };
  more.addEventListener("click", async () => {
    more.disabled = true;
    status.textContent = "reading …";
    try {
      const answer = await fetch(`${documents.dataset.domain}/documents?shard=${next.shard}&row=${next.row}`);
      if (!answer.ok) { status.textContent = (await answer.text()).replace(/^climb: /, ""); return; }
      const got = await answer.json();
      for (const d of got.documents) {
        const cut = d.bytes > new Blob([d.text]).size;
        list.append(make("article", {}, make("h3", {}, make("bdi", { textContent: d.id })),
          make("p", { className: "caption" }, make("bdi", { textContent: d.source ?? "" }), `${d.source ? ", " : ""}${d.bytes.toLocaleString("en")} bytes${cut ? ", the beginning" : ""}`),
          make("blockquote", { textContent: d.text, dir: "auto" })));
      }
      next = got.next;
      status.textContent = next ? "" : "These are all.";
      more.hidden = !next;
      more.textContent = "Show more";
    } catch { status.textContent = "The server does not answer."; } finally { more.disabled = false; }
  });
}
})();
