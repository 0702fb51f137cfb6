// Two models at the level of the answer: the differences seed by seed, and which are told.
const two = {};

function showTwo(reading, level) {
  const heads = reading ? headsOf(reading) : [];
  const board = boards[shownAnswer.board.value];
  const rows = reading ? readRows(board, shownAnswer.price.value, level, heads) : [];
  const isShown = row => row.n && (!row.floor || shownAnswer.floors.checked);
  const least = heads.map((_, k) => leastSpread(rows.map(row => row.values[k])));
  Object.assign(two, {heads, least, rows: inOrder(rows, heads).filter(isShown)});
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
  const found = gains(a, b);
  const told = word => found.filter(each => each.word === word).map(each => each.head.label);
  const parts = [
    ...[[a, b], [b, a]].map(([one, other]) => [`${one.label} is better than ${other.label} in`, told(one.label)]),
    ["not told apart in", told("not told apart")],
  ];
  const words = parts.filter(([, labels]) => labels.length).map(([text, labels]) => `${text} ${listed(labels)}`);
  find("two-table").parentNode.hidden = a === b;
  find("two-verdict").textContent = a === b ? `Both are ${a.label}: choose two different models.` : `${words.join("; ") || "Nothing can be said"}.`;
  const row = ({head, texts, n, text, word}) =>
    make("tr", {}, make("th", {scope: "row"}, head.header), ...[word, text, n, ...texts].map(words => make("td", {}, words)));
  const heads = ["metric", "better", "difference", "seeds", a.label, b.label];
  find("two-table").replaceChildren(
    make("thead", {}, make("tr", {}, ...heads.map((text, k) => make("th", {scope: "col", class: k ? "number" : "corner"}, text)))),
    make("tbody", {}, ...found.map(row)),
  );
}

// What each metric says of two rows; those that can be tested are tested together, as bench.compare.pairs tests them.
function gains(a, b) {
  const found = two.heads.map((head, k) => {
    const seeds = Object.keys(a.values[k]).filter(seed => seed in b.values[k]);
    const differences = seeds.map(seed => a.values[k][seed] - b.values[k][seed]);
    const {mean, half} = interval(differences);
    const texts = [a, b].map(row => cellText(row, k));
    const p = pairedP(differences, two.least[k]);
    return {head, texts, p, mean, n: seeds.length, text: seeds.length ? formatInterval(mean, half) : "n/a"};
  });
  const isRanked = ({head}) => head.sign && !a.partial && !b.partial;
  const tested = found.filter(each => isRanked(each) && each.n >= data.fewest);
  const rejected = rejections(tested.map(({p}) => p));
  const word = each => {
    if (!isRanked(each)) return "not ranked";
    if (!tested.includes(each)) return each.n ? "too few seeds" : "n/a";
    if (!rejected[tested.indexOf(each)]) return "not told apart";
    return each.head.sign * each.mean > 0 ? a.label : b.label;
  };
  return found.map(each => ({...each, word: word(each)}));
}
