// A step: its figures, its dropped groups with the reasons, and all its groups.
const filters = { text: "", kind: "all" };
const listings = []; // lists of all panes: a filter applies to both sides

function namedGroups(data, run, step) {
  const found = data.groups[run].find(([s]) => s === step);
  return (found?.[1] ?? []).map((row, index) => ({ index, ...Object.fromEntries(data.columns.map((c, i) => [c, row[i]])) }));
}
const hasDetail = (run, step, index) => document.getElementById(`g-${run}-${step}-${index}`) !== null;
const taskIs = (id, index) => (id.isWellFormed?.() !== false && id.length < 200 ? { task: id, group: null } : { task: null, group: index });

function stepPicker(data, at) {
  const steps = data.steps[at.run];
  const place = steps.indexOf(at.step);
  const to = (step) => goStep(data, { step, task: null, group: null, row: null, col: null });
  return h("div", { class: "picker" },
    data.runs.length > 1 ? choice("run", data.runs.map((r, i) => [i, LETTERS[i] + " " + r.name]), at.run, (v) => go({ run: Number(v), task: null, group: null, row: null, col: null })) : null,
    data.runs.length > 1 ? choice("beside it", [["none", "none"], ...data.runs.map((r, i) => [i, LETTERS[i] + " " + r.name]).filter(([i]) => i !== at.run)], at.beside ?? "none", (v) => go({ beside: v })) : null,
    h("button", { type: "button", disabled: place <= 0, onclick: () => to(steps[place - 1]), title: "earlier step ([)" }, "◂"),
    choice("step", steps.map((s) => [s, s]), at.step, (v) => to(Number(v))),
    h("button", { type: "button", disabled: place < 0 || place >= steps.length - 1, onclick: () => to(steps[place + 1]), title: "later step (])" }, "▸"),
  );
}
// In a folder each step has a page of its own.
function goStep(data, changes) {
  const next = address(changes);
  const step = changes.step;
  if (data.here !== null && known(step) && step !== data.here) location.href = `step-${String(step).padStart(5, "0")}.html${next}`;
  else go(changes);
}

function stepsView(data, at) {
  if (!data.steps.some((s) => s.length)) return [h("h2", {}, "Steps"), h("p", { class: "note" }, "No step has been recorded yet.")];
  const runs = [at.run, ...besides(data, at)];
  listings.length = 0;
  return [h("h2", {}, "Step ", String(at.step ?? "–")), stepPicker(data, at), h("div", { class: runs.length > 1 ? "columns" : "" }, runs.map((run, i) => h("section", {}, data.runs.length > 1 ? h("h3", {}, badge(run), " ", said(data.runs[run].name)) : null, oneStep(data, run, at.step, i === 0))))];
}
function besides(data, at) {
  const other = Number(at.beside);
  return at.beside !== null && at.beside !== "none" && data.runs[other] && other !== at.run ? [other] : [];
}

function oneStep(data, run, step, leads) {
  const rows = namedGroups(data, run, step);
  if (!rows.length) return h("p", { class: "note" }, data.steps[run].includes(step) ? "The groups of this step could not be read, or are on its own page." : "This run has no such step.");
  const line = data.metrics[run][step];
  const list = h("div");
  const fill = () => list.replaceChildren(groupTable(data, run, step, rows.filter(chosen(run, step))));
  listings.push(fill);
  fill();
  const refilter = () => listings.forEach((list) => list());
  const search = h("input", { type: "search", value: filters.text, placeholder: "part of a task's name", oninput: () => { filters.text = search.value; refilter(); } });
  return [
    h("p", { class: "figures" }, figures(rows, line)),
    droppedPart(rows, "coder", "programs"),
    droppedPart(rows, "tester", "tests"),
    line?.alarms?.length ? h("ul", { class: "alarms" }, line.alarms.map((a) => h("li", {}, h("b", {}, "▲ ", said(a.monitor.replaceAll("_", " "))), " ", said(a.reason)))) : null,
    leads && h("div", { class: "picker" }, h("label", { class: "choice" }, "find ", search), choice("show", Object.entries(KINDS_OF_GROUP).map(([k, [text]]) => [k, text]), filters.kind, (v) => { filters.kind = v; refilter(); })),
    list,
    line ? h("details", {}, h("summary", {}, "All figures of the step"), block(JSON.stringify(line, null, 1), "figures")) : null,
  ];
}

