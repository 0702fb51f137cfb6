// Metrics along their axes, histograms over units, losses over training.
const DASHES = ["solid", "dash"];

// Colours tell series apart, dashes the two rows.
const lines = (items, names) => [
  ...(names.length > 1 ? names.map((text, index) => ({glyph: "━", index: tint(text, index), text})) : []),
  ...(items.length > 1
    ? items.map((item, k) => ({glyph: k ? "╌╌" : "━━", index: names.length > 1 ? null : 0, text: item.label}))
    : []),
];

function curvePanel(place, items, curve) {
  const names = Object.keys(curve.series);
  const places = Object.values(curve.series).flat();
  const known = item => places.some(([, column]) => Number.isFinite(mean(item.row, column)));
  const some = items.filter(known);
  if (!some.length) return;
  const values = places.filter(([, column]) => !level(curve, column)).flatMap(([, column]) => some.map(item => mean(item.row, column)));
  if (values.every(value => !value)) return find("structure-board").append(` ${curve.label}: 0 everywhere, so not drawn.`);
  const xs = [...new Set(places.map(([x]) => x))].sort((a, b) => a - b);
  const build = () => ({
    traces: some.flatMap(item =>
      names.map((_, s) => curveTrace(curve, s, item, DASHES[items.indexOf(item)])),
    ),
    layout: {
      xaxis: axis(curve.axis, {
        type: curve.log ? "log" : "linear",
        tickmode: "array",
        tickvals: xs,
        ticktext: xs.map(short),
      }),
      yaxis: axis(curve.unit || curve.label, curve.unit ? {rangemode: "tozero"} : {}),
    },
  });
  panel(place, curve.label, build, lines(some, names));
}

const short = x => String(Number(x.toPrecision(3)));

const isLevel = points => points.length > 1 && new Set(points.map(([, column]) => column)).size === 1;
const level = (curve, column) => isLevel(Object.values(curve.series).find(points => points.some(point => point[1] === column)));

// A level, one number at all places, is a thin line without marks.
function curveTrace(curve, s, item, dash) {
  const [name, points] = Object.entries(curve.series)[s];
  const shown = points.filter(([, column]) => Number.isFinite(mean(item.row, column)));
  const flat = isLevel(points);
  const half = ([, column]) => item.row.metrics[column].ci95_half_width ?? 0;
  const own = colour(tint(name, s));
  const words = ([x, column]) =>
    `${plain(item.label)}<br>${plain(name)}${flat ? "" : ` ${curve.axis} ${short(x)}`}: ${rowText(item.row, column)}`;
  return {
    x: shown.map(([x]) => x),
    y: shown.map(([, column]) => mean(item.row, column)),
    mode: flat ? "lines" : "lines+markers",
    hoverinfo: "text",
    line: {color: own, width: flat ? 1.25 : 2, dash},
    marker: {size: 7, symbol: SYMBOLS[s % SYMBOLS.length]},
    error_y: {type: "data", array: shown.map(half), thickness: 1, width: 3, color: own},
    text: shown.map(words),
  };
}

function histogramPanel(place, item, label, {log, edges, counts, zeros}) {
  if (!counts.length) return;
  const step = edges[1] - edges[0];
  const value = x => Number((log ? 10 ** x : x).toPrecision(3));
  const bars = counts.map((count, i) => ({
    x: (edges[i] + edges[i + 1]) / 2,
    count,
    text: `${value(edges[i])} to ${value(edges[i + 1])}: ${count}`,
  }));
  const ends = [bars[0].x, bars.at(-1).x];
  if (zeros) bars.unshift({x: edges[0] - 2.5 * step, count: zeros, text: `0: ${zeros}`});
  const title = label + (log ? ", logarithmic" : "");
  const build = () => ({
    traces: [
      {
        type: "bar",
        x: bars.map(bar => bar.x),
        y: bars.map(bar => bar.count),
        width: 0.92 * step,
        hoverinfo: "text",
        text: bars.map(bar => bar.text),
        textposition: "none",
        marker: {color: bars.map((_, i) => (zeros && !i ? ink().muted : colour(0))), line: {width: 0}},
      },
    ],
    layout: {
      xaxis: axis(title, log ? logTicks(ends, step, zeros ? [bars[0].x] : []) : {}),
      yaxis: axis("how many", {rangemode: "tozero"}),
    },
  });
  panel(place, `${label}: ${item.label}, seed ${item.seed}`, build);
}

// Ticks at the powers of ten between the first and the last bar, or at these two; and one for zeros.
function logTicks([first, last], step, zero) {
  const all = Array.from({length: 60}, (_, i) => i - 50);
  const powers = all.filter(power => power >= first - 1.5 * step && power <= last + 1.5 * step);
  const shown = powers.length > 1 ? powers : [first, last];
  const text = [...zero.map(() => "0"), ...shown.map(power => short(10 ** power))];
  return {tickmode: "array", tickvals: [...zero, ...shown], ticktext: text};
}

function historyPanel(place, item) {
  const {x, terms} = item.history;
  const names = Object.keys(terms);
  const values = Object.values(terms)
    .flat()
    .filter(value => value != null);
  const log = Math.min(...values) > 0 && Math.max(...values) / Math.min(...values) >= 10;
  const hides = name => name === "total" && names.some(other => other !== name && isNearly(terms[other], terms[name]));
  const inOrder = names.toSorted((a, b) => hides(a) - hides(b)); // the last lies on top
  const trace = name => ({
    x,
    y: terms[name],
    mode: x.length > 3 ? "lines" : "lines+markers",
    line: {color: colour(names.indexOf(name)), width: 1.75, dash: hides(name) ? "dash" : "solid"},
    hoverinfo: "text",
    text: terms[name].map((value, k) => `${plain(name)} at step ${x[k]}: ${value}`),
  });
  const build = () => ({
    traces: inOrder.map(trace),
    layout: {
      xaxis: axis("step"),
      yaxis: axis(log ? "loss, logarithmic" : "loss", log ? logAxis() : {}),
    },
  });
  const entries = names.map((text, index) => ({glyph: hides(text) ? "╌╌" : "━", index, text}));
  panel(place, `training loss: ${item.label}, seed ${item.seed}`, build, entries);
}

// Whether two lines lie on each other, as an eye sees them.
const isNearly = (a, b) => a.every((value, k) => Math.abs(value - b[k]) <= 0.02 * Math.abs(b[k]));
