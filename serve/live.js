"use strict";
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
