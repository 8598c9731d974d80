// Expected beside printed output: compared by lines, and by words within changed lines.
const MOST_COMPARED = 250000;

// The longest common subsequence of two lists as pairs of places.
function common(a, b) {
  let from = 0;
  while (from < a.length && from < b.length && a[from] === b[from]) from++;
  let end = 0;
  while (end < a.length - from && end < b.length - from && a[a.length - 1 - end] === b[b.length - 1 - end]) end++;
  const pairs = Array.from({ length: from }, (_, i) => [i, i]);
  const n = a.length - from - end;
  const m = b.length - from - end;
  if (n * m > 0 && n * m <= MOST_COMPARED) {
    const best = Array.from({ length: n + 1 }, () => new Uint32Array(m + 1));
    for (let i = n - 1; i >= 0; i--) for (let j = m - 1; j >= 0; j--) best[i][j] = a[from + i] === b[from + j] ? best[i + 1][j + 1] + 1 : Math.max(best[i + 1][j], best[i][j + 1]);
    for (let i = 0, j = 0; i < n && j < m; ) {
      if (a[from + i] === b[from + j]) pairs.push([from + i++, from + j++]);
      else if (best[i + 1][j] >= best[i][j + 1]) i++;
      else j++;
    }
  }
  for (let k = end; k > 0; k--) pairs.push([a.length - k, b.length - k]);
  return pairs;
}

const lines = (text) => (text === "" ? [] : text.replace(/\n$/, "").split("\n"));

function diffView(expected, actual) {
  const a = lines(expected);
  const b = lines(actual);
  const rows = [];
  let i = 0;
  let j = 0;
  for (const [x, y] of [...common(a, b), [a.length, b.length]]) {
    while (i < x && j < y) rows.push(changed(a[i++], b[j++]));
    while (i < x) rows.push(h("tr", {}, side("−", "del", visible(a[i++])), side("", "", [])));
    while (j < y) rows.push(h("tr", {}, side("", "", []), side("+", "ins", visible(b[j++]))));
    if (x < a.length) rows.push(h("tr", {}, side("", "", visible(a[x])), side("", "", visible(b[y]))));
    i = x + 1;
    j = y + 1;
  }
  const blank = (text, other) => text === "" && other !== "" && h("p", { class: "fine" }, text === actual ? "Nothing was printed." : "Nothing was expected.");
  if (!rows.length) rows.push(h("tr", {}, side("", "none", ["(empty)"]), side("", "none", ["(empty)"])));
  const same = expected === actual;
  const note = same ? "Equal to the character." : a.length === b.length && a.every((l, k) => l === b[k]) ? "Only the line end at the end differs." : null;
  return h("div", { class: "diff" }, blank(actual, expected) || blank(expected, actual), h("div", { class: "scroll" }, h("table", {}, h("colgroup", {}, h("col", { class: "sign" }), h("col"), h("col", { class: "sign" }), h("col")), h("thead", {}, h("tr", {}, h("th", { colspan: 2, scope: "col" }, "expected"), h("th", { colspan: 2, scope: "col" }, "printed"))), h("tbody", {}, rows.length > 2000 ? [...rows.slice(0, 2000), h("tr", {}, h("td", { colspan: 4 }, `${rows.length - 2000} lines more`))] : rows))), note ? h("p", { class: "fine" }, note) : null);
}
const side = (sign, kind, kids) => [h("td", { class: "sign " + kind, "aria-label": { "−": "missing", "+": "unexpected" }[sign] }, sign), h("td", { class: "line " + kind, dir: "ltr" }, kids)];

function changed(one, other) {
  const a = one.split(/(\s+)/);
  const b = other.split(/(\s+)/);
  const pairs = common(a, b);
  const kept = [new Set(pairs.map((p) => p[0])), new Set(pairs.map((p) => p[1]))];
  // Differences in white space are marked only where nothing else differs.
  const said = (words) => words.filter((w) => w.trim()).join("\n");
  const spaces = said(a) === said(b);
  const parts = (words, keep, tag) => words.map((w, k) => (w === "" ? null : keep.has(k) || (!spaces && !w.trim()) ? visible(w) : h(tag, {}, visible(w))));
  return h("tr", {}, side("−", "del", parts(a, kept[0], "del").flat()), side("+", "ins", parts(b, kept[1], "ins").flat()));
}
