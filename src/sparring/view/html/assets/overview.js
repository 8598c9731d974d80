// The first view: introduction, runs, alarms, before and after, curves, time, settings.
function overviewView(data, figures) {
  const several = data.runs.length > 1;
  const empty = data.charts.length === 0;
  const sessions = data.runs.every((run) => run.session);
  const evaluated = data.runs.every((run) => run.evaluation || run.session);
  return [
    introduction(data),
    h("div", { class: several ? "cards" : "cards one" }, data.runs.map((run, i) => card(run, i))),
    evaluated ? null : alarmsPart(data),
    ...data.runs.map((run, i) => sessionPart(run, i, several)),
    sessions ? null : [
      h("h2", {}, evaluated ? "Figures" : "Before and after"),
      ...data.runs.map((run, i) => beforeAfter(run, i, several)),
    ],
    several ? betweenRuns(data) : null,
    evaluated ? null : h("h2", {}, "Curves"),
    evaluated ? null : empty
      ? h("p", { class: "note" }, "No step and no evaluation is recorded yet, so there is nothing to draw.")
      : h("p", {}, "Bands are 95% intervals over held-out tasks. In training curves the thick line is the running mean of the thin line. Point at a curve to read its values; click to go to the step."),
    figures,
    evaluated ? null : [h("h2", {}, "Time per phase"), timePart(data)],
    several ? [h("h2", {}, "Settings that differ"), apartPart(data)] : null,
  ];
}

function introduction(data) {
  const link = (text, changes) => h("a", { href: address({ task: null, group: null, row: null, col: null, step: null, ...changes }) }, text);
  const open = recall("sparring-intro") !== "closed";
  const details = h("details", { class: "intro", open, ontoggle: () => remember("sparring-intro", details.open ? "open" : "closed") },
    h("summary", {}, "What this page shows"),
    data.runs.every((run) => run.session) ? h("p", {}, "One problem was solved. The ", h("b", {}, "coder"), " wrote programs for it; the ", h("b", {}, "tester"), ", which may be the same model, wrote tests for it. Programs ran on tests, and one program was chosen by what they agree on. There is no ground truth: whether a program is right is unknown, unless you gave tests of your own.") : data.runs.every((run) => run.evaluation) ? h("p", {}, "Language models were evaluated. The ", h("b", {}, "coder"), " writes programs for a task; the ", h("b", {}, "tester"), ", which may be the same model, writes tests for the task. Every program runs on every test. ", h("b", {}, "Rewards"), " are those that each response would have earned in training; nothing was learned.") : h("p", {}, "One language model was trained in two roles. As the ", h("b", {}, "coder"), " the model writes programs for a task; as the ", h("b", {}, "tester"), " the model writes tests for the same task. Every program runs on every test. " + (data.runs.every((run) => run.reward.function) ? "A reward function of the user pays both, instead of the built-in formulas." : "Programs are paid for passing the task's own (ground-truth) tests; tests are paid for accepting every correct program and catching the wrong ones.") + " From these ", h("b", {}, "rewards"), " the model learns, step by step."),
    h("p", {}, link("Steps", { view: "steps" }), " lists the groups of a step (a group is all programs and tests written for one task), with the reason for each dropped group. ", link("Matrix", { view: "task" }), " shows one group as programs × tests: click a cell to see a program's output, or a row or a column to see its reward term by term. ", link("Words", { view: "words" }), " explains every term. Press ", h("kbd", {}, "?"), " for the keys."),
  );
  return details;
}

function card(run, i) {
  return h("section", { class: "card" },
    h("h2", {}, badge(i), " ", said(run.name)),
    h("p", { class: "state" }, run.state),
    h("dl", {}, [...run.facts.filter(([, v]) => known(v)), ...(run.evaluation || run.session ? [] : [["steps completed", run.steps], ["tokens sampled", run.tokens.toLocaleString("en")], ["time", duration(run.seconds)]])].map(([name, value]) => h("div", {}, h("dt", { title: WORDS[name] ?? WORDS[name.split(" ")[0]] ?? null }, name), h("dd", {}, said(value))))),
    run.notes.length ? h("details", { class: "note" }, h("summary", {}, `${run.notes.length} note${run.notes.length > 1 ? "s" : ""} on parts that could not be read`), h("ul", {}, run.notes.slice(0, 50).map((n) => h("li", {}, said(n))))) : null,
  );
}

