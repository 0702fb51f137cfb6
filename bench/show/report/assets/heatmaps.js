// Numbers of classes by units, and of classes by classes.
const pale = () => (isDark() ? "#23272f" : "#f4f4f2");

// Small numbers stay visible: colours go with the square root.
const ROOT_TICKS = [0, 0.05, 0.25, 0.5, 1];
const ROOT_COLOURS = {light: ["#f7f8fa", "#5aa0d0", "#08243f"], dark: ["#14171c", "#2f6f9f", "#e8f4ff"]};

// Units by role from left to right, which the strip above names; classes from top to bottom.
function unitsPanel(place, item) {
  const {label, names, order, roles, steps} = item.units;
  const levels = bytesOf(steps);
  const values = names.map((_, c) =>
    Array.from(levels.subarray(c * order.length, (c + 1) * order.length), level => level / 255),
  );
  const classes = names.map(text => plain(text, 14));
  const total = roles.reduce((sum, [, n]) => sum + n, 0);
  const cut = order.length < total ? ` (the first ${order.length} of ${total})` : "";
  const bare = {showgrid: false, ticks: ""};
  const build = () => ({
    traces: [unitsTrace(values, classes, order)],
    layout: {
      margin: {l: 56, r: 14, t: 26, b: 48},
      shapes: roleStrip(roles, order.length),
      xaxis: axis(`units, ordered by role${cut}`, {...bare, showticklabels: false}),
      yaxis: axis("", {...bare, ...oneEach(classes), autorange: "reversed"}),
    },
  });
  const entries = roles.map(([role, n]) => ({glyph: "■", index: ROLES[role], text: `${role} (${n})`}));
  panel(place, `${label} of each unit: ${item.label}, seed ${item.seed}`, build, entries, "wide");
}

function unitsTrace(values, classes, order) {
  const colours = ROOT_COLOURS[isDark() ? "dark" : "light"];
  return {
    type: "heatmap",
    z: values.map(line => line.map(Math.sqrt)),
    hoverinfo: "text",
    zmin: 0,
    zmax: 1,
    text: values.map((line, c) =>
      line.map((value, u) => `${classes[c]}, unit ${order[u]}: ${value.toFixed(2)}`),
    ),
    colorscale: colours.map((each, i) => [i / 2, each]),
    colorbar: {
      thickness: 10,
      outlinewidth: 0,
      len: 1,
      tickmode: "array",
      tickvals: ROOT_TICKS.map(Math.sqrt),
      ticktext: ROOT_TICKS.map(String),
    },
  };
}

// A bar of its colour above the units of each role, as far as they are shown.
function roleStrip(roles, nShown) {
  const ends = roles.map((_, i) => roles.slice(0, i + 1).reduce((sum, [, n]) => sum + n, 0));
  const bars = roles.map(([role, n], i) => ({
    type: "rect",
    xref: "x",
    yref: "paper",
    x0: ends[i] - n - 0.5,
    x1: Math.min(ends[i], nShown) - 0.5,
    y0: 1.015,
    y1: 1.055,
    line: {width: 0},
    fillcolor: colour(ROLES[role]),
  }));
  return bars.filter(({x0, x1}) => x1 > x0);
}

const oneEach = labels => ({tickmode: "array", tickvals: labels.map((_, i) => i), ticktext: labels});

function matrixPanel(place, item, label, {values, names}) {
  const classes = names.map(text => plain(text, 14));
  const at = {...oneEach(classes), showline: false, ticks: "", showgrid: false, constrain: "domain"};
  const build = () => ({
    traces: [matrixTrace(values, classes)],
    layout: {xaxis: axis("", at), yaxis: axis("", {...at, autorange: "reversed", scaleanchor: "x"})},
  });
  panel(place, `${label}: ${item.label}, seed ${item.seed}`, build);
}

// Blue below zero and red above, as pictures have it.
function matrixTrace(values, classes) {
  const known = values.flat().filter(value => value != null);
  const [low, high] = [Math.min(...known), Math.max(...known, 1e-9)];
  const signed = low < 0;
  const bound = Math.max(-low, high);
  const [blue, red] = [colour(0), colour(1)];
  return {
    type: "heatmap",
    z: values,
    hoverinfo: "text",
    xgap: 1,
    ygap: 1,
    text: values.map((line, i) => line.map((value, j) => `${classes[i]}, ${classes[j]}: ${value ?? "n/a"}`)),
    zmin: signed ? -bound : Math.min(0, low),
    zmax: signed ? bound : high,
    colorscale: (signed ? [blue, pale(), red] : [pale(), blue]).map((each, i, all) => [
      i / (all.length - 1),
      each,
    ]),
    colorbar: {thickness: 10, outlinewidth: 0, len: 0.9},
  };
}
