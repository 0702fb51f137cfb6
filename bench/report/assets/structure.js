// One row, beside another if wanted: matrices, curves, sorted vectors, losses, pictures.
const chosen = {};

function startStructure() {
  const first = boards.findIndex(board => Object.keys(board.structure).length);
  chosen.board = select(find("structure-controls"), "Board", boardOptions(), Math.max(0, first), fillStructure);
  fillStructure();
}

function fillStructure() {
  const board = boards[chosen.board.value];
  const place = find("structure-controls");
  while (place.children.length > 1) place.lastChild.remove();
  const known = board.labels.findIndex(label => label in board.structure);
  chosen.a = select(place, "Row", rowOptions(board), Math.max(0, known), drawStructure);
  chosen.b = select(place, "Beside it", [{value: "", text: "nothing"}, ...rowOptions(board)], "", drawStructure);
  drawStructure();
}

function drawStructure() {
  const place = find("structure-plots");
  const board = boards[chosen.board.value];
  drop(place.querySelectorAll(".plot"));
  place.replaceChildren();
  find("structure-pictures").replaceChildren();
  const rows = [chosen.a.value, ...(chosen.b.value !== "" && chosen.b.value !== chosen.a.value ? [chosen.b.value] : [])].map(Number);
  const items = rows.map(i => ({i, label: board.labels[i], row: board.rows[i], ...(board.structure[board.labels[i]] ?? {matrices: {}, vectors: {}, history: {}, pictures: []})}));
  for (const item of items) for (const [name, matrix] of Object.entries(item.matrices)) heatmap(place, item, name, matrix);
  for (const curve of board.curves) curvePanel(place, items, curve);
  for (const name of new Set(items.flatMap(item => Object.keys(item.vectors)))) vectorPanel(place, items, name);
  for (const item of items) if (item.history.terms) historyPanel(place, item);
  for (const item of items) pictures(item);
  find("structure-state").textContent = place.children.length ? "" : "Nothing is kept of this row.";
}

function panel(place, title, build, entries) {
  const plot = make("div", {class: "plot"});
  place.append(make("figure", {}, make("h3", {}, clip(title, 90)), plot, entries && entries.length ? legend(entries) : null));
  draw(plot, title, build);
}

const spaced = name => name.replaceAll("_", " ");

function heatmap(place, item, name, {values, names}) {
  const labels = names.map(text => plain(text, 14));
  const at = {tickmode: "array", tickvals: labels.map((_, i) => i), ticktext: labels, showline: false, ticks: "", showgrid: false};
  const [low, high] = [Math.min(...values.flat().filter(v => v != null)), Math.max(...values.flat().filter(v => v != null))];
  const signed = low < 0;
  panel(place, `${spaced(name)}: ${item.label}, seed ${item.seed}`, () => ({
    traces: [{
      type: "heatmap", z: values, hoverinfo: "text", xgap: 1, ygap: 1,
      text: values.map((line, i) => line.map((value, j) => `${labels[i]}, ${labels[j]}: ${value ?? "n/a"}`)),
      zmin: signed ? -Math.max(-low, high, 1e-9) : Math.min(0, low), zmax: signed ? Math.max(-low, high, 1e-9) : high,
      colorscale: signed
        ? [[0, colour(1)], [.5, isDark() ? "#23272f" : "#f4f4f2"], [1, colour(0)]]
        : [[0, isDark() ? "#23272f" : "#f4f4f2"], [1, colour(0)]],
      colorbar: {thickness: 10, outlinewidth: 0, len: .9},
    }],
    layout: {xaxis: axis("", {...at, constrain: "domain"}), yaxis: axis("", {...at, autorange: "reversed", scaleanchor: "x", constrain: "domain"})},
  }));
}

const DASHES = ["solid", "dash"];

// Colours tell series apart, dashes the two rows.
const lines = (items, names) => [
  ...(names.length > 1 ? names.map((text, index) => ({glyph: "━", index, text})) : []),
  ...(items.length > 1 ? items.map((item, k) => ({glyph: k ? "╌╌" : "━━", index: names.length > 1 ? null : 0, text: item.label})) : []),
];

function curvePanel(place, items, curve) {
  const names = Object.keys(curve.series);
  const some = items.filter(item => Object.values(curve.series).flat().some(([, column]) => Number.isFinite(mean(item.row, column))));
  if (!some.length) return;
  const xs = Object.values(curve.series).flat().map(([x]) => x);
  const wide = Math.min(...xs) > 0 && Math.max(...xs) / Math.min(...xs) >= 10;
  const trace = (item, name, s) => {
    const shown = curve.series[name].filter(([, column]) => Number.isFinite(mean(item.row, column)));
    const half = ([, column]) => item.row.metrics[column].ci95_half_width ?? 0;
    return {
      x: shown.map(([x]) => x), y: shown.map(([, column]) => mean(item.row, column)), mode: "lines+markers", hoverinfo: "text",
      line: {color: colour(s), width: 2, dash: DASHES[items.indexOf(item)]}, marker: {size: 7, symbol: SYMBOLS[s % SYMBOLS.length]},
      error_y: {type: "data", array: shown.map(half), thickness: 1, width: 3, color: colour(s)},
      text: shown.map(([x, column]) => `${plain(item.label)}<br>${plain(name)} ${curve.axis} ${Number(x.toPrecision(3))}: ${rowText(item.row, column)}`),
    };
  };
  panel(place, curve.label, () => ({
    traces: some.flatMap(item => names.map((name, s) => trace(item, name, s))),
    layout: {xaxis: axis(curve.axis, {type: wide ? "log" : "linear", tickmode: "array", tickvals: xs, ticktext: xs.map(x => String(Number(x.toPrecision(3))))}), yaxis: axis(curve.label)},
  }), lines(some, names));
}

function vectorPanel(place, items, name) {
  const some = items.filter(item => item.vectors[name]);
  panel(place, `${spaced(name)}, sorted`, () => ({
    traces: some.map(item => ({...item.vectors[name], mode: "lines", line: {color: colour(0), width: 2, dash: DASHES[items.indexOf(item)]}, hoverinfo: "x+y"})),
    layout: {xaxis: axis("rank"), yaxis: axis(spaced(name), {rangemode: "tozero"})},
  }), lines(some, [""]));
}

function historyPanel(place, item) {
  const names = Object.keys(item.history.terms);
  const values = names.flatMap(name => item.history.terms[name]).filter(value => value != null);
  const log = Math.min(...values) > 0 && Math.max(...values) / Math.min(...values) >= 10;
  panel(place, `training loss: ${item.label}, seed ${item.seed}`, () => ({
    traces: names.map((name, s) => ({
      x: item.history.x, y: item.history.terms[name], mode: "lines", line: {color: colour(s), width: 1.75}, hoverinfo: "text",
      text: item.history.terms[name].map((value, k) => `${plain(name)} at step ${item.history.x[k]}: ${value}`),
    })),
    layout: {xaxis: axis("step"), yaxis: axis(log ? "loss, logarithmic" : "loss", {type: log ? "log" : "linear"})},
  }), names.map((name, s) => ({glyph: "━", index: s, text: name})));
}

function pictures(item) {
  for (const {title, url} of item.pictures) {
    find("structure-pictures").append(make("figure", {}, make("h3", {}, `${title}: ${item.label}`), make("img", {src: url, alt: `${title}, ${item.label}, seed ${item.seed}`})));
  }
}
