/* Review of an audit: filter, sort, decide with keys or buttons, and save the decisions as CSV. Nothing leaves the page. */
"use strict";
(() => {
  const STEP = 40; // cards shown at once
  const by = (id) => document.getElementById(id);
  const held = (id) => JSON.parse(by(id).textContent);
  const [rows, pictures] = [held("review-rows"), held("review-pictures")];
  const list = by("review-cards");
  const cards = [...list.children];
  const decisions = new Map(); // position of a card -> "accept" or "reject"
  let [shown, limit, saved] = [cards, STEP, true];

  const position = (card) => Number(card.dataset.at);
  const text = (number) => number.toLocaleString("en-US");

  /* ---- which cards, in which order ---- */
  const ORDERS = {
    score: (a, b) => position(a) - position(b),
    last: (a, b) => position(b) - position(a),
    given: (a, b) => a.dataset.given - b.dataset.given || position(a) - position(b),
    suggested: (a, b) => a.dataset.suggested - b.dataset.suggested || position(a) - position(b),
  };
  function matches(card) {
    const [given, suggested, state] = ["given", "suggested", "state"].map((name) => by(`review-${name}`).value);
    const decided = decisions.get(position(card)) ?? "open";
    return (!given || card.dataset.given === given) && (!suggested || card.dataset.suggested === suggested) && (!state || decided === state);
  }
  function choose() {
    shown = cards.filter(matches).sort(ORDERS[by("review-sort").value]);
    limit = STEP;
    list.append(...shown);
    draw();
    current = null; // moving cards takes the keyboard from the one that had it
    if (shown.length) holdPlace(start());
  }
  function draw() {
    const visible = new Set(shown.slice(0, limit));
    for (const card of cards) {
      card.hidden = !visible.has(card);
      if (card.hidden) continue;
      for (const image of card.querySelectorAll("img:not([src])")) image.src = pictures[image.dataset.picture];
    }
    const rest = shown.length - visible.size;
    by("review-more").hidden = rest <= 0;
    by("review-more").textContent = `Show ${text(Math.min(rest, STEP))} more of ${text(rest)}`;
    by("review-none").hidden = shown.length > 0;
    by("review-shown").textContent = rest > 0 ? `${text(visible.size)} of ${text(shown.length)} shown` : `${text(shown.length)} shown`;
  }
  function more() {
    limit += STEP;
    draw();
  }

  /* ---- one card has the keyboard ---- */
  let current = null; // the card that was selected last, while it is shown
  function holdPlace(card) {
    for (const other of cards) other.tabIndex = other === card ? 0 : -1;
  }
  function makeCurrent(card) {
    current = card;
    holdPlace(card);
  }
  function start() {
    const visible = shown.slice(0, limit);
    return current ?? visible.find((card) => !decisions.has(position(card))) ?? visible[0];
  }
  function go(at) {
    const place = Math.max(0, Math.min(at, shown.length - 1));
    while (place >= limit) more();
    const card = shown[place];
    if (!card) return;
    makeCurrent(card);
    card.focus({ preventScroll: true });
    card.scrollIntoView({ block: "nearest" });
  }
  function columns() {
    const visible = shown.slice(0, limit);
    const below = visible.findIndex((card) => card.offsetTop > visible[0].offsetTop);
    return below < 0 ? visible.length : below;
  }

  /* ---- decisions ---- */
  const suggestion = (card) => card.dataset.accepted; // what accepting saves; "" where no other label is suggested
  function decide(card, decision) {
    const nothing = decision === "accept" && suggestion(card) === "";
    const hint = card.querySelector(".unsuggested");
    if (hint) hint.hidden = !nothing;
    if (nothing) return false;
    if (decision) decisions.set(position(card), decision);
    else decisions.delete(position(card));
    saved = decisions.size === 0;
    if (decision) card.dataset.decision = decision;
    else delete card.dataset.decision;
    for (const button of card.querySelectorAll("[data-decide]")) button.setAttribute("aria-pressed", String(button.dataset.decide === decision));
    tell();
    return true;
  }
  function tell() {
    const wrong = [...decisions.values()].filter((decision) => decision === "accept").length;
    const state = decisions.size ? `: ${text(wrong)} wrong, ${text(decisions.size - wrong)} right${saved ? ", saved" : ""}` : "";
    by("review-counter").textContent = `${text(decisions.size)} of ${text(cards.length)} decided${state}`;
    by("review-save").disabled = decisions.size === 0;
  }

  list.addEventListener("click", (event) => {
    const card = event.target.closest(".candidate");
    const button = event.target.closest("[data-decide]");
    if (!card) return;
    makeCurrent(card);
    if (button) decide(card, button.dataset.decide === card.dataset.decision ? null : button.dataset.decide);
    else card.focus({ preventScroll: true });
  });

  const MOVES = { ArrowRight: () => 1, j: () => 1, ArrowLeft: () => -1, k: () => -1, ArrowDown: columns, ArrowUp: () => -columns() };
  const DECIDE = { a: "accept", r: "reject", x: null, " ": null };
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || event.target.closest("input, select, textarea")) return;
    const key = event.key.length === 1 ? event.key.toLowerCase() : event.key; // as Shift and Caps Lock write it
    const card = event.target.closest(".candidate");
    const at = shown.indexOf(card);
    if (!card) {
      // no card has the keyboard: nothing is decided unseen, the first key selects one
      if (!"jkar".includes(key) || !shown.length) return;
      go(shown.indexOf(start()));
    } else if (Object.hasOwn(MOVES, key)) go(at + MOVES[key]());
    else if (Object.hasOwn(DECIDE, key) && !(key === " " && event.target.closest("button, summary"))) {
      if (decide(card, DECIDE[key]) && DECIDE[key]) go(at + 1);
    } else return;
    event.preventDefault();
  });

  /* ---- the file; ids as they are, because a program reads it and has to find them ---- */
  const quote = (value) => (/[",\n\r]/.test(String(value)) ? `"${String(value).replace(/"/g, '""')}"` : String(value));
  function row(at, decision) {
    const [id, example, given, suggested] = rows[at];
    return [id, example, given, decision === "accept" ? suggestion(cards[at]) : suggested, decision];
  }
  function table() {
    const decided = [...decisions].sort(([a], [b]) => a - b).map(([at, decision]) => row(at, decision));
    return [["id", "example", "given_label", "suggested_label", "decision"], ...decided].map((row) => row.map(quote).join(",")).join("\n") + "\n";
  }
  by("review-save").addEventListener("click", () => {
    const link = document.createElement("a");
    link.href = URL.createObjectURL(new Blob([table()], { type: "text/csv" }));
    link.download = `${document.body.dataset.stem}-decisions.csv`;
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    saved = true;
    tell();
  });
  addEventListener("beforeunload", (event) => {
    if (!saved) event.preventDefault();
  });

  for (const name of ["given", "suggested", "state", "sort"]) by(`review-${name}`).addEventListener("change", choose);
  by("review-more").addEventListener("click", more);
  draw();
  tell();
})();
