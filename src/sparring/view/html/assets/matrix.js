// The pass matrix of one group: programs down, tests across.
const look = { rows: "order", columns: "order", only: "all", tests: "all" };
const refills = []; // fill functions of all panes: order and filter apply to both sides
const refill = () => refills.forEach((fill) => fill());
const kindOf = (column) => KINDS[column.kind][0];
const columnName = (column) => `${KINDS[column.kind][1]} test ${testLabel(column)}`;
const rowName = (row, r) => (row.initial_policy ? "initial-policy program " : "program ") + rowLabel(row, r);
// Names count from 0, as in the records and in `sparring show`.
const rowLabel = (row, r) => (row.initial_policy ? "I" + row.index : "P" + r);
const testLabel = (column) => kindOf(column) + column.index;

async function taskView(data, at) {
  const picker = stepPicker(data, at);
  const rows = namedGroups(data, at.run, at.step);
  const found = rows.find((r) => (at.task !== null ? r.task === at.task : r.index === at.group));
  const there = rows.filter((r) => hasDetail(at.run, at.step, r.index));
  const chosen = found ?? there[0];
  if (!chosen) {
    const folder = data.here === "index" && data.steps[at.run].length;
    const start = firstDetail(data, at.run);
    return [h("h2", {}, "Matrix"), data.steps[at.run].length ? picker : null, h("p", { class: "note" }, folder ? ["Each step has its own page here: ", h("a", { href: `step-${String(at.step).padStart(5, "0")}.html#view=task&step=${at.step}` }, `open step ${at.step}`), "."] : start ? ["This step has no matrix on this page. The first one is in ", h("a", { href: address({ step: start[0], group: start[1], task: null }) }, `step ${start[0]}`), "; `sparring report --full` keeps all."] : "No group is recorded with its matrix.")];
  }
  const next = (by) => {
    const place = there.findIndex((r) => r.index === chosen.index) + by;
    return there[(place + there.length) % there.length];
  };
  const to = (r) => r && go({ view: "task", ...taskIs(r.task, r.index), row: null, col: null });
  picker.append(
    h("button", { type: "button", title: "earlier group (p)", disabled: there.length < 2, onclick: () => to(next(-1)) }, "◂"),
    choice("group", there.map((r) => [r.index, r.task]), chosen.index, (v) => to(rows[Number(v)])),
    h("button", { type: "button", title: "later group (n)", disabled: there.length < 2, onclick: () => to(next(1)) }, "▸"),
  );
  refills.length = 0;
  const panes = [await groupPane(data, at, at.run, chosen, true)];
  for (const other of besides(data, at)) {
    const otherRow = namedGroups(data, other, at.step).find((r) => r.task === chosen.task);
    panes.push(otherRow ? await groupPane(data, at, other, otherRow, false) : h("section", {}, h("h3", {}, badge(other), " ", said(data.runs[other].name)), h("p", { class: "note" }, "This run did not have the task in this step.")));
  }
  return [h("h2", {}, `Step ${at.step}: `, said(chosen.task)), picker, h("div", { class: panes.length > 1 ? "columns" : "" }, panes)];
}
function firstDetail(data, run) {
  for (const [step, rows] of data.groups[run]) for (let i = 0; i < rows.length; i++) if (hasDetail(run, step, i)) return [step, i];
  return null;
}

