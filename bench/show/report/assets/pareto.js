// A quality against what it is paid with: the models' curves, and the front of all rows.
const pareto = {};

function startPareto() {
  pareto.board = select(find("pareto-controls"), "Board", boardOptions(), shownAnswer.board.value, fillPareto);
  fillPareto();
}

function fillPareto() {
  const board = boards[pareto.board.value];
  const prices = board.columns.filter(column => data.columns[column.name].price);
  const usual = prices.find(column => column.headline) ?? prices[0];
  const xs = prices.map(({name}) => ({value: name, text: header(name), group: "price"}));
  const ys = rankedColumns(board);
  const place = find("pareto-controls");
  const [y, x] = [pareto.y?.value, pareto.x?.value];
  keepFirst(place);
  pareto.y = select(place, "Quality", [...ys, ...otherColumns(board, ys)], y, drawPareto);
  pareto.x = select(place, "Price", [...xs, ...otherColumns(board, xs)], x ?? usual?.name, drawPareto);
  pareto.scale = select(
    place,
    "Axis of the price",
    [
      {value: "log", text: "logarithmic"},
      {value: "linear", text: "linear"},
    ],
    pareto.scale?.value,
    drawPareto,
  );
  const models = new Set(board.rows.filter(row => !isFloor(row)).map(row => row.model));
  const each = [...models].map(model => ({value: model, text: model}));
  pareto.one = select(place, "In colour", [{value: "", text: "all models"}, ...each], pareto.one?.value, drawPareto);
  pareto.floors = toggle(place, "Floors", pareto.floors?.checked ?? false, drawPareto);
  drawPareto();
}

// Rows that can be drawn; floors, if they are asked for, or there is nothing else.
function points(board, x, y) {
  const found = board.rows.map((row, i) => ({
    i,
    row,
    label: board.labels[i],
    x: mean(row, x),
    y: mean(row, y),
  }));
  found.sort((a, b) => isMuted(b.row.model) - isMuted(a.row.model)); // grey lies below
  const log = pareto.scale.value === "log";
  const drawn = found.filter(({x, y}) => Number.isFinite(x) && Number.isFinite(y) && (!log || x > 0));
  const models = drawn.filter(({row}) => !isFloor(row));
  return pareto.floors.checked || !models.length ? drawn : models;
}

// The look of a model: grey where another one is to be told from all. Of more than 8 models some have one colour.
const isMuted = model => Boolean(pareto.one.value) && pareto.one.value !== model;
const lookHere = model => (isMuted(model) ? {...look(model), color: `${ink().muted}66`} : look(model));

// Rows that neither another row nor another model's line beats: at the price of a row, that model may have none.
function front(board, rows, x, y) {
  const [sx, sy] = [better(x), better(y)];
  const alike = data.columns[x].price ? data.near : 1; // prices that are all but equal count as one
  const asCheap = (a, b) => (sx < 0 ? a.x <= alike * b.x : a.x >= b.x);
  const beats = (a, b) => asCheap(a, b) && sy * a.y >= sy * b.y && (!asCheap(b, a) || a.y !== b.y);
  const lines = board.sweeps.map(sweep => lineOf(sweep, rows));
  const isBelow = row => lines.some(line => !line.includes(row) && sy * onLine(line, row.x) > sy * row.y);
  return rows.filter(row => !rows.some(other => beats(other, row)) && !isBelow(row)).sort((a, b) => a.x - b.x);
}

const lineOf = (sweep, rows) => rows.filter(row => sweep.rows.includes(row.i)).sort((a, b) => a.x - b.x);

// A line between two of its rows, in the logarithm of the price; NaN beyond its ends.
function onLine(line, x) {
  const k = line.findIndex((row, i) => i && line[i - 1].x <= x && x <= row.x);
  if (k < 0) return NaN;
  const [a, b] = [line[k - 1], line[k]];
  return a.y + ((b.y - a.y) * Math.log(x / a.x)) / Math.log(b.x / a.x);
}

