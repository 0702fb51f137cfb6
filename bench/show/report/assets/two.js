// Two models at the level of the answer: the differences seed by seed, and which are told.
const two = {};

function showTwo(reading, level) {
  const heads = reading ? headsOf(reading) : [];
  const board = boards[shownAnswer.board.value];
  const rows = reading ? readRows(board, shownAnswer.price.value, level, heads) : [];
  const isShown = row => row.n && (!row.floor || shownAnswer.floors.checked);
  Object.assign(two, {heads, rows: inOrder(rows, heads).filter(isShown)});
  for (const node of [find("two"), document.querySelector('nav a[href="#two"]')?.parentNode])
    if (node) node.hidden = two.rows.length < 2;
  if (two.rows.length < 2) return;
  const options = two.rows.map(({label}) => ({value: label, text: label}));
  const still = node => options.find(({value}) => value === node?.value)?.value;
  const a = still(two.a) ?? options[0].value;
  const b = still(two.b) ?? options.find(({value}) => value !== a).value;
  find("answer-two").replaceChildren();
  two.a = select(find("answer-two"), "Model", options, a, drawTwo);
  two.b = select(find("answer-two"), "against", options, b, drawTwo);
  drawTwo();
}

function drawTwo() {
  const [a, b] = [two.a, two.b].map(node => two.rows.find(row => row.label === node.value));
  const found = two.heads.map((head, k) => ({head, texts: [a, b].map(row => cellText(row, k)), ...gain(a, b, head, k)}));
  const told = word => found.filter(each => each.word === word).map(each => each.head.label);
  const parts = [
    ...[[a, b], [b, a]].map(([one, other]) => [`${one.label} is better than ${other.label} in`, told(one.label)]),
    ["not told apart in", told("not told apart")],
  ];
  const words = parts.filter(([, labels]) => labels.length).map(([text, labels]) => `${text} ${listed(labels)}`);
  find("two-table").parentNode.hidden = a === b;
  find("two-verdict").textContent = a === b ? `Both are ${a.label}: choose two different models.` : `${words.join("; ") || "Nothing can be said"}.`;
  const row = ({head, texts, text, word}) =>
    make("tr", {}, make("th", {scope: "row"}, head.header), ...[word, text, ...texts].map(words => make("td", {}, words)));
  const heads = ["metric", "better", "difference", a.label, b.label];
  find("two-table").replaceChildren(
    make("thead", {}, make("tr", {}, ...heads.map((text, k) => make("th", {scope: "col", class: k ? "number" : "corner"}, text)))),
    make("tbody", {}, ...found.map(row)),
  );
}

function gain(a, b, head, k) {
  const seeds = Object.keys(a.values[k]).filter(seed => seed in b.values[k]);
  const {mean, half} = interval(seeds.map(seed => a.values[k][seed] - b.values[k][seed]));
  const text = seeds.length ? formatInterval(mean, half) : "n/a";
  if (!head.sign || a.partial || b.partial) return {text, word: "not ranked"};
  if (half == null) return {text, word: seeds.length ? "too few seeds" : "n/a"};
  if (Math.abs(mean) <= half) return {text, word: "not told apart"};
  return {text, word: head.sign * mean > 0 ? a.label : b.label};
}
