"use strict";
(() => {
  // ---- what is shown: stages with lines, each line with the numbers of its sites in the Python source
  const DATA = JSON.parse(document.getElementById("data").textContent);
  const ROW = 18, SPARE = 20;
  const SITES = DATA.sites; // [file, line, column, end column], counted from 1, the end excluded, 0 for none
  const el = (tag, props = {}, ...inner) => {
    const made = Object.assign(document.createElement(tag), props);
    made.append(...inner);
    return made;
  };
  const place = (site) => SITES[site][0] + ":" + SITES[site][1];

  // ---- colours
  const WORDS = {
    python: /^(def|for|in|if|elif|else|while|return|and|or|not|with|as|import|from|lambda|break|continue|pass|None|True|False|is)$/,
    ir: /^(param|for|in|if|else|while|do|yield|range|carrying|buffer|scalar|constant)$/,
    mlir: /^(iter_args|to|step|do|else|loc|attributes)$/,
    metal: /^(kernel|void|device|constant|threadgroup|thread|const|for|if|else|while|return|break|continue|using|namespace|struct|static_cast|true|false|sizeof|auto)$/,
    llvm: /^(define|declare|br|label|ret|phi|call|load|store|getelementptr|icmp|fcmp|select|add|sub|mul|zext|sext|trunc|entry|align|ptr|void|to|fast|contract|nsw|nuw|splat|poison|zeroinitializer)$/,
  };
  const TYPES = /^(u?(?:char|short|int|long|half|bfloat|float|double|bool)[2-4]?(?:x[2-4])?|[fiu](?:1|8|16|32|64)(?:x[2-4])?|bf16|b1|ui\d+|si\d+|index|float)$/;
  const TOKEN = /("(?:[^"\\]|\\.)*"|'(?:[^'\\]|\\.)*')|(%[\w$.\-]+|@[\w$.]+)|(![\w.]+)|(\b0x[0-9a-fA-F]+\b|\b\d+(?:\.\d+)?(?:e[+-]?\d+)?[fhuUL]*\b)|([A-Za-z_][\w]*)/g;
  const COMMENT = { python: "#", ir: "# ", mlir: "//", metal: "//", llvm: ";" };

  function tokens(text, kind) {
    let rest = "";
    const at = text.indexOf(COMMENT[kind] || "\0");
    if (at >= 0 && !/["']/.test(text.slice(0, at))) { rest = text.slice(at); text = text.slice(0, at); }
    const found = [];
    let last = 0;
    for (const match of text.matchAll(TOKEN)) {
      const word = match[0];
      const style = match[1] ? "s" : match[2] ? "v" : match[3] ? "t" : match[4] ? "d"
        : WORDS[kind] && WORDS[kind].test(word) ? "k" : TYPES.test(word) ? "t" : "";
      if (match.index > last) found.push([text.slice(last, match.index), ""]);
      found.push([word, style]);
      last = match.index + word.length;
    }
    if (last < text.length) found.push([text.slice(last), ""]);
    if (rest) found.push([rest, "c"]);
    return found;
  }

  // cuts tokens at the given columns, so that marks and underlines can begin within a token
  function paint(holder, text, kind, marks, under) {
    let column = 0;
    for (const [piece, style] of tokens(text, kind)) {
      const cuts = new Set([0, piece.length]);
      for (const [from, to] of [...marks, ...(under ? [under] : [])])
        for (const cut of [from - column, to - column]) if (cut > 0 && cut < piece.length) cuts.add(cut);
      const order = [...cuts].sort((a, b) => a - b);
      for (let k = 0; k + 1 < order.length; k++) {
        const part = piece.slice(order[k], order[k + 1]), start = column + order[k];
        let node = style ? el("span", { className: style, textContent: part }) : document.createTextNode(part);
        if (under && start >= under[0] && start < under[1]) node = el("u", {}, node);
        if (marks.some(([from, to]) => start >= from && start < to)) node = el("mark", {}, node);
        holder.append(node);
      }
      column += piece.length;
    }
  }

  // ---- the selection: what is pointed at, or kept by a click
  const state = { pointed: null, pinned: null, query: "", hits: [], hit: -1 };
  const panes = [];
  const active = () => state.pointed || state.pinned;

  class Pane {
    constructor(group) {
      this.group = group;
      this.stage = group.stages[group.stages.length - 1];
      this.diff = false;
      this.scheduled = false;
      this.count = el("span", { className: "count" });
      this.head = el("h2");
      this.spacer = el("div", { className: "spacer" });
      this.body = el("div", { className: "body", tabIndex: 0 }, this.spacer);
      this.body.setAttribute("aria-label", group.title);
      this.root = el("section", { className: "pane", id: "pane-" + group.name }, this.head, this.body);
      this.body.addEventListener("scroll", () => this.later());
      this.body.addEventListener("mousemove", (event) => this.point(event));
      this.body.addEventListener("mouseleave", () => select(null, false));
      this.body.addEventListener("click", (event) => this.keep(event));
      this.body.addEventListener("keydown", (event) => this.key(event));
      new ResizeObserver(() => this.later()).observe(this.body);
      this.build();
    }

    build() {
      if (this.group.stages.length === 1) this.head.append(el("span", { textContent: this.group.title }));
      else {
        const choice = el("select", { id: "stage-" + this.group.name });
        choice.setAttribute("aria-label", "Pass");
        this.group.stages.forEach((stage, k) => {
          const changes = stage.changes.filter(([sign]) => sign !== "=").length;
          choice.append(el("option", { value: k, textContent: stage.title + (k ? ` (${changes} lines)` : "") }));
        });
        choice.value = this.group.stages.length - 1;
        choice.addEventListener("change", () => { this.stage = this.group.stages[choice.value]; this.show(); this.first(); find(state.query, true); });
        const box = el("input", { type: "checkbox", id: "diff-" + this.group.name });
        box.addEventListener("change", () => { this.diff = box.checked; this.show(); this.first(); find(state.query, true); });
        this.head.append(choice, el("label", {}, box, "diff"));
      }
      this.head.append(this.count);
      this.show();
    }

    // rows: the lines of the stage, or in a difference also those of the stage before that are gone
    show() {
      const stage = this.stage, before = this.group.stages[this.group.stages.indexOf(stage) - 1];
      const rows = this.diff && before
        ? stage.changes.map(([sign, k]) => ({ sign, line: (sign === "-" ? before : stage).lines[k], k }))
        : stage.lines.map((line, k) => ({ sign: "=", line, k }));
      this.rows = rows;
      this.bySite = new Map();
      this.byPlace = new Map();
      let widest = 0;
      rows.forEach((row, k) => {
        widest = Math.max(widest, row.line[0].length);
        for (const site of row.line[1]) {
          add(this.bySite, site, k);
          add(this.byPlace, place(site), k);
        }
      });
      this.count.textContent = rows.length + (rows.length === 1 ? " line" : " lines");
      this.spacer.style.height = rows.length * ROW + "px";
      this.spacer.style.width = `calc(${widest}ch + 72px)`;
      this.spacer.style.fontFamily = "ui-monospace, monospace";
      this.spacer.style.fontSize = "12px";
      this.aim();
      this.later();
    }

    // brings the first change into view
    first() {
      const k = this.rows.findIndex((row) => row.sign !== "=");
      if (k >= 0) this.reveal(k);
    }

    // which rows belong to the selection: hot for the same operation, warm for the same Python line
    aim() {
      this.hot = new Set();
      this.warm = new Set();
      const now = active();
      if (now) {
        for (const site of now.sites) for (const k of this.bySite.get(site) || []) this.hot.add(k);
        for (const line of now.places) for (const k of this.byPlace.get(line) || []) if (!this.hot.has(k)) this.warm.add(k);
      }
      if (this.group.name === "python") this.later(); // what is underlined changes, too
      else this.mark();
    }

    mark() {
      for (const row of this.spacer.children) this.classes(row, +row.dataset.k);
    }

    classes(row, k) {
      const hot = this.hot.has(k);
      row.classList.toggle("hot", hot);
      row.classList.toggle("warm", !hot && this.warm.has(k));
      row.classList.toggle("pinned", hot && !!state.pinned && !state.pointed);
    }

    later() {
      if (this.scheduled) return;
      this.scheduled = true;
      requestAnimationFrame(() => { this.scheduled = false; this.draw(); });
    }

    draw() {
      const from = Math.max(0, Math.floor(this.body.scrollTop / ROW) - SPARE);
      const to = Math.min(this.rows.length, Math.ceil((this.body.scrollTop + this.body.clientHeight) / ROW) + SPARE);
      const made = document.createDocumentFragment();
      for (let k = from; k < to; k++) made.append(this.row(k));
      this.spacer.replaceChildren(made);
    }

    row(k) {
      const { sign, line } = this.rows[k], now = active();
      const [text, sites, number] = line;
      const row = el("div", { className: "row" });
      row.style.top = k * ROW + "px";
      row.dataset.k = k;
      if (sites.length) row.classList.add("linked");
      if (sign !== "=") row.classList.add(sign === "+" ? "plus" : "minus");
      this.classes(row, k);
      const hit = state.hits[state.hit];
      if (hit && hit.pane === this && hit.k === k) row.classList.add("current");
      row.append(el("span", { className: "n", textContent: number || "" }));
      const marks = state.query ? matches(text, state.query) : [];
      paint(row, text, this.stage.kind, marks, this.group.name === "python" && now ? this.under(line, now) : null);
      return row;
    }

    // the columns of the operation in its Python line
    under(line, now) {
      let best = null;
      for (const site of line[1]) {
        const [, , from, to] = SITES[site];
        if (now.sites.has(site) && to && (!best || to - from > best[1] - best[0])) best = [from - 1, to - 1];
      }
      return best;
    }

    at(event) {
      const row = event.target.closest ? event.target.closest(".row") : null;
      return row ? +row.dataset.k : -1;
    }

    // what a row stands for; in Python, the innermost operation under the pointer
    chosen(k, event) {
      const sites = this.rows[k].line[1];
      if (!sites.length) return null;
      if (this.group.name !== "python" || !event) return of(sites, this, k);
      const row = event.target.closest(".row"), head = row.querySelector(".n");
      const box = head.getBoundingClientRect();
      const column = Math.floor((event.clientX - box.right) / this.letter()) + 1;
      const around = sites.filter((site) => SITES[site][2] <= column && column < SITES[site][3]);
      if (!around.length) return of(sites, this, k);
      const width = (site) => SITES[site][3] - SITES[site][2];
      const least = Math.min(...around.map(width));
      return of(around.filter((site) => width(site) === least), this, k);
    }

    letter() {
      if (!Pane.width) {
        const probe = el("span", { textContent: "0".repeat(100) });
        const row = el("div", { className: "row" }, probe);
        this.spacer.append(row);
        Pane.width = probe.getBoundingClientRect().width / 100;
        row.remove();
      }
      return Pane.width;
    }

    point(event) {
      const k = this.at(event);
      select(k < 0 ? null : this.chosen(k, event), false);
    }

    keep(event) {
      const k = this.at(event);
      this.cursor = k;
      const now = k < 0 ? null : this.chosen(k, event);
      pin(now, this);
    }

    key(event) {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      if (!step) return;
      event.preventDefault();
      let k = (this.cursor ?? -1) + step;
      while (k >= 0 && k < this.rows.length && !this.rows[k].line[1].length) k += step;
      if (k < 0 || k >= this.rows.length) return;
      this.cursor = k;
      this.reveal(k, false);
      pin(this.chosen(k, null), this);
    }

    reveal(k, centre = true) {
      const top = k * ROW, view = this.body;
      if (top < view.scrollTop || top + ROW > view.scrollTop + view.clientHeight)
        view.scrollTop = centre ? Math.max(0, top - view.clientHeight / 3) : top < view.scrollTop ? top : top + ROW - view.clientHeight;
      this.later();
    }
  }

  const add = (map, key, value) => { const list = map.get(key); if (list) { if (list[list.length - 1] !== value) list.push(value); } else map.set(key, [value]); };
  const of = (sites, pane, k) => ({ sites: new Set(sites), places: new Set(sites.map(place)), pane, k });
  const same = (a, b) => a === b || (a && b && a.pane === b.pane && a.k === b.k && a.sites.size === b.sites.size && [...a.sites].every((x) => b.sites.has(x)));

  function select(now) {
    if (same(now, state.pointed)) return;
    state.pointed = now;
    panes.forEach((pane) => pane.aim());
    tell();
  }

  function pin(now, from) {
    state.pinned = same(now, state.pinned) && state.pinned ? null : now;
    state.pointed = null;
    panes.forEach((pane) => pane.aim());
    if (state.pinned)
      for (const pane of panes) {
        if (pane === from) continue;
        const rows = pane.hot.size ? pane.hot : pane.warm;
        if (rows.size) pane.reveal(Math.min(...rows));
      }
    tell();
  }

  function tell() {
    const now = active(), status = document.getElementById("status");
    if (!now) { status.textContent = DATA.hint; return; }
    const counts = panes.filter((pane) => !pane.root.hidden).map((pane) => `${pane.group.title.split(" ")[0]} ${pane.hot.size || (pane.warm.size ? "~" + pane.warm.size : 0)}`);
    status.textContent = `${[...now.places].join(", ")}   lines: ${counts.join(" · ")}`;
  }

  // ---- search
  function matches(text, query) {
    const found = [], low = text.toLowerCase(), wanted = query.toLowerCase();
    for (let at = low.indexOf(wanted); at >= 0; at = low.indexOf(wanted, at + wanted.length)) found.push([at, at + wanted.length]);
    return found;
  }

  function find(query, quiet) {
    state.query = query;
    state.hits = [];
    if (query)
      for (const pane of panes) {
        if (pane.root.hidden) continue;
        pane.rows.forEach((row, k) => { if (row.line[0].toLowerCase().includes(query.toLowerCase())) state.hits.push({ pane, k }); });
      }
    state.hit = state.hits.length ? 0 : -1;
    if (!quiet) step(0);
    hits();
    panes.forEach((pane) => pane.later());
  }

  function step(by) {
    if (!state.hits.length) return;
    state.hit = (state.hit + by + state.hits.length) % state.hits.length;
    const hit = state.hits[state.hit];
    hit.pane.reveal(hit.k);
    panes.forEach((pane) => pane.later());
    hits();
  }

  const hits = () => { document.getElementById("hits").textContent = state.query ? `${state.hit + 1} of ${state.hits.length}` : ""; };

  // ---- tabs
  function tabs() {
    const bar = document.getElementById("tabs"), sheet = document.getElementById("sheet");
    DATA.tabs.forEach((tab) => {
      const button = el("button", { type: "button", textContent: tab.title, id: "tab-" + tab.name });
      button.setAttribute("role", "tab");
      button.setAttribute("aria-selected", "false");
      button.addEventListener("click", () => {
        const open = button.getAttribute("aria-selected") === "true";
        bar.querySelectorAll("button").forEach((other) => other.setAttribute("aria-selected", "false"));
        sheet.innerHTML = open ? "" : tab.html; // made and escaped by enigma
        button.setAttribute("aria-selected", String(!open));
      });
      bar.append(button);
    });
    sheet.addEventListener("click", (event) => {
      const row = event.target.closest("tr[data-line]");
      if (!row) return;
      const python = panes.find((pane) => pane.group.name === "python");
      const wanted = row.dataset.file + ":" + row.dataset.line;
      const k = python.rows.findIndex((each) => each.line[1].some((site) => place(site) === wanted));
      if (k < 0) return;
      state.pinned = null;
      const sites = python.rows[k].line[1];
      const exact = sites.filter((site) => SITES[site][2] === +row.dataset.column);
      python.reveal(k);
      pin(of(exact.length ? exact : sites, python, k), python);
    });
  }

  // ---- light and dark
  function theme(name) {
    document.documentElement.dataset.theme = name;
  }
  const dark = matchMedia("(prefers-color-scheme: dark)");
  theme(dark.matches ? "dark" : "light");
  dark.addEventListener("change", () => theme(dark.matches ? "dark" : "light"));
  document.getElementById("theme").addEventListener("click", () => theme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"));

  // ---- begin
  for (const group of DATA.groups) {
    const pane = new Pane(group);
    panes.push(pane);
    document.getElementById("panes").append(pane.root);
    const button = el("button", { type: "button", textContent: group.title, id: "show-" + group.name });
    const hide = (hidden) => { pane.root.hidden = hidden; button.setAttribute("aria-pressed", String(!hidden)); pane.later(); };
    button.addEventListener("click", () => { hide(!pane.root.hidden); find(state.query, true); });
    hide(group.hidden);
    document.getElementById("shown").append(button);
  }
  tabs();
  tell();
  const query = document.getElementById("query");
  let typed = 0;
  query.addEventListener("input", () => { clearTimeout(typed); typed = setTimeout(() => find(query.value), 60); });
  document.getElementById("search").addEventListener("submit", (event) => event.preventDefault());
  query.addEventListener("keydown", (event) => { if (event.key === "Enter") { event.preventDefault(); step(event.shiftKey ? -1 : 1); } });
  document.getElementById("next").addEventListener("click", () => step(1));
  document.getElementById("previous").addEventListener("click", () => step(-1));
  document.addEventListener("keydown", (event) => {
    if (event.key === "/" && document.activeElement !== query) { event.preventDefault(); query.focus(); query.select(); }
    if (event.key === "Escape") { if (document.activeElement === query) { query.value = ""; find(""); query.blur(); } pin(null); }
  });
  document.documentElement.dataset.ready = "yes";
})();
