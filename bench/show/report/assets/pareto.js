// A quality against what it is paid with: front, and reading at a chosen abscissa.
const PRICES = ["sparsity", "cost"];
const pareto = {};

function startPareto() {
  pareto.board = select(find("pareto-controls"), "Board", boardOptions(), 0, fillPareto);
  fillPareto();
}

function fillPareto() {
  const board = boards[pareto.board.value];
  const prices = board.columns.filter(column => PRICES.includes(data.columns[column.name].family));
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
  const drawn = new Set(rows.filter(row => pareto.scale.value === "linear" || row.x > 0).map(row => row.i));
  const missing = board.labels.filter((_, i) => !drawn.has(i));
  return missing.length
    ? ` Not drawn, for want of a number${pareto.scale.value === "log" ? " above zero" : ""}: ${clip(missing.map(label => clip(label, 60)).join("; "), 300)}.`
    : "";
}

function paretoFigure(rows, best, x, y) {
  const text = row =>
    `<b>${plain(row.label)}</b><br>${plain(header(y))}: ${rowText(row.row, y)}<br>${plain(header(x))}: ${rowText(row.row, x)}`;
  const seeds = rows.flatMap(row =>
    Object.entries(row.row.metrics[y].by_seed)
      .filter(([seed]) => seed in row.row.metrics[x].by_seed)
      .map(([seed, value]) => ({row, seed, y: number(value), x: number(row.row.metrics[x].by_seed[seed])})),
  );
  const onFront = new Set(best.map(row => row.i));
  // Marks off the front are hollow, and still seen.
  const mark = (group, size) => ({
    size,
    symbol: group.map(row => look(row.row.model).symbol + (onFront.has(row.i) ? "" : "-open")),
    color: group.map(row => look(row.row.model).color),
    line: {
      width: size > 6 ? 1.75 : 1,
      color: group.map(row => (onFront.has(row.i) ? ink().page : look(row.row.model).color)),
    },
  });
  return {
    traces: [
      {
        x: best.map(r => r.x),
        y: best.map(r => r.y),
        mode: "lines",
        line: {color: ink().muted, width: 1.5, dash: "dot"},
        hoverinfo: "skip",
      },
      {
        x: seeds.map(s => s.x),
        y: seeds.map(s => s.y),
        mode: "markers",
        marker: mark(
          seeds.map(s => s.row),
          5,
        ),
        hoverinfo: "text",
        text: seeds.map(
          s => `${plain(s.row.label)}, seed ${s.seed}<br>${formatNumber(s.y)} at ${formatNumber(s.x)}`,
        ),
      },
      {
        x: rows.map(r => r.x),
        y: rows.map(r => r.y),
        mode: "markers",
        marker: mark(rows, 13),
        hoverinfo: "text",
        text: rows.map(text),
      },
    ],
    layout: {xaxis: axis(header(x), {type: pareto.scale.value}), yaxis: axis(header(y))},
  };
}

const rowText = (row, name) =>
  formatInterval(number(row.metrics[name].mean), row.metrics[name].ci95_half_width);

const NEAR = 0.02;

// Of each model the best of its rows within 2% of `at`, and of what lies between two rows of a sweep around it.
function reading(board, rows, x, y, at) {
  const name = quantity(x);
  const byRow = new Map(rows.map(row => [row.i, row]));
  const found = new Map();
  const offer = (model, value, how) => {
    if (!found.has(model) || better(y) * value > better(y) * found.get(model).value)
      found.set(model, {value, how});
  };
  for (const sweep of board.sweeps) {
    const path = sweep.rows
      .filter(i => byRow.has(i))
      .map(i => byRow.get(i))
      .sort((a, b) => a.x - b.x);
    for (let i = 1; i < path.length; i++) {
      const [a, b] = [path[i - 1], path[i]];
      if (a.x < at && at < b.x)
        offer(
          sweep.model,
          a.y + ((b.y - a.y) * (at - a.x)) / (b.x - a.x),
          `between ${a.label} and ${b.label}`,
        );
    }
  }
  for (const row of rows)
    if (Math.abs(row.x - at) <= NEAR * Math.abs(at))
      offer(row.row.model, row.y, `${row.label} at ${formatNumber(row.x)}`);
  const order = [...found].sort(([, a], [, b]) => better(y) * (b.value - a.value));
  const rest = [...new Set(rows.map(row => row.row.model))].filter(model => !found.has(model));
  const without = rest.length
    ? ` Not read, for want of rows near it or on both sides: ${clip(rest.join(", "), 300)}.`
    : "";
  if (!order.length)
    return `At ${name} = ${at} no model can be read: none has a row within 2%, or rows of one sweep on both sides.`;
  const words = order.map(([model, item]) => `${clip(model, 60)} ${formatNumber(item.value)}`);
  const how = clip(order[0][1].how, 160);
  return `At ${name} = ${at}, from rows within 2%, or between two rows of a sweep, the best ${quantity(y)} is of ${words[0]} (${how})${words.length > 1 ? `; then ${words.slice(1).join(", ")}` : ""}.${without}`;
}
