/* The panel's maps at the epoch of the slider; nothing moves unless the slider does, or Play is pressed. */
"use strict";
(() => {
  const STEP_MS = 900;
  for (const film of document.querySelectorAll("[data-film]")) {
    const { epochs, shape, steps, reels, answers, tones, texts } = JSON.parse(film.querySelector("script").textContent);
    const [input, output, text] = ["input", "output", ".film-text"].map((name) => film.querySelector(name));
    const play = film.querySelector(".film-play");
    const canvases = [...film.querySelectorAll("canvas")];
    const bars = [...film.querySelectorAll(".map > i")];
    const bytes = Object.fromEntries(Object.entries(reels).map(([kind, reel]) => [kind, Uint8Array.from(atob(reel.levels), (c) => c.charCodeAt(0))]));
    const size = shape[0] * shape[1];

    /** Red, green and blue of a CSS variable, whatever its theme. */
    function channels(name) {
      const hex = getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();
      return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16));
    }
    function chosenKind() {
      const chosen = document.querySelector("input[name=attribution_map]:checked");
      return chosen && chosen.value in reels ? chosen.value : Object.keys(reels)[0];
    }
    function draw() {
      const kind = chosenKind(), at = Number(input.value);
      const colours = [channels(reels[kind].positive), channels(reels[kind].negative)];
      canvases.forEach((canvas, card) => {
        const image = new ImageData(shape[1], shape[0]);
        const start = (at * canvases.length + card) * size;
        for (let pixel = 0; pixel < size; pixel++) {
          const level = bytes[kind][start + pixel];
          const below = level > steps;
          const opacity = Math.round((255 * (below ? level - steps : level)) / steps);
          image.data.set([...colours[Number(below)], opacity], 4 * pixel);
        }
        canvas.getContext("2d").putImageData(image, 0, 0);
      });
      bars.forEach((bar, card) => { bar.style.background = `var(--${tones[answers[at][card]]})`; });
      const name = epochs[at].toLocaleString("en");
      output.textContent = name;
      input.setAttribute("aria-valuetext", `epoch ${name}`);
      text.textContent = texts[at];
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
