// A quality against what it is paid with: front, and reading at a chosen abscissa.
const pareto = {};

function startPareto() {
  pareto.board = select(find("pareto-controls"), "Board", boardOptions(), 0, fillPareto);
  fillPareto();
}

function fillPareto() {
  const board = boards[pareto.board.value];
  const prices = board.columns.filter(column => data.columns[column.name].price);
  const usual = prices.find(column => column.headline) ?? prices[0];
  const xs = prices.map(column => ({
    value: column.name,
    text: header(column.name),
    group: data.columns[column.name].family,
  }));
  const place = find("pareto-controls");
  const [y, x] = [pareto.y?.value, pareto.x?.value];
  keepFirst(place);
  pareto.y = select(place, "Quality", rankedColumns(board), y, drawPareto);
  pareto.x = select(place, "Price", xs, x ?? usual?.name, () => {
    suggest();
    drawPareto();
  });
  pareto.scale = select(
    place,
    "Axis of the price",
    [
      {value: "linear", text: "linear"},
      {value: "log", text: "logarithmic"},
    ],
    pareto.scale?.value,
    drawPareto,
  );
  pareto.at = make("input", {type: "number", step: "any", "aria-label": "Read the models at"});
  pareto.at.addEventListener("input", drawPareto);
  place.append(make("label", {}, "Read the models at", pareto.at));
  suggest();
  drawPareto();
}

// The median price is a place where models can be read.
function suggest() {
  const rows = points(boards[pareto.board.value], pareto.x.value, pareto.y.value).sort((a, b) => a.x - b.x);
  pareto.at.value = rows.length ? Number(rows[Math.floor(rows.length / 2)].x.toPrecision(3)) : "";
}

function points(board, x, y) {
  const found = board.rows.map((row, i) => ({
    i,
    row,
    label: board.labels[i],
    x: mean(row, x),
    y: mean(row, y),
  }));
  return found.filter(point => Number.isFinite(point.x) && Number.isFinite(point.y));
}

function front(rows, x, y) {
  const [sx, sy] = [better(x), better(y)];
  const beats = (a, b) => sx * a.x >= sx * b.x && sy * a.y >= sy * b.y && (a.x !== b.x || a.y !== b.y);
  return rows.filter(row => !rows.some(other => beats(other, row))).sort((a, b) => a.x - b.x);
}

function drawPareto() {
  const board = boards[pareto.board.value];
  const [x, y] = [pareto.x.value, pareto.y.value];
  const rows = x && y ? points(board, x, y) : [];
  const caption = find("pareto-caption");
  find("pareto-plot").hidden = !rows.length;
  if (!rows.length) return caption.replaceChildren("No row of this board has both numbers.");
  const best = front(rows, x, y);
  draw(find("pareto-plot"), `${header(y)} against ${header(x)}, ${board.title}`, () =>
    paretoFigure(rows, best, x, y),
  );
  const models = [...new Set(rows.map(row => row.row.model))];
  const names = clip(best.map(row => clip(row.label, 60)).join("; "), 600);
  caption.replaceChildren(
    legend(models.map(model => ({glyph: look(model).glyph, text: model, model}))),
    make("p", {}, `${board.title}. On the front: ${names}.${undrawn(board, rows)}`),
    make(
      "p",
      {id: "pareto-reading"},
      pareto.at.value === "" ? "" : reading(board, rows, x, y, Number(pareto.at.value)),
    ),
  );
}

function undrawn(board, rows) {
  const known = new Set(rows.filter(row => pareto.scale.value === "linear" || row.x > 0).map(row => row.i));
  const missing = board.labels.filter((_, i) => !known.has(i));
  const names = clip(missing.map(label => clip(label, 60)).join("; "), 300);
  const wanted = pareto.scale.value === "log" ? "a number above zero" : "a number";
  return missing.length ? ` Not drawn, for want of ${wanted}: ${names}.` : "";
}