async function groupPane(data, at, run, named, leads) {
  const group = await unpack(`g-${run}-${at.step}-${named.index}`);
  const head = data.runs.length > 1 ? h("h3", {}, badge(run), " ", said(data.runs[run].name)) : null;
  if (!group) return h("section", {}, head, h("p", { class: "note" }, "The matrix of this group is not on this page, which has a limited size; `sparring report --full` keeps all."));
  const detail = h("section", { class: "detail", "aria-live": "polite" });
  const grid = h("div");
  let chosen = leads ? { row: at.row, col: at.col } : { row: null, col: null };
  const open = (row, col, quiet) => {
    chosen = { row, col };
    const inside = (row === null || row < group.rows.length) && (col === null || col < group.columns.length);
    const parts = !inside || (row === null && col === null) ? [h("p", { class: "note" }, `Click a cell to see what the program printed; a row's or a column's name to see its response${group.solve ? "" : " and its reward term by term"}. In the grid the arrow keys move, Enter opens.`)] : row === null ? columnPart(group, col) : col === null ? rowPart(group, row) : cellPart(group, row, col);
    detail.replaceChildren(...parts.flat(4).filter(Boolean));
    grid.querySelectorAll(".chosen").forEach((e) => e.classList.remove("chosen"));
    grid.querySelectorAll(`[data-r="${row}"][data-c="${col}"]`).forEach((e) => e.classList.add("chosen"));
    if (leads && !quiet) history.replaceState(null, "", address({ row, col }));
    const top = detail.getBoundingClientRect().top;
    if (!quiet && top > 0.75 * innerHeight) detail.firstElementChild.scrollIntoView({ block: "center" });
  };
  const fill = () => { grid.replaceChildren(matrix(group, open)); open(chosen.row, chosen.col, true); };
  const tools = h("div", { class: "picker" },
    choice("programs by", [["order", "their order"], ["reward", "reward"], ["passes", "tests passed"], ["correct", "correctness"]], look.rows, (v) => { look.rows = v; refill(); }),
    choice("tests by", [["order", "their order"], ["reward", "reward"], ["passes", "programs that pass"], ["right", "right or wrong"]], look.columns, (v) => { look.columns = v; refill(); }),
    choice("show programs", [["all", "all"], ["own", "the group's own"], ["correct", "correct"], ["wrong", "wrong"]], look.only, (v) => { look.only = v; refill(); }),
    choice("show tests", [["all", "all"], ["G", "ground truth"], ["U", "generated"], ["differ", "programs differ"], ["mask", "with masked cells"]], look.tests, (v) => { look.tests = v; refill(); }),
  );
  refills.push(fill);
  fill();
  return h("section", {}, head,
    leads && h("details", { class: "statement", open: group.statement.length < 400 }, h("summary", {}, "Statement"), block(group.statement, "statement"), h("p", { class: "fine" }, "checker: ", said(group.checker), group.source ? [" · from: ", said(group.source)] : null)),
    group.dropped.coder === "evaluation" || group.solve ? null : ["coder", "tester"].filter((role) => group.dropped[role]).map((role) => h("p", { class: "drops" }, h("b", {}, `${role}: dropped (${group.dropped[role].replaceAll("_", " ")})`), `: ${DROPPED[group.dropped[role]] ?? ""}.`)),
    leads && tools, h("div", { class: leads && !data.runs[1] ? "desk" : "" }, h("div", { class: "matrix-pane" }, grid, h("ul", { class: "legend" }, usedVerdicts(group).map((v) => h("li", {}, h("span", { class: "cell " + VERDICTS[v][1] }, VERDICTS[v][0]), " ", VERDICTS[v][2].split(":")[0])))), detail));
}
const usedVerdicts = (group) => Object.keys(VERDICTS).filter((v) => group.rows.some((r) => r.cells.some((c) => c?.[0] === v)));
const passes = (cells) => cells.filter((c) => c?.[0] === "accepted").length;
const columnCells = (group, c) => group.rows.map((r) => r.cells[c]);

function ordered(group) {
  let rows = group.rows.map((row, r) => ({ row, r }));
  const keep = { all: () => true, own: (x) => !x.row.initial_policy, correct: (x) => x.row.correct === true, wrong: (x) => x.row.correct === false };
  rows = rows.filter(keep[look.only]);
  const rowKey = { reward: (x) => x.row.reward, passes: (x) => passes(x.row.cells), correct: (x) => (x.row.correct === null ? null : Number(x.row.correct)) }[look.rows];
  if (rowKey) rows.sort((a, b) => Boolean(a.row.initial_policy) - Boolean(b.row.initial_policy) || compare(rowKey(a), rowKey(b), true) || a.r - b.r);
  let columns = group.columns.map((column, c) => ({ column, c }));
  const differ = (x) => new Set(columnCells(group, x.c).filter((c) => c && c[0] !== "infra").map((c) => c[0] === "accepted")).size > 1;
  const some = { all: () => true, G: (x) => kindOf(x.column) === "G", U: (x) => kindOf(x.column) === "U", differ, mask: (x) => columnCells(group, x.c).some((c) => c?.[0] === "infra") };
  columns = columns.filter(some[look.tests]);
  const kinds = Object.keys(KINDS);
  const columnKey = { reward: (x) => x.column.reward, passes: (x) => passes(columnCells(group, x.c)), right: (x) => (known(x.column.right) ? Number(x.column.right) : null) }[look.columns];
  if (columnKey) columns.sort((a, b) => kinds.indexOf(a.column.kind) - kinds.indexOf(b.column.kind) || compare(columnKey(a), columnKey(b), true) || a.c - b.c);
  return { rows, columns };
}