function drawPareto() {
  const board = boards[pareto.board.value];
  const [x, y] = [pareto.x.value, pareto.y.value];
  const rows = x && y ? points(board, x, y) : [];
  const caption = find("pareto-caption");
  find("pareto-plot").hidden = !rows.length;
  if (!rows.length) return caption.replaceChildren("No row of this board has both numbers.");
  const best = front(board, rows, x, y);
  draw(find("pareto-plot"), `${header(y)} against ${header(x)}, ${board.title}`, () =>
    paretoFigure(board, rows, best, x, y),
  );
  pareto.best = best;
  pareto.side = -better(y); // of the front is free: below what is to be small, above what is to be large
  find("pareto-plot").removeAllListeners("plotly_afterplot");
  find("pareto-plot").on("plotly_afterplot", placeNames);
  const models = [...new Set(rows.map(row => row.row.model))];
  const names = clip(best.map(row => clip(row.label, 60)).join("; "), 600);
  caption.replaceChildren(
    legend(models.map(model => ({glyph: look(model).glyph, text: model, model}))),
    make("p", {}, `${board.title}. On the front: ${names}.${undrawn(board, rows)}`),
  );
}

function undrawn(board, rows) {
  const known = new Set(rows.map(row => row.i));
  const hidden = i => !pareto.floors.checked && isFloor(board.rows[i]);
  const missing = board.labels.filter((_, i) => !known.has(i) && !hidden(i));
  const names = clip(missing.map(label => clip(label, 60)).join("; "), 300);
  const wanted = pareto.scale.value === "log" ? "a number above zero" : "a number";
  return missing.length ? ` Not drawn, for want of ${wanted}: ${names}.` : "";
}

function paretoFigure(board, rows, best, x, y) {
  const value = (row, name) => `${plain(header(name))}: ${rowText(row.row, name)}`;
  const log = pareto.scale.value === "log";
  const runs = rows.flatMap(row => runsOf(row, x, y)).filter(run => !log || run.x > 0);
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
  const dotted = {color: ink().muted, width: 1.5, dash: "dot"};
  const seeds = marks(
    runs,
    runs.map(run => run.row),
    5,
    ofRun,
  );
  return {
    traces: [
      ...sweepTraces(board, rows, y),
      {...path(best), mode: "lines", line: dotted, hoverinfo: "skip"},
      seeds,
      marks(rows, rows, 13, ofRow),
      frontNames(board, best),
    ],
    layout: {
      xaxis: axis(header(x), log ? logAxis() : {}),
      yaxis: axis(header(y), spans(rows, y) ? {...logAxis(), ...withinReason(rows)} : {}),
    },
  };
}

// What is a rounding error beside the largest, as of as many units as inputs, leaves the frame.
const withinReason = rows => {
  const [low, high] = leastAndMost(rows).map(Math.log10);
  return high - low > data.decades ? {range: [high - data.decades, high + 0.2]} : {};
};

// What is to be small, and spreads far, is told apart by its logarithm.
const spans = (rows, y) => {
  const [low, high] = leastAndMost(rows);
  return better(y) < 0 && low > 0 && high > 8 * low;
};

const leastAndMost = rows => [Math.min(...rows.map(row => row.y)), Math.max(...rows.map(row => row.y))];

const path = rows => ({x: rows.map(row => row.x), y: rows.map(row => row.y)});

// For each sweep a line through its rows, and the band of their intervals.
function sweepTraces(board, rows, y) {
  const half = row => row.row.metrics[y].ci95_half_width ?? 0;
  const low = spans(rows, y) ? row => row.y / 100 : () => -Infinity; // zero has no logarithm
  const isBelow = sweep => isMuted(board.rows[sweep.rows[0]].model);
  return board.sweeps.toSorted((a, b) => isBelow(b) - isBelow(a)).flatMap(sweep => {
    const own = lineOf(sweep, rows);
    if (own.length < 2) return [];
    const {color} = lookHere(own[0].row.model);
    const around = [...own, ...own.toReversed()];
    const sides = around.map((row, k) => (k < own.length ? row.y + half(row) : Math.max(row.y - half(row), low(row))));
    const band = {x: around.map(row => row.x), y: sides, mode: "lines", line: {width: 0}, fill: "toself"};
    return [
      ...(isMuted(own[0].row.model) ? [] : [{...band, fillcolor: `${color}2e`, hoverinfo: "skip"}]),
      {...path(own), mode: "lines", line: {color, width: 2}, hoverinfo: "skip"},
    ];
  });
}

