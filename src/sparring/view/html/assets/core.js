// Parts that all views use: elements, texts of the run, numbers, the address.

// Makes every element of the page. A child that is a string becomes a text node, never markup.
function h(tag, attrs, ...kids) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attrs ?? {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name.startsWith("on")) made.addEventListener(name.slice(2), value);
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...kids.flat(3).filter((k) => k !== null && k !== undefined && k !== false));
  return made;
}

// Characters that act or cannot be seen: control, bidirectional, private, unpaired. Line ends and
// tabs stay. sparring.runs.text.visible has the same classes.
const UNSEEN = /(?![\n\t])[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Zl}\p{Zp}]/gu;

function visible(text) {
  const nodes = [];
  let from = 0;
  for (const found of text.matchAll(UNSEEN)) {
    if (nodes.length > 20000) break; // the rest is shown unchanged: a text node is inert anyway
    const code = found[0].codePointAt(0);
    const shown = code < 256 ? "\\x" + code.toString(16).padStart(2, "0") : "\\u" + code.toString(16).padStart(4, "0");
    if (found.index > from) nodes.push(text.slice(from, found.index));
    nodes.push(h("span", { class: "unseen" }, shown));
    from = found.index + found[0].length;
  }
  if (from < text.length) nodes.push(text.slice(from));
  return nodes;
}

// `said` shows a short text of the run in a line, `block` a long text in a block.
const said = (text) => h("bdi", { dir: "ltr" }, visible(String(text)));
function block(text, label) {
  if (text === null || text === undefined) return h("p", { class: "none" }, "none");
  const body = text === "" ? [h("span", { class: "none" }, "(empty)")] : visible(text);
  return h("pre", { dir: "ltr", tabindex: "0", "aria-label": label ?? "text" }, body);
}

const MINUS = "−";
const minus = (text) => text.replace("-", MINUS);
const known = (v) => v !== null && v !== undefined && !Number.isNaN(v);
function number(v, digits = 3) {
  return known(v) ? minus(String(Number(Number(v).toPrecision(digits)))) : "–";
}
// A short number for a narrow column: at most two decimals, none from ten on.
function brief(v, sign) {
  if (!known(v)) return "–";
  const text = Math.abs(v) >= 10 ? v.toFixed(0) : String(Number(v.toFixed(Math.abs(v) < 1 ? 2 : 1)));
  return (sign && v > 0 ? "+" : "") + minus(text);
}
function percent(v, sign) {
  if (!known(v)) return "–";
  return (sign && v > 0 ? "+" : "") + minus((100 * v).toFixed(1)) + (sign ? "" : "%");
}
function duration(seconds) {
  if (seconds < 1e-3) return (seconds * 1e6).toFixed(0) + " µs";
  if (seconds < 1) return (seconds * 1e3).toFixed(1) + " ms";
  if (seconds < 120) return seconds.toFixed(1) + " s";
  if (seconds < 7200) return (seconds / 60).toFixed(1) + " min";
  return (seconds / 3600).toFixed(1) + " h";
}

const LETTERS = "ABCDEF";
const badge = (run) => h("span", { class: "run run-" + run, title: "run " + LETTERS[run] }, LETTERS[run]);

