// One row, beside another if wanted: pictures, heatmaps, histograms, curves, losses.
const chosen = {};
const ROLES = {global: 0, shared: 2, exclusive: 4, "no role": 5, dead: 6}; // their colours, in every figure
const tint = (name, position) => ROLES[name] ?? position;
const pictures = JSON.parse(find("pictures").textContent);

function startStructure() {
  const first = boards.findIndex(board => Object.keys(board.structure).length);
  chosen.board = select(
    find("structure-controls"),
    "Board",
    boardOptions(),
    Math.max(0, first),
    fillStructure,
  );
  fillStructure();
}

function fillStructure() {
  const board = boards[chosen.board.value];
  const place = find("structure-controls");
  keepFirst(place);
  const first = board.labels.findIndex(label => label in board.structure);
  chosen.a = select(
    place,
    "Row",
    rowOptions(board),
    sameRow(board, chosen.a, Math.max(0, first)),
    drawStructure,
  );
  chosen.b = select(
    place,
    "Beside it",
    [{value: "", text: "nothing"}, ...rowOptions(board)],
    sameRow(board, chosen.b, ""),
    drawStructure,
  );
  drawStructure();
}

function drawStructure() {
  const place = find("structure-plots");
  const board = boards[chosen.board.value];
  drop(place.querySelectorAll(".plot"));
  place.replaceChildren();
  const rows = [
    chosen.a.value,
    ...(chosen.b.value !== "" && chosen.b.value !== chosen.a.value ? [chosen.b.value] : []),
  ].map(Number);
  const items = rows.map(i => ({
    label: board.labels[i],
    row: board.rows[i],
    ...(board.structure[board.labels[i]] ?? {units: {}, matrices: {}, vectors: {}, history: {}}),
  }));
  find("structure-board").textContent = board.title;
  find("structure-pictures").replaceChildren(...items.flatMap(sheets));
  for (const item of items) if (item.units.kind) unitsPanel(place, item);
  for (const item of items)
    for (const [name, matrix] of Object.entries(item.matrices)) heatmap(place, item, name, matrix);
  for (const item of items)
    for (const [name, histogram] of Object.entries(item.vectors))
      histogramPanel(place, item, name, histogram);
  for (const curve of board.curves) curvePanel(place, items, curve);
  for (const item of items) if (item.history.terms) historyPanel(place, item);
}

function panel(place, title, build, entries, css) {
  const plot = make("div", {class: "plot"});
  place.append(
    make(
      "figure",
      {class: css},
      make("h3", {}, clip(title, 90)),
      plot,
      entries && entries.length ? legend(entries) : null,
    ),
  );
  draw(plot, title, build);
}

const spaced = name => name.replaceAll("_", " ");

// Units by role from left to right, which the strip above names; classes from top to bottom.
function unitsPanel(place, item) {
  const {kind, names, order, roles} = item.units;
  const steps = Uint8Array.from(atob(item.units.steps), letter => letter.charCodeAt(0));
  const values = names.map((_, c) =>
    Array.from(steps.subarray(c * order.length, (c + 1) * order.length), step => step / 255),
  );
  const word = kind === "class_gamma" ? "mean gamma" : "share of samples";
  const labels = names.map(text => plain(text, 14));
  const ends = roles.map((_, i) => roles.slice(0, i + 1).reduce((sum, [, n]) => sum + n, 0));
  const strip = () =>
    roles
      .map(([role, n], i) => ({
        type: "rect",
        xref: "x",
        yref: "paper",
        x0: ends[i] - n - 0.5,
        x1: Math.min(ends[i], order.length) - 0.5,
        y0: 1.015,
        y1: 1.055,
        line: {width: 0},
        fillcolor: colour(ROLES[role]),
      }))
      .filter(({x0, x1}) => x1 > x0);
  const entries = roles.map(([role, n]) => ({glyph: "■", index: ROLES[role], text: `${role} (${n})`}));
  panel(
    place,
    `${word} of each unit by class: ${item.label}, seed ${item.seed}`,
    () => ({
      traces: [
        {
          type: "heatmap",
          z: values.map(line => line.map(Math.sqrt)),
          hoverinfo: "text",
          zmin: 0,
          zmax: 1,
          text: values.map((line, c) =>
            line.map((value, u) => `${labels[c]}, unit ${order[u]}: ${value.toFixed(2)}`),
          ),
          colorscale: isDark()
            ? [
                [0, "#14171c"],
                [0.5, "#2f6f9f"],
                [1, "#e8f4ff"],
              ]
            : [
                [0, "#f7f8fa"],
                [0.5, "#5aa0d0"],
                [1, "#08243f"],
              ],
          colorbar: {
            thickness: 10,
            outlinewidth: 0,
            len: 1,
            tickmode: "array",
            tickvals: [0, 0.05, 0.25, 0.5, 1].map(Math.sqrt),
            ticktext: ["0", "0.05", "0.25", "0.5", "1"],
          },
        },
      ],
      layout: {
        margin: {l: 56, r: 14, t: 26, b: 48},
        shapes: strip(),
        xaxis: axis(
          `units, ordered by role${order.length < ends.at(-1) ? ` (the first ${order.length} of ${ends.at(-1)})` : ""}`,
          {showgrid: false, showticklabels: false, ticks: ""},
        ),
        yaxis: axis("", {
          tickmode: "array",
          tickvals: labels.map((_, i) => i),
          ticktext: labels,
          autorange: "reversed",
          showgrid: false,
          ticks: "",
        }),
      },
    }),
    entries,
    "wide",
  );
}

