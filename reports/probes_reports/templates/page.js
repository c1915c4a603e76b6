/* Draws the figures as they scroll into view; theme, sections, sliders, data. Nothing moves unless asked. */
"use strict";
(() => {
  const root = document.documentElement;
  const json = (element) => JSON.parse(element.textContent);
  const twins = json(document.getElementById("twins"));
  const darkQuery = matchMedia("(prefers-color-scheme: dark)");
  const CONFIG = { displayModeBar: false, scrollZoom: false, doubleClick: false, showTips: false, responsive: false, showAxisDragHandles: false };

  /* ---- theme: every light colour has a dark twin ---- */
  const rgbTwins = {};
  for (const [light, dark] of Object.entries(twins)) if (light[0] === "#") rgbTwins[channels(light)] = channels(dark);

  function channels(hex) {
    return [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)).join(",");
  }
  function dark(colour) {
    if (twins[colour]) return twins[colour];
    const match = /^rgba\((\d+),\s*(\d+),\s*(\d+),\s*([\d.]+)\)$/.exec(colour);
    const twin = match && rgbTwins[match.slice(1, 4).join(",")];
    return twin ? `rgba(${twin},${match[4]})` : colour;
  }
  const isColour = (key) => /colou?r|colorscale/i.test(key);
  const inText = (text) => text.replace(/(<span style="color:\s*)(#[0-9a-f]{6})/gi, (_, before, colour) => before + dark(colour));

  /** A deep copy of plotly's JSON in the colours of the theme; typed arrays are shared, plotly does not change them. */
  function themed(value, key, isDark) {
    if (typeof value === "string") return !isDark ? value : isColour(key) ? dark(value) : inText(value);
    if (Array.isArray(value)) {
      const numbers = value.length > 8 && typeof value[0] === "number";
      return numbers ? value.slice() : value.map((item) => themed(item, key, isDark));
    }
    if (value === null || typeof value !== "object") return value;
    return Object.fromEntries(Object.entries(value).map(([name, item]) => [name, themed(item, isColour(key) ? key : name, isDark)]));
  }
  let printing = false;
  const isDark = () => !printing && (root.dataset.theme ? root.dataset.theme === "dark" : darkQuery.matches);

  /* ---- figures ---- */
  class Plot {
    constructor(figure) {
      this.figure = figure;
      this.canvas = figure.querySelector(".canvas");
      this.key = figure.dataset.plot;
      this.source = null;
      this.state = null; // how it is drawn now: "narrow dark 343"
      this.slider = null;
      this.ready = Promise.resolve();
    }
    load() {
      if (this.source) return;
      this.source = json(this.figure.querySelector("script"));
      const { wide, narrow } = this.source;
      narrow.data = narrow.data.map((trace) => (typeof trace === "number" ? wide.data[trace] : trace));
    }
    layoutName() {
      this.load();
      return this.canvas.clientWidth < this.source.below ? "narrow" : "wide";
    }
    draw() {
      const width = this.canvas.clientWidth;
      if (!width) return this.ready;
      const name = this.layoutName();
      const state = `${name} ${isDark()} ${width}`;
      if (state === this.state) return this.ready;
      this.state = state;
      const chosen = this.source[name];
      const data = themed(chosen.data, "", isDark());
      for (const trace of data) if (trace.meta && trace.meta.matrix) trace.customdata = cellTexts(trace);
      const layout = { ...themed(chosen.layout, "", isDark()), width, autosize: false };
      if (this.slider) this.slider.change(data, layout, name, isDark());
      this.figure.style.minHeight = `${layout.height}px`;
      this.ready = this.ready.then(() => Plotly.react(this.canvas, data, layout, CONFIG)).then(() => this.mark());
      return this.ready;
    }
    mark() {
      for (const element of this.canvas.querySelectorAll("svg")) element.setAttribute("aria-hidden", "true");
      if (!this.figure.dataset.drawn) this.watchTooltip();
      this.figure.dataset.drawn = "true";
    }
    /** Put the epoch into the title of unified tooltips: plotly would only know x, the logarithm. */
    watchTooltip() {
      const name = () => {
        const title = this.canvas.querySelector(".hoverlayer .legendtitletext");
        const epoch = this.canvas._hoverdata?.[0]?.customdata;
        if (title && /^(epoch|from epochs 1 to)$/.test(title.textContent) && Number.isInteger(epoch)) title.textContent += ` ${epoch}`;
      };
      this.canvas.on("plotly_hover", name);
      new MutationObserver(name).observe(this.canvas, { childList: true, subtree: true }); // it is redrawn without an event too
    }
    drawn() {
      return this.state !== null;
    }
    redraw() {
      if (!this.drawn()) return this.ready;
      this.state = null;
      return this.draw();
    }
  }
  const plots = new Map([...document.querySelectorAll("[data-plot]")].map((figure) => [figure.dataset.plot, new Plot(figure)]));

  const near = new IntersectionObserver(
    (entries) => {
      for (const entry of entries) {
        if (!entry.isIntersecting) continue;
        near.unobserve(entry.target);
        plots.get(entry.target.dataset.plot).draw();
      }
    },
    { rootMargin: "300px 0px" },
  );
  const sized = new ResizeObserver((entries) => {
    for (const entry of entries) {
      const plot = plots.get(entry.target.closest("[data-plot]").dataset.plot);
      if (plot.drawn()) plot.draw();
    }
  });
  const redrawAll = () => Promise.all([...plots.values()].map((plot) => plot.redraw()));

  /** Tooltips of a heat map's cells, made here rather than carried in the file. */
  function cellTexts(trace) {
    const { columns, levels, labels } = trace.meta.matrix;
    const cells = plainArray(trace.z);
    return labels.map((label, row) => columns.map((column, at) => `${label}<br>epoch ${column}: ${levels[cells[row][at]]}`));
  }

  /* ---- sliders: prepared states, written into the figure before it is drawn ---- */
  class Slider {
    constructor(element) {
      this.source = json(element.querySelector("script"));
      this.input = element.querySelector("input");
      this.output = element.querySelector("output");
      this.plot = plots.get(this.source.plot);
      this.plot.slider = this;
      this.input.addEventListener("input", () => this.move());
    }
    move() {
      const text = this.source.values[this.input.value];
      this.output.textContent = text;
      this.input.setAttribute("aria-valuetext", text);
      this.plot.redraw();
    }
    change(data, layout, name, isDark) {
      const step = Number(this.input.value);
      for (const { trace, attribute, states } of this.source.traces) set(data[trace], attribute, states[step]);
      for (const [path, states] of Object.entries(this.source[name])) set(layout, path, themed(states[step], path, isDark));
    }
  }
  /** Set `shapes[3].x0` in an object. */
  function set(object, path, value) {
    const keys = path.split(/[.[\]]+/).filter(Boolean);
    const last = keys.pop();
    let target = object;
    for (const key of keys) target = target[key] ??= {};
    target[last] = value;
  }
  document.querySelectorAll("[data-slider]").forEach((element) => new Slider(element));

  /* ---- choosers ---- */
  function choose() {
    const chosen = {};
    for (const input of document.querySelectorAll("[data-chooser] input:checked")) chosen[input.name] = input.value;
    for (const element of document.querySelectorAll("[data-when]")) {
      const conditions = element.dataset.when.split(" ").map((condition) => condition.split("="));
      element.hidden = !conditions.every(([name, values]) => !(name in chosen) || values.split("|").includes(chosen[name]));
    }
  }
  document.querySelectorAll("[data-chooser]").forEach((element) => element.addEventListener("change", choose));
  choose();

  /* ---- theme button ---- */
  const button = document.getElementById("theme");
  const themes = ["auto", "light", "dark"];
  const remembered = () => { try { return localStorage.getItem("probes-theme"); } catch { return null; } };
  const remember = (theme) => { try { localStorage.setItem("probes-theme", theme); } catch { /* a file:// page may not store */ } };
  function setTheme(theme) {
    if (theme === "auto") delete root.dataset.theme;
    else root.dataset.theme = theme;
    button.textContent = `Theme: ${theme}`;
    redrawAll();
  }
  button.addEventListener("click", () => {
    const theme = themes[(themes.indexOf(root.dataset.theme ?? "auto") + 1) % themes.length];
    remember(theme);
    setTheme(theme);
  });
  darkQuery.addEventListener("change", redrawAll);
  if (themes.includes(remembered())) setTheme(remembered());

  /* ---- links below a section: one panel open at a time ---- */
  document.querySelectorAll(".links").forEach((links) => {
    const buttons = [...links.querySelectorAll("[aria-controls]")];
    const show = (control, open) => {
      control.setAttribute("aria-expanded", String(open));
      document.getElementById(control.getAttribute("aria-controls")).hidden = !open;
    };
    for (const control of buttons) {
      control.addEventListener("click", () => {
        const open = control.getAttribute("aria-expanded") !== "true";
        for (const other of buttons) show(other, other === control && open);
      });
    }
  });

  /* ---- CSV, made here from what the figure draws ---- */
  const ARRAYS = { i1: Int8Array, u1: Uint8Array, i2: Int16Array, u2: Uint16Array, i4: Int32Array, u4: Uint32Array, f4: Float32Array, f8: Float64Array };
  /** Plotly's base64 arrays as plain ones, rows of rows where they have a shape. */
  function plainArray(value) {
    if (!value || value.bdata === undefined) return value;
    const bytes = Uint8Array.from(atob(value.bdata), (character) => character.charCodeAt(0));
    const flat = [...new ARRAYS[value.dtype](bytes.buffer)];
    if (!value.shape) return flat;
    const columns = Number(String(value.shape).split(",")[1]);
    return Array.from({ length: flat.length / columns }, (_, row) => flat.slice(row * columns, (row + 1) * columns));
  }
  function columnOf(trace, path) {
    const [name, ...rest] = path.split(".");
    const column = rest.length && /^\d+$/.test(rest[0]) ? null : rest.reduce((value, key) => value?.[key], trace[name]);
    return column === null ? plainArray(trace[name]).map((row) => row[Number(rest[0])]) : plainArray(column);
  }
  function plotTable(plot) {
    plot.load();
    const traces = plot.source.wide.data.filter((trace) => trace.meta && trace.meta.csv);
    const names = [...new Set(traces.flatMap((trace) => Object.keys(trace.meta.csv)))];
    const rows = traces.flatMap((trace) => {
      if (trace.meta.matrix) return matrixRows(trace, names);
      const columns = names.map((name) => (trace.meta.csv[name] ? columnOf(trace, trace.meta.csv[name]) : null));
      const length = Math.max(0, ...columns.map((column) => (column ? column.length : 0)));
      return Array.from({ length }, (_, row) => [trace.name ?? "", ...columns.map((column) => (column ? column[row] : ""))]);
    });
    return [["series", ...names], ...rows];
  }
  /** A heat map as one line a cell: `meta.matrix` holds the values of its rows and columns, `meta.names` of its levels. */
  function matrixRows(trace) {
    const { rows, columns, levels } = trace.meta.matrix;
    const [across, down, cells] = [plainArray(columns), plainArray(rows), plainArray(trace.z)];
    return down.flatMap((row, at) => across.map((column, to) => [trace.name ?? "", row, column, levels ? levels[cells[at][to]] ?? "" : cells[at][to]]));
  }
  const quote = (value) => {
    const rounded = typeof value === "number" && !Number.isInteger(value) ? Number(value.toPrecision(7)) : value;
    const text = value === null || value === undefined || Number.isNaN(value) ? "" : String(rounded).replace(/&lt;/g, "<").replace(/&gt;/g, ">").replace(/&amp;/g, "&");
    const safe = /^[=+\-@]/.test(text) && Number.isNaN(Number(text)) ? `'${text}` : text; // no formulas in a spreadsheet
    return /[",\n\r]/.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe;
  };
  function tableOf(key) {
    if (plots.has(key)) return plotTable(plots.get(key));
    const columns = json([...document.querySelectorAll("[data-table]")].find((element) => element.dataset.table === key));
    const names = Object.keys(columns);
    return [names, ...(columns[names[0]] ?? []).map((_, row) => names.map((name) => columns[name][row]))];
  }
  document.querySelectorAll("[data-csv]").forEach((control) => {
    control.addEventListener("click", () => {
      const text = tableOf(control.dataset.csv).map((row) => row.map(quote).join(",")).join("\n") + "\n";
      const link = document.createElement("a");
      link.href = URL.createObjectURL(new Blob([text], { type: "text/csv" }));
      link.download = `${document.body.dataset.stem}-${control.dataset.csv}.csv`;
      link.click();
      setTimeout(() => URL.revokeObjectURL(link.href), 10000);
    });
  });

  /* ---- the current section in the navigation ---- */
  const nav = document.querySelector("nav.sections");
  const bar = nav.querySelector(".column");
  const links = new Map([...nav.querySelectorAll("a")].map((link) => [link.hash.slice(1), link]));
  const sections = [...document.querySelectorAll("[data-section]")];
  function markCurrent() {
    const line = nav.clientHeight + 120;
    const atEnd = innerHeight + scrollY >= document.body.scrollHeight - 2;
    const above = sections.filter((section) => section.getBoundingClientRect().top <= line);
    const beside = above.filter((section) => section.getBoundingClientRect().top === above.at(-1).getBoundingClientRect().top);
    const current = atEnd ? sections.at(-1) : (beside[0] ?? sections[0]);
    for (const [key, link] of links) {
      if (key !== current.id) link.removeAttribute("aria-current");
      else if (!link.hasAttribute("aria-current")) {
        link.setAttribute("aria-current", "true");
        bar.scrollLeft = link.offsetLeft - bar.clientWidth / 2 + link.clientWidth / 2;
      }
    }
  }
  addEventListener("scroll", () => requestAnimationFrame(markCurrent), { passive: true });

  /* ---- print: everything, on white, as wide as paper ---- */
  addEventListener("beforeprint", () => {
    printing = true;
    root.dataset.printing = "true";
    for (const plot of plots.values()) { plot.state = null; plot.draw(); }
  });
  addEventListener("afterprint", () => {
    printing = false;
    delete root.dataset.printing;
    redrawAll();
  });

  for (const plot of plots.values()) { near.observe(plot.figure); sized.observe(plot.canvas); }
  markCurrent();
})();