// Data is gzipped JSON in base64, in script elements of a type that is never executed.
async function unpack(id) {
  const element = document.getElementById(id);
  if (!element) return null;
  const bytes = Uint8Array.from(atob(element.textContent), (c) => c.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return JSON.parse(await new Response(stream).text());
}

// The address names the view: #view=task&run=0&step=12&task=ID&row=3&col=5
function place() {
  const given = new URLSearchParams(location.hash.slice(1));
  const whole = (name) => (/^\d{1,9}$/.test(given.get(name) ?? "") ? Number(given.get(name)) : null);
  return {
    view: given.get("view") ?? (given.has("task") || given.has("group") ? "task" : given.has("step") ? "steps" : "overview"),
    run: whole("run") ?? 0,
    step: whole("step"),
    group: whole("group"),
    task: given.get("task"),
    row: whole("row"),
    col: whole("col"),
    beside: given.get("beside"),
  };
}
function address(changes) {
  const next = { ...place(), ...changes };
  const params = new URLSearchParams();
  for (const [name, value] of Object.entries(next)) {
    if (known(value) && !(name === "run" && value === 0)) params.set(name, value);
  }
  return "#" + params.toString();
}
function go(changes) {
  const next = address(changes);
  if (next !== location.hash) location.hash = next;
}

// Settings kept between visits; a browser may refuse to keep them.
function recall(name) {
  try {
    return localStorage.getItem(name);
  } catch {
    return null;
  }
}
function remember(name, value) {
  try {
    localStorage.setItem(name, value);
  } catch {
    // the setting is then not kept
  }
}

// A table that a click on a column's head sorts. columns: {title, words, of, show, right}
function table(columns, rows, options = {}) {
  const state = { by: options.by ?? null, down: options.down ?? false, shown: options.page ?? 100 };
  const body = h("tbody");
  const foot = h("p", { class: "more" });
  const heads = columns.map((c, i) => {
    if (options.fixed) return h("th", { scope: "col", class: c.right ? "n" : null, title: c.words }, c.title);
    const button = h("button", { type: "button", title: c.words ? c.words + " Click to sort." : "Click to sort.", onclick: () => { state.down = state.by === i ? !state.down : Boolean(c.right); state.by = i; fill(); } }, c.title, h("span", { class: "arrow", "aria-hidden": "true" }));
    return h("th", { scope: "col", class: c.right ? "n" : null }, button);
  });
  function fill() {
    let order = rows;
    if (state.by !== null) {
      const of = columns[state.by].of;
      order = rows.map((r, i) => [of(r), i, r]).sort((a, b) => compare(a[0], b[0], state.down) || a[1] - b[1]).map((x) => x[2]);
    }
    heads.forEach((head, i) => head.setAttribute("aria-sort", state.by !== i ? "none" : state.down ? "descending" : "ascending"));
    body.replaceChildren(...order.slice(0, state.shown).map((r) => {
      if (r.heading) return h("tr", { class: "heading" }, h("th", { colspan: columns.length }, r.heading));
      const tr = h("tr", options.row?.(r) ?? {}, columns.map((c) => h(c.head ? "th" : "td", { class: c.right ? "n" : null, scope: c.head ? "row" : null }, (c.show ?? c.of)(r))));
      return tr;
    }));
    foot.replaceChildren();
    if (rows.length > state.shown) {
      foot.append(`${state.shown} of ${rows.length.toLocaleString("en")} rows `, h("button", { type: "button", onclick: () => { state.shown += 500; fill(); } }, "Show 500 more"));
    }
  }
  fill();
  return h("div", {}, h("div", { class: "scroll" }, h("table", { class: options.class }, options.caption ? h("caption", {}, options.caption) : null, h("thead", {}, h("tr", {}, heads)), body)), foot);
}
// Unknown values stand last in either order.
function compare(a, b, down) {
  if (!known(a) || !known(b)) return known(a) ? -1 : known(b) ? 1 : 0;
  const order = typeof a === "string" || typeof b === "string" ? (String(a) < String(b) ? -1 : String(a) > String(b) ? 1 : 0) : a - b;
  return down ? -order : order;
}

function choice(label, values, now, change) {
  // An option can hold plain text only, so a long text is cut.
  const plain = (text) => visible(text.length > 60 ? text.slice(0, 60) + "…" : text).map((n) => n.textContent ?? n).join("");
  const select = h("select", { onchange: () => change(select.value) }, values.map(([value, text]) => h("option", { value, selected: String(value) === String(now) }, plain(String(text)))));
  return h("label", { class: "choice" }, label + " ", select);
}