function heatmap(place, item, name, {values, names}) {
  const labels = names.map(text => plain(text, 14));
  const at = {
    tickmode: "array",
    tickvals: labels.map((_, i) => i),
    ticktext: labels,
    showline: false,
    ticks: "",
    showgrid: false,
  };
  const known = values.flat().filter(value => value != null);
  const [low, high] = [Math.min(...known), Math.max(...known, 1e-9)];
  const signed = low < 0;
  panel(place, `${spaced(name)}: ${item.label}, seed ${item.seed}`, () => ({
    traces: [
      {
        type: "heatmap",
        z: values,
        hoverinfo: "text",
        xgap: 1,
        ygap: 1,
        text: values.map((line, i) =>
          line.map((value, j) => `${labels[i]}, ${labels[j]}: ${value ?? "n/a"}`),
        ),
        zmin: signed ? -Math.max(-low, high, 1e-9) : Math.min(0, low),
        zmax: signed ? Math.max(-low, high, 1e-9) : high,
        colorscale: signed
          ? [
              [0, colour(1)],
              [0.5, isDark() ? "#23272f" : "#f4f4f2"],
              [1, colour(0)],
            ]
          : [
              [0, isDark() ? "#23272f" : "#f4f4f2"],
              [1, colour(0)],
            ],
        colorbar: {thickness: 10, outlinewidth: 0, len: 0.9},
      },
    ],
    layout: {
      xaxis: axis("", {...at, constrain: "domain"}),
      yaxis: axis("", {...at, autorange: "reversed", scaleanchor: "x", constrain: "domain"}),
    },
  }));
}

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
  const some = items.filter(item =>
    Object.values(curve.series)
      .flat()
      .some(([, column]) => Number.isFinite(mean(item.row, column))),
  );
  if (!some.length) return;
  const xs = Object.values(curve.series)
    .flat()
    .map(([x]) => x);
  const wide = Math.min(...xs) > 0 && Math.max(...xs) / Math.min(...xs) >= 10;
  const trace = (item, name, s) => {
    const shown = curve.series[name].filter(([, column]) => Number.isFinite(mean(item.row, column)));
    const half = ([, column]) => item.row.metrics[column].ci95_half_width ?? 0;
    return {
      x: shown.map(([x]) => x),
      y: shown.map(([, column]) => mean(item.row, column)),
      mode: "lines+markers",
      hoverinfo: "text",
      line: {color: colour(tint(name, s)), width: 2, dash: DASHES[items.indexOf(item)]},
      marker: {size: 7, symbol: SYMBOLS[s % SYMBOLS.length]},
      error_y: {type: "data", array: shown.map(half), thickness: 1, width: 3, color: colour(tint(name, s))},
      text: shown.map(
        ([x, column]) =>
          `${plain(item.label)}<br>${plain(name)} ${curve.axis} ${Number(x.toPrecision(3))}: ${rowText(item.row, column)}`,
      ),
    };
  };
  panel(
    place,
    curve.label,
    () => ({
      traces: some.flatMap(item => names.map((name, s) => trace(item, name, s))),
      layout: {
        xaxis: axis(curve.axis, {
          type: wide ? "log" : "linear",
          tickmode: "array",
          tickvals: xs,
          ticktext: xs.map(x => String(Number(x.toPrecision(3)))),
        }),
        yaxis: axis(curve.unit || curve.label, curve.unit ? {rangemode: "tozero"} : {}),
      },
    }),
    lines(some, names),
  );
}

