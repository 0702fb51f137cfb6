// Two rows and a metric: the differences seed by seed, their mean and its interval.
const pairs = {};

function startPairs() {
  pairs.board = select(find("pairs-controls"), "Board", boardOptions(), shownAnswer.board.value, fillPairs);
  fillPairs();
}

function fillPairs() {
  const board = boards[pairs.board.value];
  const place = find("pairs-controls");
  const chosen = pairs.metric?.value;
  const [first, second = first] = rowsToShow(board);
  keepFirst(place);
  pairs.metric = select(place, "Metric", rankedColumns(board), chosen, drawPairs);
  pairs.a = select(place, "Row A", rowOptions(board), sameRow(board, pairs.a, first), drawPairs);
  pairs.b = select(place, "Row B", rowOptions(board), sameRow(board, pairs.b, second), drawPairs);
  drawPairs();
}

function difference(a, b, name) {
  const [left, right] = [a.metrics[name]?.by_seed ?? {}, b.metrics[name]?.by_seed ?? {}];
  const seeds = Object.keys(left)
    .filter(seed => seed in right)
    .sort((i, j) => i - j);
  const values = seeds.map(seed => number(left[seed]) - number(right[seed]));
  return {seeds, values, n: values.length, ...interval(values)};
}

// What the better row pays more of, where a metric is bought with something; "" where the two pay alike.
function dearer(winner, loser, name) {
  const price = data.columns[name].against;
  if (!price || mean(winner, price) <= data.alike * mean(loser, price)) return "";
  return price in data.columns ? quantity(price) : price;
}

function verdict(board, i, j, name, d) {
  const [a, b] = [board.labels[i], board.labels[j]];
  const metric = quantity(name);
  if (i === j) return "Choose two different rows.";
  if (!d.n) return `The two rows share no seed with a value of ${metric}.`;
  if (d.n < data.fewest) return `Fewer than ${data.fewest} shared seeds: nothing can be said.`;
  if (d.half == null) return "A value is infinite: there is no interval.";
  const told = `difference ${formatInterval(d.mean, d.half)}, n = ${d.n} seeds`;
  if (Math.abs(d.mean) > d.half) {
    const wins = better(name) * d.mean > 0;
    const price = dearer(...(wins ? [board.rows[i], board.rows[j]] : [board.rows[j], board.rows[i]]), name);
    const but = price ? `, but pays more ${price}: neither is better` : "";
    return `${clip(wins ? a : b, 80)} is ${but ? "ahead" : "better"} in ${metric} (${told})${but}.`;
  }
  return `Not told apart in ${metric} (${told}).`;
}

function drawPairs() {
  const board = boards[pairs.board.value];
  const [i, j, name] = [Number(pairs.a.value), Number(pairs.b.value), pairs.metric.value];
  const plot = find("pairs-plot");
  if (!name) {
    plot.hidden = true;
    find("pairs-caption").textContent = "";
    return find("pairs-verdict").replaceChildren("This board has no ranked metric.");
  }
  const d = difference(board.rows[i], board.rows[j], name);
  find("pairs-verdict").textContent = verdict(board, i, j, name, d);
  plot.hidden = i === j || !d.values.some(Number.isFinite);
  const side = better(name) > 0 ? "Right" : "Left";
  const names = `A being ${clip(board.labels[i], 80)}, B ${clip(board.labels[j], 80)}`;
  find("pairs-caption").textContent = plot.hidden
    ? ""
    : `${board.title}. A − B, ${names}. ${side} of zero A is better.`;
  if (!plot.hidden) draw(plot, `Differences in ${header(name)}`, () => pairsFigure(d, name));
}

function pairsFigure(d, name) {
  const rows = d.seeds.map(seed => `seed ${seed}`);
  const bar =
    d.half == null
      ? {}
      : {error_x: {type: "data", array: [d.half], color: ink().text, thickness: 2, width: 7}};
  const traces = [
    {
      x: d.values,
      y: rows,
      mode: "markers",
      marker: {size: 9, color: colour(0), symbol: "circle"},
      hoverinfo: "text",
      text: d.values.map((value, k) => `${rows[k]}: ${formatNumber(value)}`),
    },
  ];
  if (d.half != null)
    traces.push({
      x: [d.mean],
      y: ["mean"],
      mode: "markers",
      marker: {size: 12, color: ink().text, symbol: "diamond"},
      ...bar,
      hoverinfo: "text",
      text: [`mean: ${formatInterval(d.mean, d.half)}`],
    });
  return {
    traces,
    layout: {
      xaxis: axis(`A − B in ${header(name)}`, {rangemode: "tozero"}),
      yaxis: axis("", {type: "category", autorange: "reversed"}),
      shapes: [
        {
          type: "line",
          x0: 0,
          x1: 0,
          yref: "paper",
          y0: 0,
          y1: 1,
          line: {color: ink().muted, width: 1.5, dash: "dot"},
        },
      ],
    },
  };
}
