// Reads values off the drawn curves: a line follows the pointer or the arrow keys; a click or Enter
// goes to the step.
function liveCharts(data, figures) {
  for (const figure of figures.querySelectorAll("figure.chart")) {
    const chart = data.charts.find((c) => c.key === figure.dataset.key);
    if (!chart) continue;
    const plot = figure.querySelector(".plot");
    const line = h("div", { class: "cursor", hidden: true });
    const told = h("output", { class: "told" });
    plot.append(line);
    figure.append(told);
    const steps = [...new Set(chart.values.flat().map((p) => p[0]))].sort((a, b) => a - b);
    const [left, right, low, high] = chart.frame;
    let at = null;
    const show = (step) => {
      at = step;
      line.hidden = step === null;
      if (step === null) return told.replaceChildren();
      line.style.left = 100 * (left + ((step - low) / (high - low || 1)) * (right - left)) + "%";
      const parts = chart.values.map((points, run) => {
        const point = points.find((p) => p[0] === step);
        if (!point) return null;
        const text = (v) => (chart.percent ? percent(v) : number(v));
        const range = known(point[2]) ? ` [${text(point[2])}, ${text(point[3])}]` : "";
        return [" ", badge(run), " ", text(point[1]) + range];
      });
      told.replaceChildren(`step ${step}:`, ...parts.flat(2).filter(Boolean));
    };
    const nearest = (event) => {
      const box = plot.getBoundingClientRect();
      const share = ((event.clientX - box.left) / box.width - left) / (right - left);
      const step = low + share * (high - low);
      return steps.reduce((best, s) => (Math.abs(s - step) < Math.abs(best - step) ? s : best), steps[0]);
    };
    const visit = () => {
      if (at === null) return;
      const there = data.steps[0].length ? data.steps[0].reduce((best, s) => (Math.abs(s - at) < Math.abs(best - at) ? s : best)) : null;
      if (there !== null) go({ view: "steps", run: 0, step: there, task: null, group: null, row: null, col: null });
    };
    plot.addEventListener("pointermove", (event) => show(nearest(event)));
    plot.addEventListener("pointerleave", () => show(null));
    plot.addEventListener("click", (event) => { show(nearest(event)); visit(); });
    figure.addEventListener("keydown", (event) => {
      const move = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (move) {
        const next = at === null ? (move > 0 ? 0 : steps.length - 1) : steps.indexOf(at) + move;
        show(steps[Math.max(0, Math.min(steps.length - 1, next))]);
        event.preventDefault();
      } else if (event.key === "Enter") visit();
      else if (event.key === "Escape") show(null);
    });
  }
}
