// Details of a cell, a row or a column of the matrix.
function cellPart(group, r, c) {
  const row = group.rows[r];
  const column = group.columns[c];
  const cell = row.cells[c];
  const [symbol, kind, words] = verdictOf(cell);
  return [
    h("h3", {}, h("span", { class: "cell " + kind }, symbol), ` ${rowName(row, r)} on ${columnName(column)}`),
    h("p", {}, h("b", {}, column.form === "script" && cell?.[0] === "wrong_answer" ? "wrong answer: an assertion of the script failed" : words), cell?.[4] ? [": ", said(cell[4])] : null, known(cell?.[2]) ? h("span", { class: "fine" }, ` CPU time ${duration(cell[2])}, ${number(cell[3])} MiB`) : null),
    h("h4", {}, inputName(column)), block(column.input, "input"),
    cell && known(column.expected) ? [h("h4", {}, column.form === "call" ? "Expected and returned" : "Expected and printed"), diffView(column.expected, cell[1] ?? "")] : null,
    testRule(column),
    kindOf(column) === "U" && column.right !== null ? h("p", { class: "fine" }, column.right ? "By the reference solution the test is right." : "By the reference solution the test is wrong: the reference gives another output.") : null,
    h("h4", {}, "Program"), row.source !== undefined ? block(row.source, "program") : block(row.text, "response"),
    group.solve ? null : h("div", { class: "pair" }, h("div", {}, h("h4", {}, `Reward of ${rowName(row, r)}, term by term`), termsTable(row)), kindOf(column) === "U" ? h("div", {}, h("h4", {}, `Reward of ${columnName(column)}, term by term`), termsTable(column)) : null),
  ];
}

const inputName = (column) => ({ call: "Call", script: "Test script" })[column.form] ?? "Input";
// The rule that compares outputs, where the test has a rule of its own or is a script.
function testRule(column) {
  if (column.form === "script") return h("p", { class: "fine" }, WORDS["test script"]);
  return column.rule ? h("p", { class: "fine" }, "Compared by the test's own rule: ", said(column.rule), ".") : null;
}

// The rule that found a program or a test in its response, and the text that the rule saw.
function foundPart(entry) {
  const told = [];
  if (entry.how) told.push("read as " + entry.how.replaceAll("_", " ").replaceAll("+", ", "));
  if (entry.seen) told.push("seen: " + entry.seen);
  return told.length ? h("p", { class: "fine" }, said(told.join(" · "))) : null;
}

function rowPart(group, r) {
  const row = group.rows[r];
  const state = row.correct === true ? "correct: passes every deciding test" : row.correct === false ? "wrong: fails at least one deciding test" : "unknown: a deciding test is masked, or there is none";
  return [
    h("h3", {}, rowName(row, r)),
    h("p", {}, h("b", {}, state), row.failure ? [" · no program could be read: ", said(row.failure.replaceAll("_", " "))] : null),
    foundPart(row),
    group.solve ? null : row.initial_policy ? h("p", { class: "fine" }, WORDS["initial-policy program"]) : [h("h4", {}, "Reward, term by term"), termsTable(row)],
    row.source ? [h("h4", {}, "Program"), block(row.source, "program")] : null,
    responsePart(group, row, "coder"),
  ];
}

function columnPart(group, c) {
  const column = group.columns[c];
  const generated = kindOf(column) === "U";
  const told = [];
  if (column.failure) told.push("no test could be read: " + column.failure.replaceAll("_", " "));
  if (column.refused) told.push("refused: " + column.refused.replaceAll("_", " "));
  if (known(column.right)) told.push(column.right ? "right, by the reference solution" : "wrong, by the reference solution");
  if (column.kept === false) told.push("left out by the filter: no reward depends on this test");
  return [
    h("h3", {}, columnName(column)),
    told.length ? h("p", {}, h("b", {}, said(told.join(" · ")))) : null,
    foundPart(column),
    h("div", { class: "pair" }, h("div", {}, h("h4", {}, inputName(column)), block(column.input, "input")), column.form === "script" ? null : h("div", {}, h("h4", {}, column.form === "call" ? "Expected value" : "Expected output"), block(column.expected, "expected output"))),
    testRule(column),
    generated ? [group.solve ? null : [h("h4", {}, "Reward, term by term"), termsTable(column)], responsePart(group, column, "tester")] : null,
  ];
}

function termsTable(item) {
  if (!item.terms?.length) return h("p", { class: "none" }, item.initial_policy ? "a program of the initial policy has no reward" : "the recipe could not be read");
  return h("table", { class: "terms" }, h("tbody", {}, item.terms.map(([name, text]) => h("tr", { class: ["reward", "advantage"].includes(name) ? "result" : name === "differs" ? "differs" : null }, h("th", { scope: "row", title: hint(name) ?? hint(text.split(":")[0]) }, name), h("td", {}, said(text))))));
}
const hint = (name) => WORDS[name] ?? WORDS[name.split(" ")[0]] ?? null;

function responsePart(group, item, role) {
  const prompt = group.prompts[role];
  return [
    h("h4", {}, item.tokens.length ? "Response, token by token" : "Response"),
    h("p", { class: "fine" }, `${item.length} tokens; ended by ${String(item.stop).replaceAll("_", " ")}.`, item.tokens.length ? " The darker, the less likely a token was; point at one for its log-prob." : "", group.pieces || !item.tokens.length ? "" : " No tokenizer was available: tokens are shown by number."),
    item.tokens.length ? tokensView(item) : null,
    h("details", { open: !item.tokens.length }, h("summary", {}, "Response as text"), block(item.text, "response")),
    prompt.length === 0 ? null : h("details", {}, h("summary", {}, `Prompt (${prompt.length} tokens)`), prompt.text === null ? h("p", { class: "note" }, "The prompt cannot be shown: no tokenizer was available.") : block(prompt.text, "prompt")),
  ];
}

// Six shades: certain, likely, … one in a hundred and below. Underlined from one in ten on.
const SHADES = [-0.05, -0.36, -0.92, -2.3, -4.6];
function tokensView(item) {
  const drawn = item.tokens.map(([text, hundredths]) => {
    const p = known(hundredths) ? hundredths / 100 : null;
    const shade = p === null ? "x" : SHADES.filter((s) => p < s).length;
    return h("span", { class: "tok t" + shade, title: p === null ? "no log-prob" : `log-prob ${minus(p.toFixed(2))} (${(100 * Math.exp(p)).toPrecision(3)}%)` }, visible(text));
  });
  const rest = item.length - item.tokens.length;
  return [h("pre", { class: "tokens", dir: "ltr", tabindex: "0", "aria-label": "tokens" }, drawn, rest > 0 && drawn.length >= 1000 ? h("span", { class: "none" }, " …") : null),
    h("p", { class: "fine shades", "aria-hidden": "true" }, ["certain", "≥ 70%", "≥ 40%", "≥ 10%", "≥ 1%", "< 1%"].map((text, i) => h("span", { class: "tok t" + i }, text)))];
}
