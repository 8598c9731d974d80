// Assembles the page: tabs, theme, keys, and the view that the address names.
const VIEWS = [["overview", "Overview"], ["steps", "Steps"], ["task", "Matrix"], ["words", "Words"]];
const KEYS = [["1 2 3 4", "Overview, Steps, Matrix, Words"], ["[ ]", "earlier, later step"], ["p n", "earlier, later group"], ["arrows", "move in the matrix, or along a curve"], ["Enter", "open the cell; on a curve, go to the step"], ["t", "light, dark, or as the system says"], ["?", "these keys"], ["Esc", "close"]];
const keysTable = () => h("table", { class: "terms" }, h("tbody", {}, KEYS.map(([key, text]) => h("tr", {}, h("th", { scope: "row" }, h("kbd", {}, key)), h("td", {}, text)))));

const THEMES = ["auto", "light", "dark"];
function theme(name) {
  document.documentElement.dataset.theme = name;
  remember("sparring-theme", name);
  const button = document.getElementById("theme");
  if (button) button.textContent = { auto: "◐ auto", light: "☀ light", dark: "☾ dark" }[name];
}
const nextTheme = () => theme(THEMES[(THEMES.indexOf(document.documentElement.dataset.theme) + 1) % 3]);

function help() {
  const dialog = document.getElementById("help");
  dialog.replaceChildren(h("h2", {}, "Keys"), keysTable(), h("button", { type: "button", onclick: () => dialog.close() }, "Close"));
  if (!dialog.open) dialog.showModal();
}

async function start() {
  const figures = document.getElementById("charts");
  const data = await unpack("data");
  const main = document.getElementById("main");
  liveCharts(data, figures);
  const tabs = VIEWS.map(([view, title]) => h("a", { "data-view": view }, title));
  document.getElementById("tabs").append(...tabs);
  document.getElementById("home").addEventListener("click", () => show("overview"));
  document.getElementById("tools").append(h("button", { type: "button", id: "theme", title: "light or dark (t)", onclick: nextTheme }), h("button", { type: "button", title: "keys (?)", onclick: help }, "? keys"));
  theme(THEMES.includes(recall("sparring-theme")) ? recall("sparring-theme") : "auto");

  const onStepPage = typeof data.here === "number"; // of a folder

  // The address, with defaults for its missing parts.
  const here = () => {
    const at = place();
    if (!data.runs[at.run]) at.run = 0;
    if (!VIEWS.some(([v]) => v === at.view)) at.view = "overview";
    if (at.step === null) at.step = onStepPage ? data.here : firstDetail(data, at.run)?.[0] ?? data.steps[at.run][0] ?? null;
    if (at.beside === null && data.runs.length > 1) at.beside = String(at.run === 0 ? 1 : 0);
    return at;
  };
  const show = (view) => {
    if (view === "overview" && onStepPage) location.href = "index.html";
    else go({ view });
  };
  let drawing = 0;
  async function render() {
    const mine = ++drawing;
    const at = here();
    if (onStepPage && at.view === "overview") at.view = "steps";
    const parts = at.view === "overview" ? overviewView(data, figures) : at.view === "steps" ? stepsView(data, at) : at.view === "words" ? wordsView() : await taskView(data, at);
    if (mine !== drawing) return; // the address has changed in the meantime
    main.replaceChildren(...parts.flat(4).filter(Boolean));
    if (main.dataset.view && main.dataset.view !== at.view) scrollTo(0, 0);
    main.dataset.view = at.view;
    figures.hidden = false;
    for (const tab of tabs) {
      tab.href = tab.dataset.view === "overview" && onStepPage ? "index.html" : address({ view: tab.dataset.view });
      tab.toggleAttribute("aria-current", tab.dataset.view === at.view);
    }
  }
  const by = (title) => [...main.querySelectorAll(".picker button")].find((b) => b.title.includes(title));
  addEventListener("hashchange", render);
  addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName)) return;
    const press = { "[": "([)", "]": "(])", p: "(p)", n: "(n)" }[event.key];
    if (press) by(press)?.click();
    else if ("1234".includes(event.key)) show(VIEWS[Number(event.key) - 1][0]);
    else if (event.key === "t") nextTheme();
    else if (event.key === "?") help();
  });
  await render();
}
start();
