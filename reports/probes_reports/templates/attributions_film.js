/* The maps of both groups at the epoch of the slider; nothing moves unless the slider does, or Play is pressed. */
"use strict";
(() => {
  const STEP_MS = 900;
  for (const film of document.querySelectorAll("[data-film]")) {
    const { epochs, shape, steps, tones, kinds, groups } = JSON.parse(film.querySelector("script").textContent);
    const [input, output] = ["input", "output"].map((name) => film.querySelector(name));
    const play = film.querySelector(".film-play");
    film.querySelectorAll("[data-film-group]").forEach((element, at) => {
      const group = groups[at];
      group.text = element.querySelector(".film-text");
      group.items = [...element.querySelectorAll(".film-cards > li")];
      for (const reel of Object.values(group.reels)) reel.bytes = Uint8Array.from(atob(reel.levels), (c) => c.charCodeAt(0));
    });
    const size = shape[0] * shape[1];

    /** Red, green and blue of a CSS variable, whatever its theme. */
    function channels(name) {
      const hex = getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
      return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
    }
    function chosenKind() {
      const chosen = document.querySelector("input[name=attribution_map]:checked");
      return chosen && kinds.includes(chosen.value) ? chosen.value : kinds[0];
    }
    function drawGroup(group, kind, at) {
      const reel = group.reels[group.shows[kind]];
      group.items.forEach((item, card) => { item.hidden = !reel || !reel.cards.includes(card); });
      group.text.textContent = reel ? reel.texts[at] : "";
      if (!reel) return;
      const colours = [channels(reel.positive), channels(reel.negative)];
      reel.cards.forEach((card, place) => {
        const item = group.items[card], image = new ImageData(shape[1], shape[0]);
        const start = (at * reel.cards.length + place) * size;
        for (let pixel = 0; pixel < size; pixel++) {
          const level = reel.bytes[start + pixel];
          const below = level > steps;
          const opacity = Math.round((255 * (below ? level - steps : level)) / steps);
          image.data.set([...colours[Number(below)], opacity], 4 * pixel);
        }
        item.querySelector("canvas").getContext("2d").putImageData(image, 0, 0);
        item.querySelector(".map > i").style.background = `var(--${tones[group.answers[at][card]]})`;
      });
    }
    function draw() {
      const kind = chosenKind(), at = Number(input.value);
      for (const group of groups) drawGroup(group, kind, at);
      const name = epochs[at].toLocaleString("en");
      output.textContent = name;
      input.setAttribute("aria-valuetext", `epoch ${name}`);
    }

    let timer = 0;
    function stop() {
      clearInterval(timer);
      timer = 0;
      play.setAttribute("aria-pressed", "false");
      play.textContent = "Play";
    }
    function forward() {
      input.value = Number(input.value) + 1;
      draw();
      if (Number(input.value) === epochs.length - 1) stop();
    }
    play.addEventListener("click", () => {
      if (timer) { stop(); return; }
      if (Number(input.value) === epochs.length - 1) { input.value = 0; draw(); }
      timer = setInterval(forward, STEP_MS);
      play.setAttribute("aria-pressed", "true");
      play.textContent = "Stop";
    });
    input.addEventListener("input", () => { if (timer) stop(); draw(); });
    document.querySelectorAll("[data-chooser=attribution_map]").forEach((chooser) => chooser.addEventListener("change", draw));
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
    new MutationObserver(draw).observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
    draw();
  }
})();
