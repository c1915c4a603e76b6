/* The card beside the pointer in the data map: thumbnail, labels, region and fate of the example pointed at. */
"use strict";
(() => {
  const card = document.querySelector(".hover-card");
  const held = JSON.parse(document.getElementById("data-map-cards").textContent);
  const image = card.querySelector("img");
  const part = (name) => card.querySelector(`.${name}`);
  const place = new Map(held.examples.map((example, at) => [example, at]));

  function clause(text, tone) {
    const span = document.createElement("span");
    span.textContent = text;
    if (tone) span.className = `t-${tone}`;
    return span;
  }
  function labels(at) {
    const noisy = held.noisy.length ? held.noisy[at] : null;
    const tone = noisy === null ? "strong" : noisy ? "noisy" : "clean";
    const pieces = [];
    const add = (name, label, colour) => { if (label >= 0) pieces.push(`${pieces.length ? "  " : ""}${name} `, clause(held.classes[label], colour)); };
    if (held.given.length) add("given", held.given[at], tone);
    if (held.true.length) add("true", held.true[at], held.true[at] === held.given[at] ? tone : "true");
    if (held.kinds[at]) pieces.push("  ", clause(held.kinds[at], "muted"));
    return pieces;
  }
  function answers(at) {
    const codes = held.answers[at] ?? "";
    return [...codes].map((code, column) => {
      const cell = document.createElement("i");
      cell.style.width = `${100 * (held.edges[column + 1] - held.edges[column])}%`;
      cell.style.background = `var(--${held.tones[code]})`;
      return cell;
    });
  }
  function fate(at) {
    const learned = held.learned[at], forgotten = held.forgotten[at];
    const start = learned < 0 ? "not answered as labelled at the end" : `answered as labelled from epoch ${learned}`;
    return forgotten > 0 ? `${start}; forgotten ${forgotten === 1 ? "once" : `${forgotten} times`}` : start;
  }
  function fill(point, key) {
    const at = place.get(Number(point.customdata));
    if (at === undefined) return false;
    const uri = held.images[point.customdata];
    image.hidden = !uri;
    if (uri) image.src = uri;
    part("labels").replaceChildren(`example ${Number(point.customdata).toLocaleString("en")}  `, ...labels(at));
    part("region").textContent = `${held.regions[held.windows[key].region[at]]} until epoch ${held.windows[key].last}`;
    part("place").textContent = `confidence ${point.y.toFixed(2)}, variability ${point.x.toFixed(2)}`;
    part("answers").replaceChildren(...answers(at));
    part("fate").textContent = held.given.length ? fate(at) : "";
    return true;
  }
  /* Beside the pointer, on the side that has room. */
  function move(event) {
    const { clientX: x, clientY: y } = event.changedTouches?.[0] ?? event;
    const { width, height } = card.getBoundingClientRect();
    const left = x + 18 + width > innerWidth ? x - 18 - width : x + 18;
    card.style.left = `${Math.max(6, Math.min(left, innerWidth - width - 6))}px`;
    card.style.top = `${y - height - 14 < 6 ? y + 18 : y - height - 14}px`;
  }
  function listen(figure) {
    const canvas = figure.querySelector(".canvas");
    if (figure.dataset.cards || !canvas.on) return;
    figure.dataset.cards = "true";
    const key = figure.dataset.plot;
    const show = ({ points, event }) => {
      card.hidden = !fill(points[0], key);
      if (!card.hidden) move(event);
    };
    canvas.on("plotly_hover", show);
    canvas.on("plotly_click", show); // a tap on a touch screen
    canvas.on("plotly_unhover", () => { card.hidden = true; });
  }
  for (const key of card.dataset.figures.split(" ")) {
    const figure = document.getElementById(`plot-${key}`);
    if (card.dataset.ink === "1") figure.classList.add("ink-images");
    figure.classList.add("has-cards");
    new MutationObserver(() => listen(figure)).observe(figure, { attributes: true, attributeFilter: ["data-drawn"] });
  }
  addEventListener("pointerdown", () => { card.hidden = true; });
  addEventListener("scroll", () => { card.hidden = true; }, { passive: true });
})();