function matrix(group, open) {
  const { rows, columns } = ordered(group);
  if (!rows.length || !columns.length) return h("p", { class: "note" }, "No program or no test of this group matches.");
  const starts = (i) => i > 0 && columns[i].column.kind !== columns[i - 1].column.kind;
  const kinds = [];
  columns.forEach(({ column }) => (kinds.at(-1)?.[0] === column.kind ? kinds.at(-1)[1]++ : kinds.push([column.kind, 1])));
  const name = (x, i) => h("th", { scope: "col", class: starts(i) ? "edge" : null }, h("button", { type: "button", "data-r": "null", "data-c": x.c, title: `${columnName(x.column)}: open`, onclick: () => open(null, x.c) }, testLabel(x.column), kindOf(x.column) === "U" && known(x.column.right) ? h("small", { title: x.column.right ? "right by reference" : "wrong by reference" }, x.column.right ? "✓" : "✗") : null));
  const head = [
    h("tr", {}, h("td", { colspan: 2 }), kinds.map(([kind, n], i) => h("th", { scope: "colgroup", colspan: n, class: "kind" + (i ? " edge" : "") }, n > 2 ? KINDS[kind][1] : KINDS[kind][0]))),
    h("tr", {}, h("th", { scope: "col" }, "program"), group.solve ? h("td", {}) : h("th", { scope: "col", title: WORDS.reward }, "reward"), columns.map(name)),
  ];
  const body = rows.map((x, i) => h("tr", { class: x.row.initial_policy && !rows[i - 1]?.row.initial_policy ? "first-initial-policy" : null },
    h("th", { scope: "row" }, h("button", { type: "button", "data-r": x.r, "data-c": "null", title: `${rowName(x.row, x.r)}: open`, onclick: () => open(x.r, null) }, rowLabel(x.row, x.r), h("small", { title: x.row.correct ? "correct" : x.row.correct === false ? "wrong" : "unknown" }, x.row.correct ? "✓" : x.row.correct === false ? "✗" : "?"))),
    group.solve ? h("td", {}, x.r === group.solve.chosen ? h("b", {}, "chosen") : "") : h("td", { class: "n" }, x.row.initial_policy ? "" : known(x.row.reward) ? number(x.row.reward) : "none"),
    columns.map((y, j) => {
      const [symbol, kind, words] = verdictOf(x.row.cells[y.c]);
      return h("td", { class: `cell ${kind}` + (starts(j) ? " edge" : ""), "data-r": x.r, "data-c": y.c, tabindex: i || j ? "-1" : "0", role: "button", title: words, "aria-label": `${rowLabel(x.row, x.r)} ${testLabel(y.column)}: ${words}` }, symbol);
    })));
  const foot = !group.solve && columns.some((x) => kindOf(x.column) === "U") ? h("tfoot", {}, ["reward", "advantage"].map((what) => h("tr", {}, h("th", { scope: "row", colspan: 2, title: WORDS[what] }, `test's ${what}`), columns.map((x, i) => h("td", { class: "n" + (starts(i) ? " edge" : "") }, kindOf(x.column) !== "U" ? "" : what === "reward" ? (known(x.column.reward) ? brief(x.column.reward) : "none") : brief(x.column.advantage, true)))))) : null;
  const used = [...new Set(columns.map((x) => KINDS[x.column.kind].join(" ")))].join(", ");
  const made = h("table", { class: "matrix" }, h("caption", {}, `Programs down, tests across. ${used}; ${group.solve ? "✓ and ✗ beside a program: it passes your own (binding) tests or fails one; ?: there are none, and no ground truth" : "✓ and ✗ beside a name: right or wrong"}.`), h("thead", {}, head), h("tbody", {}, body), foot);
  made.addEventListener("click", (event) => {
    const cell = event.target.closest("td.cell");
    if (cell) { focusCell(made, cell); open(Number(cell.dataset.r), Number(cell.dataset.c)); }
  });
  made.addEventListener("keydown", (event) => moveInGrid(event, made, open));
  return h("div", { class: "scroll" }, made);
}

function focusCell(made, cell) {
  made.querySelectorAll('td.cell[tabindex="0"]').forEach((c) => c.setAttribute("tabindex", "-1"));
  cell.setAttribute("tabindex", "0");
  cell.focus();
}
function moveInGrid(event, made, open) {
  const cell = event.target.closest("td.cell");
  if (!cell) return;
  if (event.key === "Enter" || event.key === " ") {
    open(Number(cell.dataset.r), Number(cell.dataset.c));
    return event.preventDefault();
  }
  const move = { ArrowRight: [0, 1], ArrowLeft: [0, -1], ArrowDown: [1, 0], ArrowUp: [-1, 0] }[event.key];
  if (!move) return;
  const grid = [...made.tBodies[0].rows].map((r) => [...r.querySelectorAll("td.cell")]);
  const y = grid.findIndex((r) => r.includes(cell));
  const next = grid[y + move[0]]?.[grid[y].indexOf(cell) + move[1]];
  if (next) focusCell(made, next);
  event.preventDefault();
}
