// Keeps the live page fresh: an event from the server, then the board's new text, put in place node by node, so that
// nobody's click or focus is lost. Everything works without this script but for the freshness.
"use strict";

(() => {
  const board = document.getElementById("board");
  const login = document.getElementById("login");
  told();
  if (login) resume(login.dataset.next);
  if (board) keepFresh(board);

  // What a form has done is told once: not again after a reload, and not for ever.
  function told() {
    const words = document.querySelector(".told");
    if (!words) return;
    history.replaceState(null, "", location.pathname);
    setTimeout(() => words.remove(), 10000);
  }

  // A link from elsewhere comes without our cookie (SameSite=Strict), so whoever is logged in is shown the log-in page: ask again.
  async function resume(next) {
    try {
      const answer = await fetch("/login", { redirect: "manual" });
      if (answer.type === "opaqueredirect" && /^\/(?!\/)/.test(next)) location.replace(next);
    } catch (_) { /* offline: the form says so when it is sent */ }
  }

  function keepFresh(board) {
    const stale = document.getElementById("stale");
    let fetching = false, again = false, offset = 0;

    async function refresh() {
      if (fetching) { again = true; return; }
      fetching = true;
      do {
        again = false;
        try {
          const answer = await fetch(board.dataset.src, { redirect: "manual", signal: AbortSignal.timeout(8000) });
          if (answer.type === "opaqueredirect" || answer.status === 401) { location.assign("/login"); return; }
          if (answer.ok) {
            const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
            morph(board, fresh.body);
            setClock();
            lost(false);
          }
        } catch (_) { lost(true); }
      } while (again);
      fetching = false;
    }

    // What was true a while ago must not look as if it were now.
    function lost(is) {
      stale.hidden = !is;
      board.classList.toggle("stale", is);
    }

    function setClock() {
      const now = board.querySelector("[data-now]");
      if (now) offset = Number(now.dataset.now) - Date.now() / 1000;
    }

    function tick() {
      const now = Date.now() / 1000 + offset;
      for (const element of board.querySelectorAll(".tick")) {
        const text = duration(now - Number(element.dataset.since));
        if (element.textContent !== text) element.textContent = text;
      }
    }

    const events = new EventSource(board.dataset.events);
    events.addEventListener(board.dataset.event || "board", refresh);
    events.addEventListener("error", () => {
      lost(true);
      // Closed for good (the log-in ended, too many pages): ask in a while whether we may still look.
      if (events.readyState === EventSource.CLOSED) setTimeout(() => location.reload(), 10000);
    });
    setClock();
    setInterval(tick, 1000);
    addEventListener("pageshow", (event) => { if (event.persisted) location.reload(); });
  }

  function duration(seconds) {
    const whole = Math.max(0, Math.floor(seconds));
    if (whole < 60) return document.documentElement.lang === "zh-CN" ? `${whole} 秒` : `${whole} s`;
    const two = (n) => String(n).padStart(2, "0");
    const hours = Math.floor(whole / 3600), minutes = Math.floor(whole / 60) % 60;
    return hours ? `${hours}:${two(minutes)}:${two(whole % 60)}` : `${minutes}:${two(whole % 60)}`;
  }

  // Make `old` like `fresh`. Children with the same data-key stay the same element.
  function morph(old, fresh) {
    const kept = new Map();
    for (const child of old.children) if (child.dataset.key) kept.set(child.dataset.key, child);
    let place = old.firstChild;
    for (const wanted of [...fresh.childNodes]) {
      const key = wanted.nodeType === Node.ELEMENT_NODE ? wanted.dataset.key : undefined;
      let found = key ? kept.get(key) : place && !place.dataset?.key && alike(place, wanted) ? place : undefined;
      if (found && key) kept.delete(key);
      if (!found) {
        old.insertBefore(document.importNode(wanted, true), place);
        continue;
      }
      if (found === place) place = place.nextSibling; else old.insertBefore(found, place);
      if (found.nodeType === Node.ELEMENT_NODE) {
        attributes(found, wanted);
        morph(found, wanted);
      } else if (found.nodeValue !== wanted.nodeValue) found.nodeValue = wanted.nodeValue;
    }
    while (place) { const next = place.nextSibling; place.remove(); place = next; }
  }

  function alike(a, b) { return a.nodeType === b.nodeType && a.nodeName === b.nodeName; }

  function attributes(old, fresh) {
    for (const { name } of [...old.attributes]) if (!fresh.hasAttribute(name)) old.removeAttribute(name);
    for (const { name, value } of fresh.attributes) if (old.getAttribute(name) !== value) old.setAttribute(name, value);
  }
})();