function histogramPanel(place, item, name, {log, edges, counts, zeros}) {
  if (!counts.length) return;
  const middles = counts.map((_, i) => (edges[i] + edges[i + 1]) / 2);
  const step = edges[1] - edges[0];
  const value = x => Number((log ? 10 ** x : x).toPrecision(3));
  const bars = counts.map((count, i) => ({
    x: middles[i],
    count,
    text: `${value(edges[i])} to ${value(edges[i + 1])}: ${count}`,
  }));
  if (zeros) bars.unshift({x: edges[0] - 2.5 * step, count: zeros, text: `0: ${zeros}`});
  const powers = Array.from({length: 60}, (_, i) => i - 50).filter(
    p => p >= edges[0] - step && p <= edges.at(-1) + step,
  );
  const whole = powers.length > 1 ? powers : [middles[0], middles.at(-1)];
  const ticks = {
    tickmode: "array",
    tickvals: [...(zeros ? [bars[0].x] : []), ...whole],
    ticktext: [...(zeros ? ["0"] : []), ...whole.map(p => String(value(p)))],
  };
  panel(place, `${spaced(name)}: ${item.label}, seed ${item.seed}`, () => ({
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
      xaxis: axis(spaced(name) + (log ? ", logarithmic" : ""), log ? ticks : {}),
      yaxis: axis("how many", {rangemode: "tozero"}),
    },
  }));
}

function historyPanel(place, item) {
  const names = Object.keys(item.history.terms);
  const values = names.flatMap(name => item.history.terms[name]).filter(value => value != null);
  const log = Math.min(...values) > 0 && Math.max(...values) / Math.min(...values) >= 10;
  panel(
    place,
    `training loss: ${item.label}, seed ${item.seed}`,
    () => ({
      traces: names.map((name, s) => ({
        x: item.history.x,
        y: item.history.terms[name],
        mode: item.history.x.length > 3 ? "lines" : "lines+markers",
        line: {color: colour(s), width: 1.75},
        hoverinfo: "text",
        text: item.history.terms[name].map(
          (value, k) => `${plain(name)} at step ${item.history.x[k]}: ${value}`,
        ),
      })),
      layout: {
        xaxis: axis("step"),
        yaxis: axis(log ? "loss, logarithmic" : "loss", {type: log ? "log" : "linear"}),
      },
    }),
    names.map((name, s) => ({glyph: "━", index: s, text: name})),
  );
}

const CAPTIONS = {
  reconstructions: "A sample of each class, and what the model makes of it.",
  atoms: "The units that are on most, most used first; blue is below zero, red above.",
  traversals:
    "A unit a row, in a sample of the class it is on in: the input, without the unit, then the unit over quantiles of its own values.",
};

function sheets(item) {
  const found = pictures[item.run] ?? [];
  if (!found.length)
    return [
      make(
        "p",
        {class: "muted"},
        `No pictures of ${clip(item.label, 60)}${item.undrawn ? `: ${clip(item.undrawn, 200)}` : "."}`,
      ),
    ];
  return found.map(picture => sheet(item, picture));
}

function sheet(item, {title, png, link, rows, columns}) {
  const caption = make("figcaption", {}, CAPTIONS[title] ?? "");
  const head = make("h3", {}, clip(`${title}: ${item.label}`, 90), `, seed ${item.seed}`);
  if (link)
    return make(
      "figure",
      {class: "sheet"},
      head,
      make("p", {}, make("a", {href: link}, `${title}.png of ${clip(item.run, 60)}`)),
      caption,
    );
  const lists = [
    [rows, "rows"],
    [columns, columns.some(text => text.length > 5) ? "columns upright" : "columns"],
  ];
  const [left, top] = lists.map(([texts, css]) =>
    make("div", {class: css, "aria-hidden": "true"}, ...texts.map(text => make("span", {}, text))),
  );
  const words = [...rows, ...columns].length ? `: ${rows.join("; ")}; columns ${columns.join(", ")}` : "";
  const image = make("img", {
    src: `data:image/png;base64,${png}`,
    alt: `${title} of ${clip(item.label, 60)}${words}`,
  });
  return make("figure", {class: "sheet"}, head, make("div", {class: "labelled"}, top, left, image), caption);
}