// The decision of a session of sparring solve: the program, the account, the steps.
function sessionPart(run, i, several) {
  if (!run.session?.account) return null;
  const { program, chosen, abstained, account, steps } = run.session;
  return h("section", {}, h("h2", {}, several ? [badge(i), " "] : null, program === null ? "No program" : `Program P${chosen}${abstained ? ", not vouched for" : ""}`),
    program === null ? null : block(program, "program"),
    h("ul", {}, account.map((line) => h("li", {}, said(line)))),
    h("details", {}, h("summary", {}, `${steps.length} step${steps.length === 1 ? "" : "s"}`), h("ol", {}, steps.map((line) => h("li", {}, said(line))))));
}

function alarmsPart(data) {
  const rows = data.runs.flatMap((run, i) => run.alarms.map((a) => ({ ...a, run: i })));
  if (!rows.length) return h("p", { class: "quiet" }, "✓ No alarm: no monitor was past its limit at any step.");
  return h("section", { class: "alarms" }, h("h2", {}, "Alarms"),
    h("ul", {}, rows.map((a) => h("li", {}, h("b", {}, "▲ ", a.monitor.replaceAll("_", " ")), " ", badge(a.run), ` steps ${a.first} to ${a.last}, in ${a.n} of them${a.standing ? ", still raised at the end" : ""}: `, said(a.reason)))));
}

// A metric's name with its meaning as a tooltip; the Words view has the same texts.
const metricName = (r) => h("span", { title: METRICS.find(([start]) => r.name === start || r.name.startsWith(start + "_") || (start.endsWith("@") && r.name.startsWith(start)))?.[1] }, r.label);

const PLAIN = ["input_size", "mu"];
function estimate(e, name, sign) {
  if (!e || !known(e.mean)) return "–";
  const text = (v) => (PLAIN.includes(name) ? (sign && v > 0 ? "+" : "") + minus(v.toFixed(2)) : percent(v, sign));
  return text(e.mean) + (known(e.low) ? ` [${text(e.low)}, ${text(e.high)}]` : "");
}

const labelled = (labels) => Object.entries(labels).map(([name, label]) => ({ name, label }));
// The rows of groups of figures: a heading, then its figures; a group without a shown figure is left out.
const grouped = (groups, shown = () => true) => groups.flatMap(([heading, labels]) => {
  const rows = labelled(labels).filter(shown);
  return rows.length ? [{ heading }, ...rows] : [];
});
const figureTable = (run, first, rows, caption) => table([
  { title: first, of: (r) => r.label, show: metricName, head: true },
  { title: "value", of: (r) => estimate(run.after[r.name], r.name), right: true },
  { title: "tasks", of: (r) => run.after[r.name]?.n_tasks ?? "–", right: true },
], rows, { fixed: true, caption });

function beforeAfter(run, i, several) {
  const has = (r) => run.after[r.name]?.n_tasks;
  const rows = grouped(run.groups, run.evaluation ? has : undefined);
  if (!rows.length) return h("p", { class: "note" }, several ? [badge(i), " "] : null, "No evaluation is recorded.");
  const who = several ? [badge(i), " "] : null;
  if (run.evaluation) return [
    figureTable(run, "figure", rows, [who, "with 95% intervals clustered by task"]),
    run.choices.map((c) => figureTable(run, "chosen by", labelled(c.labels).filter(has), [who, c.title, ": share of tasks solved"])),
  ];
  return table([
    { title: "metric", of: (r) => r.label, show: metricName, head: true },
    { title: "before", of: (r) => estimate(run.before[r.name], r.name), right: true },
    { title: `after step ${run.after_step}`, of: (r) => estimate(run.after[r.name], r.name), right: true },
    { title: "difference (paired)", of: (r) => estimate(run.differences[r.name], r.name, true), show: (r) => mark(run.differences[r.name], r.name), right: true },
  ], rows, { fixed: true, caption: [several ? [badge(i), " "] : null, "held-out tasks, with 95% intervals clustered by task; bold: the interval of the difference excludes 0"] });
}
// A difference is bold where its interval excludes 0.
function mark(e, name) {
  const text = estimate(e, name, true);
  return e && known(e.low) && (e.low > 0 || e.high < 0) ? h("b", {}, text) : text;
}