// Names at the marks of the front, each once; they are moved to their places when the axes are drawn.
function frontNames(board, best) {
  const sweepOf = row => board.sweeps.find(sweep => sweep.rows.includes(row.i));
  const first = best.filter((row, k) => !best.slice(0, k).some(other => sweepOf(other) === sweepOf(row)));
  const text = first.map(row => plain(sweepOf(row).label, 24));
  return {...path(first), mode: "text", text, textposition: "middle center", hoverinfo: "skip", cliponaxis: false};
}

// Each name goes beside its mark or to the free side of it, as near as it lies on no mark of the front and on no other
// name; one that is far has a line to it. Where there is no room at all, the mark and the caption say it.
function placeNames() {
  const plot = find("pareto-plot");
  const {xaxis, yaxis, _size: {w, h}} = plot._fullLayout;
  for (const line of plot.querySelectorAll(".leader")) line.remove();
  const taken = pareto.best.map(row => ({x: xaxis.d2p(row.x), y: yaxis.d2p(row.y), w: RADIUS, h: RADIUS}));
  const meets = (a, b) => Math.abs(a.x - b.x) < a.w + b.w && Math.abs(a.y - b.y) < a.h + b.h;
  const isFree = box =>
    box.x >= box.w && box.x + box.w <= w && box.y >= box.h && box.y + box.h <= h && !taken.some(other => meets(box, other));
  for (const name of plot.querySelectorAll(".textpoint")) {
    const text = name.firstChild;
    const [x, y] = [Number(text.getAttribute("x")), Number(text.getAttribute("y"))];
    const {width, height} = text.getBBox();
    const half = {w: width / 2 + 3, h: height / 2 + 3};
    const at = (across, rows) => ({
      ...half,
      x: x + across * (half.w + RADIUS),
      y: y + pareto.side * (half.h * (1 + 2 * rows) + RADIUS),
    });
    const box = ROWS.flatMap(rows => ACROSS.map(across => at(across, rows))).find(isFree);
    name.style.visibility = box ? "" : "hidden";
    if (!box) continue;
    taken.push(box);
    name.setAttribute("transform", `translate(${box.x - x},${box.y - y})`);
    if (Math.abs(box.y - y) > 2 * half.h + RADIUS) name.before(leader(x, y, box));
  }
}

const RADIUS = 8; // of a mark, and the room around it
const ROWS = [-1, 0, 1, 2, 3, 4, 5, 6, 7, 8, -2, -3, -4]; // away from the mark: beside it, on the free side, on the other
const ACROSS = [-1, 1, 0]; // of it, too

function leader(x, y, box) {
  const line = document.createElementNS("http://www.w3.org/2000/svg", "line");
  const ends = {x1: x, y1: y, x2: box.x, y2: box.y + (box.y < y ? box.h : -box.h), class: "leader"};
  for (const [name, value] of Object.entries(ends)) line.setAttribute(name, value);
  return line;
}

// The seeds of a row that have both numbers.
function runsOf(row, x, y) {
  const [xs, ys] = [row.row.metrics[x].by_seed, row.row.metrics[y].by_seed];
  const seeds = Object.keys(ys).filter(seed => seed in xs);
  return seeds.map(seed => ({row, seed, x: number(xs[seed]), y: number(ys[seed])}));
}

// Marks off the front are hollow, and still seen.
function frontMarker(rows, onFront, size) {
  const looks = rows.map(row => ({...lookHere(row.row.model), solid: onFront.has(row.i)}));
  return {
    size,
    symbol: looks.map(({symbol, solid}) => (solid ? symbol : `${symbol}-open`)),
    color: looks.map(({color}) => color),
    line: {width: size > 6 ? 1.75 : 1, color: looks.map(({color, solid}) => (solid ? ink().page : color))},
  };
}

const rowText = (row, name) =>
  formatInterval(number(row.metrics[name].mean), row.metrics[name].ci95_half_width);
