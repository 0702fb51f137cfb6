// One row, beside another if wanted: pictures, heatmaps, histograms, curves, losses.
const chosen = {};
const ROLES = {global: 0, shared: 2, exclusive: 4, "no role": 5, dead: 6}; // their colours, in every figure
const tint = (name, position) => ROLES[name] ?? position;
const NOTHING = {lacks: [], reasons: {}, units: {}, matrices: {}, vectors: {}, history: {}}; // of a row without a run

function startStructure() {
  chosen.board = select(find("structure-controls"), "Board", boardOptions(), boardWithRuns(), fillStructure);
  return fillStructure();
}

function fillStructure() {
  const board = boards[chosen.board.value];
  const place = find("structure-controls");
  keepFirst(place);
  const [first = 0] = rowsToShow(board, i => runsOfRow(board, i).length);
  const row = sameRow(board, chosen.a, first);
  chosen.a = select(place, "Row", rowOptions(board), row, fillSeeds);
  chosen.b = select(
    place,
    "Beside it",
    [{value: "", text: "nothing"}, ...rowOptions(board)],
    sameRow(board, chosen.b, ""),
    fillSeeds,
  );
  return fillSeeds();
}

const structureRows = () => [...new Set([chosen.a.value, chosen.b.value])].filter(value => value !== "").map(Number);

// The seeds that there are depend on the rows.
function fillSeeds() {
  const board = boards[chosen.board.value];
  const place = find("structure-controls");
  while (place.children.length > 3) place.lastChild.remove();
  const seeds = seedOptions(structureRows().flatMap(i => runsOfRow(board, i)));
  chosen.seed = select(place, "Seed", seeds, chosen.seed?.value, drawStructure);
  return drawStructure();
}

function drawStructure() {
  const place = find("structure-plots");
  const board = boards[chosen.board.value];
  drop(place.querySelectorAll(".plot"));
  place.replaceChildren();
  const items = structureRows().map(i => ({
    label: board.labels[i],
    row: board.rows[i],
    ...(runOfRow(board, i, chosen.seed.value) ?? NOTHING),
  }));
  find("structure-board").textContent = `${board.title}.`;
  const painting = showPictures(items);
  for (const item of items) if (item.units.label) unitsPanel(place, item);
  for (const item of items)
    for (const [label, matrix] of Object.entries(item.matrices)) matrixPanel(place, item, label, matrix);
  for (const item of items)
    for (const [label, histogram] of Object.entries(item.vectors))
      histogramPanel(place, item, label, histogram);
  for (const curve of board.curves) curvePanel(place, items, curve);
  for (const item of items) if (item.history.terms) historyPanel(place, item);
  return painting;
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