const KINDS_OF_GROUP = {
  all: ["all groups", () => true],
  learned: ["learned from in both roles", (r) => !r.coder_dropped && !r.tester_dropped],
  dropped: ["dropped in a role", (r) => r.coder_dropped || r.tester_dropped],
  none: ["no correct program", (r) => r.correct === 0],
  masked: ["with masked cells", (r) => r.masked > 0],
  detail: ["matrix on this page", (r, run, step) => hasDetail(run, step, r.index)],
};
function chosen(run, step) {
  const text = filters.text.toLowerCase();
  const kind = KINDS_OF_GROUP[filters.kind][1];
  return (r) => kind(r, run, step) && (!text || r.task.toLowerCase().includes(text));
}

function figures(rows, line) {
  const sum = (of) => rows.reduce((s, r) => s + (of(r) ?? 0), 0);
  const programs = sum((r) => r.programs - r.unknown);
  const found = [[`${rows.length.toLocaleString("en")}`, "groups"], [programs ? percent(sum((r) => r.correct) / programs) : "–", "programs right"]];
  if (line) found.push([percent(line.tests_right), "tests right"], [percent(line.tests_invalid), "tests invalid"], [percent(line.groups_dropped), "groups without signal"]);
  const masked = sum((r) => r.masked);
  if (masked) found.push([String(masked), "masked cells"]);
  if (known(line?.seconds)) found.push([duration(line.seconds), "for the step"]);
  return found.map(([value, name]) => h("span", {}, h("b", {}, value), " ", name));
}

function droppedPart(rows, role, what) {
  const count = new Map();
  for (const r of rows) if (r[role + "_dropped"]) count.set(r[role + "_dropped"], (count.get(r[role + "_dropped"]) ?? 0) + 1);
  if (!count.size || count.has("evaluation") || count.has("solve")) return null;
  return h("p", { class: "drops" }, h("b", {}, `${role}: nothing learned from the ${what} of `), [...count].map(([why, n], i) => [i ? "; " : "", h("b", {}, `${n} group${n > 1 ? "s" : ""}`), ` (${why.replaceAll("_", " ")}: ${DROPPED[why] ?? "another reason"})`]), ".");
}

function groupTable(data, run, step, rows) {
  if (!rows.length) return h("p", { class: "note" }, "No group of this step matches.");
  const dropped = (r) => [r.coder_dropped && "programs: " + r.coder_dropped, r.tester_dropped && "tests: " + r.tester_dropped].filter(Boolean).join("; ").replaceAll("_", " ");
  const elsewhere = data.here === "index";
  const link = (r) => {
    const here = hasDetail(run, step, r.index);
    const href = address({ view: "task", run, step, ...taskIs(r.task, r.index), row: null, col: null });
    if (here) return h("a", { href }, said(r.task));
    return elsewhere ? h("a", { href: `step-${String(step).padStart(5, "0")}.html${href}` }, said(r.task)) : said(r.task);
  };
  return table([
    { title: "task", words: WORDS.task, of: (r) => r.task, show: link, head: true },
    { title: "programs right", words: "Programs of the group that pass every ground-truth test.", of: (r) => r.correct / (r.programs || 1), show: (r) => r.programs && r.unknown === r.programs ? "unknown" : [share(r.correct, r.programs), r.unknown ? ` (${r.unknown} unknown)` : ""], right: true },
    { title: "tests accepted", words: "Valid generated tests that every correct program passes.", of: (r) => (known(r.accepted) && r.tests ? r.accepted / r.tests : null), show: (r) => (known(r.accepted) ? share(r.accepted, r.tests) : "–"), right: true },
    { title: "invalid", words: WORDS.invalid, of: (r) => r.invalid, right: true, show: (r) => String(r.invalid) },
    { title: "masked", words: WORDS.masked, of: (r) => r.masked, show: (r) => (r.masked ? h("span", { class: "cell mask" }, String(r.masked)) : "0"), right: true },
    { title: "coder reward", words: "Mean reward of the programs.", of: (r) => r.coder_reward, show: (r) => number(r.coder_reward), right: true },
    { title: "tester reward", words: "Mean reward of the tests.", of: (r) => r.tester_reward, show: (r) => number(r.tester_reward), right: true },
    { title: "dropped", words: WORDS.dropped, of: dropped, show: (r) => dropped(r) || h("span", { class: "none" }, "learned from") },
  ], rows, { class: "groups", row: (r) => (hasDetail(run, step, r.index) || elsewhere ? {} : { class: "brief", title: "The matrix of this group is not on this page, which has a limited size. `sparring report --full` keeps all." }) });
}
function share(n, of) {
  const bar = h("span", { class: "bar", "aria-hidden": "true" });
  bar.style.width = of ? (100 * n) / of + "%" : "0";
  return h("span", { class: "shared" }, h("span", { class: "track small" }, bar), ` ${n}/${of}`);
}