function paretoFigure(rows, best, x, y) {
  const value = (row, name) => `${plain(header(name))}: ${rowText(row.row, name)}`;
  const runs = rows.flatMap(row => runsOf(row, x, y));
  const onFront = new Set(best.map(row => row.i));
  const marks = (points, rows, size, text) => ({
    x: points.map(point => point.x),
    y: points.map(point => point.y),
    mode: "markers",
    marker: frontMarker(rows, onFront, size),
    hoverinfo: "text",
    text: points.map(text),
  });
  const ofRun = ({row, seed, x, y}) =>
    `${plain(row.label)}, seed ${seed}<br>${formatNumber(y)} at ${formatNumber(x)}`;
  const ofRow = row => `<b>${plain(row.label)}</b><br>${value(row, y)}<br>${value(row, x)}`;
  const line = {
    x: best.map(row => row.x),
    y: best.map(row => row.y),
    mode: "lines",
    line: {color: ink().muted, width: 1.5, dash: "dot"},
    hoverinfo: "skip",
  };
  const seeds = marks(
    runs,
    runs.map(run => run.row),
    5,
    ofRun,
  );
  return {
    traces: [line, seeds, marks(rows, rows, 13, ofRow)],
    layout: {xaxis: axis(header(x), {type: pareto.scale.value}), yaxis: axis(header(y))},
  };
}

// The seeds of a row that have both numbers.
function runsOf(row, x, y) {
  const [xs, ys] = [row.row.metrics[x].by_seed, row.row.metrics[y].by_seed];
  const seeds = Object.keys(ys).filter(seed => seed in xs);
  return seeds.map(seed => ({row, seed, x: number(xs[seed]), y: number(ys[seed])}));
}

// Marks off the front are hollow, and still seen.
function frontMarker(rows, onFront, size) {
  const looks = rows.map(row => ({...look(row.row.model), solid: onFront.has(row.i)}));
  return {
    size,
    symbol: looks.map(({symbol, solid}) => (solid ? symbol : `${symbol}-open`)),
    color: looks.map(({color}) => color),
    line: {width: size > 6 ? 1.75 : 1, color: looks.map(({color, solid}) => (solid ? ink().page : color))},
  };
}

const rowText = (row, name) =>
  formatInterval(number(row.metrics[name].mean), row.metrics[name].ci95_half_width);

const NEAR = 0.02;

// Of each model the best of its rows within 2% of `at`, and of what lies between two rows of a sweep around it.
function readings(board, rows, y, at) {
  const byRow = new Map(rows.map(row => [row.i, row]));
  const found = new Map();
  const offer = (model, value, how) => {
    const known = found.get(model);
    if (!known || better(y) * value > better(y) * known.value) found.set(model, {value, how});
  };
  for (const sweep of board.sweeps) {
    const path = sweep.rows.filter(i => byRow.has(i)).map(i => byRow.get(i));
    path.sort((a, b) => a.x - b.x);
    for (const [i, b] of path.slice(1).entries()) {
      const a = path[i];
      const value = a.y + ((b.y - a.y) * (at - a.x)) / (b.x - a.x);
      if (a.x < at && at < b.x) offer(sweep.model, value, `between ${a.label} and ${b.label}`);
    }
  }
  for (const row of rows)
    if (Math.abs(row.x - at) <= NEAR * Math.abs(at))
      offer(row.row.model, row.y, `${row.label} at ${formatNumber(row.x)}`);
  return found;
}

function reading(board, rows, x, y, at) {
  const where = `At ${quantity(x)} = ${at}`;
  const found = readings(board, rows, y, at);
  if (!found.size)
    return `${where} no model can be read: none has a row within 2%, or rows of one sweep on both sides.`;
  const order = [...found].sort(([, a], [, b]) => better(y) * (b.value - a.value));
  const [first, ...others] = order.map(([model, item]) => `${clip(model, 60)} ${formatNumber(item.value)}`);
  const how = clip(order[0][1].how, 160);
  const then = others.length ? `; then ${others.join(", ")}` : "";
  const rest = [...new Set(rows.map(row => row.row.model))].filter(model => !found.has(model));
  const names = clip(rest.join(", "), 300);
  const without = rest.length ? ` Not read, for want of rows near it or on both sides: ${names}.` : "";
  const from = "from rows within 2%, or between two rows of a sweep";
  return `${where}, ${from}, the best ${quantity(y)} is of ${first} (${how})${then}.${without}`;
}