function betweenRuns(data) {
  const [first] = data.runs;
  const parts = [{ title: "metric", rows: (shown) => grouped(first.groups, shown) }, ...first.choices.map((c) => ({ title: "chosen by", rows: (shown) => labelled(c.labels).filter(shown), of: [c.title, ": "] }))];
  return h("section", { id: "between" }, h("h2", {}, "Differences between the runs"), data.between.map((found, k) => parts.map((part, at) => {
    const rows = part.rows((r) => found.differences[r.name]);
    if (!rows.length) return at ? null : h("p", { class: "note" }, badge(0), " ", badge(k + 1), " have no figure in common.");
    return table([
      { title: part.title, of: (r) => r.label, show: metricName, head: true },
      { title: LETTERS[0], of: (r) => estimate(data.runs[0].after[r.name], r.name), right: true },
      { title: LETTERS[k + 1], of: (r) => estimate(data.runs[k + 1].after[r.name], r.name), right: true },
      { title: `${LETTERS[k + 1]} − ${LETTERS[0]}`, of: (r) => estimate(found.differences[r.name], r.name, true), show: (r) => mark(found.differences[r.name], r.name), right: true },
    ], rows, { fixed: true, caption: [part.of ?? null, badge(0), " and ", badge(k + 1), found.paired ? " at their last evaluations, paired by task; bold: the 95% interval excludes 0" : " at their last evaluations; not on the same tasks, so without an interval"] });
  })));
}

function timePart(data) {
  const phases = [...new Set(data.runs.flatMap((r) => Object.keys(r.phases)))];
  if (!phases.length) return h("p", { class: "note" }, "No times are recorded.");
  const most = Math.max(...data.runs.flatMap((r) => Object.values(r.phases)), 1e-9);
  const rates = [...new Set(data.runs.flatMap((r) => Object.keys(r.rates)))];
  return h("div", { class: "scroll" }, h("table", { class: "bars" }, h("thead", {}, h("tr", {}, h("th", { scope: "col" }, "phase"), data.runs.map((_, i) => h("th", { scope: "col" }, badge(i), " over all steps")))), h("tbody", {}, phases.map((p) => h("tr", {}, h("th", { scope: "row", title: WORDS[p] }, said(p)), data.runs.map((run) => {
    const seconds = run.phases[p];
    if (!known(seconds)) return h("td", {}, "–");
    const bar = h("span", { class: "bar", "aria-hidden": "true" });
    bar.style.width = (100 * seconds) / most + "%";
    return h("td", {}, h("span", { class: "track" }, bar), " ", duration(seconds));
  })))), rates.length ? h("tbody", {}, rates.map((name) => h("tr", {}, h("th", { scope: "row" }, name), data.runs.map((run) => h("td", {}, run.rates[name] ?? "–"))))) : null), h("p", { class: "fine" }, "Phases may overlap: programs run while responses are still being sampled, so the sum may be more than the time that passed. Rates are means over steps, each over the seconds of its phase."));
}

function apartPart(data) {
  if (!data.apart.length) return h("p", {}, "None: the recipes are equal.");
  return table([{ title: "setting", of: (r) => r[0], show: (r) => h("code", {}, said(r[0])), head: true }, ...data.runs.map((_, i) => ({ title: LETTERS[i], of: (r) => r[i + 1] ?? "–", show: (r) => h("code", {}, said(r[i + 1] ?? "–")) }))], data.apart, { fixed: true });
}
