"use strict";
// Tables sort by a click on a head; curves are drawn for the chosen metric and axis, a colour a row.

for (const table of document.querySelectorAll("table.sortable")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    head.querySelector("button").addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      const value = (row) => {
        const cell = row.cells[column];
        return cell.dataset.v !== undefined ? Number(cell.dataset.v) : cell.textContent.trim();
      };
      const empty = (found) => found === "" || found === "—" || Number.isNaN(found);
      const order = (one, other) => {
        const a = value(one), b = value(other);
        if (empty(a) || empty(b)) return empty(a) - empty(b); // what is not known comes last, either way
        const sign = down ? -1 : 1;
        if (typeof a === "number" && typeof b === "number") return sign * (a - b);
        return sign * String(a).localeCompare(String(b), "en", { numeric: true });
      };
      table.tBodies[0].append(...[...table.tBodies[0].rows].sort(order));
    });
  });
}

for (const box of document.querySelectorAll(".curves")) {
  const data = JSON.parse(box.querySelector("script").textContent);
  const [metric, axis] = box.querySelectorAll("select");
  const plot = box.querySelector(".plot");
  const chips = [...box.querySelectorAll(".chip")];
  const draw = () => {
    const traces = [];
    data.rows.forEach((row, place) => {
      if (chips[place].getAttribute("aria-pressed") === "false") return;
      for (const run of row.runs) {
        const curve = run.curves[metric.value];
        if (!curve) continue;
        traces.push({
          type: "scatter",
          mode: curve.figure.length > 25 ? "lines" : "lines+markers",
          x: curve[axis.value],
          y: curve.figure,
          name: row.name,
          legendgroup: row.name,
          line: { color: row.colour, dash: row.dash, width: 1.6 },
          marker: { size: 4 },
          opacity: row.runs.length > 1 ? 0.75 : 1,
          hovertemplate: `${row.name}, ${run.name}<br>%{x:,} ${data.units[axis.value]}: %{y:.5g}<extra></extra>`,
        });
      }
    });
    const heads = Object.fromEntries([...metric.options].map((one) => [one.value, one.textContent]));
    const narrow = plot.clientWidth < 600;
    Plotly.react(plot, traces, {
      margin: { l: narrow ? 52 : 64, r: 12, t: 12, b: 48 },
      font: { family: "system-ui, sans-serif", size: 13, color: "#1d2126" },
      paper_bgcolor: "#fff",
      plot_bgcolor: "#fff",
      showlegend: false,
      hovermode: "closest",
      xaxis: { title: { text: axis.selectedOptions[0].textContent }, gridcolor: "#e8ebee", zeroline: false,
        rangemode: "tozero", nticks: narrow ? 5 : 10 },
      yaxis: { title: { text: heads[metric.value] }, gridcolor: "#e8ebee", zeroline: false, automargin: true },
    }, { responsive: true, displaylogo: false, displayModeBar: narrow ? false : "hover" });
  };
  for (const chip of chips) {
    chip.addEventListener("click", () => {
      chip.setAttribute("aria-pressed", chip.getAttribute("aria-pressed") === "false" ? "true" : "false");
      draw();
    });
  }
  metric.addEventListener("change", draw);
  axis.addEventListener("change", draw);
  draw();
}
