// The answer: the tables at the levels that are offered stand in the page; at any other, one is made.
const shownAnswer = {};

function startAnswer() {
  const answers = [...document.querySelectorAll(".answer")];
  const options = answers.map((node, i) => ({value: i, text: node.dataset.title}));
  shownAnswer.board = select(find("answer-controls"), "Board", options, 0, () => {
    fillAnswer();
    followAnswer();
  });
  fillAnswer();
}

// The other sections go to the board of the answer; what is chosen there later stands until the next time.
function followAnswer() {
  const {value} = shownAnswer.board;
  for (const [{board}, fill] of [[pareto, fillPareto], [pairs, fillPairs], [chosen, fillStructure], [browse, fillUnits]])
    if (board && board.value !== value) {
      board.value = value;
      fill();
    }
}

const answerNow = () => document.querySelector(`.answer[data-board="${shownAnswer.board.value}"]`);
const offered = () => [...answerNow().querySelectorAll(".reading:not(.made)")];
// A price is a metric, or a range of it as "L0 4 to 32".
const isRange = ({dataset}) => !Number.isFinite(Number(dataset.at));
const priceOf = node => (isRange(node) ? node.dataset.level : node.dataset.metric);
const atPrice = () => offered().filter(node => priceOf(node) === shownAnswer.price.value);

function fillAnswer() {
  const place = find("answer-controls");
  keepFirst(place);
  shownAnswer.price = null;
  if (offered().length) {
    const text = node => (isRange(node) ? `${node.dataset.level}, on average` : node.dataset.label);
    const prices = new Map(offered().map(node => [priceOf(node), text(node)]));
    const options = [...prices].map(([value, text]) => ({value, text}));
    const usual = priceOf(offered()[answerNow().dataset.chosen]);
    const {price, level} = prices.has(shownAnswer.asked?.price) ? shownAnswer.asked : {price: usual};
    shownAnswer.price = select(place, "Price", options, price, fillLevel);
    shownAnswer.at = usualLevel();
    const attributes = {type: "number", min: 0, step: "any", list: "answer-levels", "aria-describedby": "level-note"};
    shownAnswer.level = control(place, "Level", make("input", {...attributes, value: level ?? shownAnswer.at}), askLevel);
    shownAnswer.level.addEventListener("change", restoreLevel);
    place.append(make("p", {id: "level-note", class: "muted", role: "status"}));
    shownAnswer.floors = toggle(place, "Floors", shownAnswer.floors?.checked, showAnswer);
  }
  showAnswer();
}

// The one that the answer is of, or the one in the middle.
function usualLevel() {
  const levels = atPrice();
  const usual = levels.find(node => node === offered()[answerNow().dataset.chosen]) ?? levels[levels.length >> 1];
  return isRange(usual) ? "" : usual.dataset.at;
}

// What was typed goes with the reader to the other boards.
function askLevel() {
  if (Number(shownAnswer.level.value) > 0) shownAnswer.asked = {price: shownAnswer.price.value, level: shownAnswer.level.value};
  showAnswer();
}

// Where what was typed is no level, the field is left with the one that is shown.
function restoreLevel() {
  if (shownAnswer.level.validity.valid) return;
  shownAnswer.level.value = shownAnswer.at;
  shownAnswer.level.dispatchEvent(new Event("input"));
}

function fillLevel() {
  shownAnswer.level.value = usualLevel();
  showAnswer();
}

function showAnswer() {
  for (const answer of document.querySelectorAll(".answer")) answer.hidden = answer !== answerNow();
  if (!shownAnswer.price) return showTwo(null);
  const {level} = shownAnswer;
  const range = atPrice().find(isRange);
  level.parentNode.hidden = Boolean(range);
  find("answer-levels").replaceChildren(...atPrice().map(node => make("option", {value: node.dataset.at})));
  const isValid = range || Number(level.value) > 0;
  level.setCustomValidity(isValid ? "" : "a number above zero");
  if (isValid) shownAnswer.at = level.value;
  find("level-note").textContent = isValid ? "" : `Type a number above zero. Shown is ${atPrice()[0].dataset.label} ${shownAnswer.at}.`;
  const asked = Number(shownAnswer.at);
  const shown = range ?? atPrice().find(node => Number(node.dataset.at) === asked) ?? made(asked);
  for (const node of answerNow().querySelectorAll(".reading")) node.hidden = node !== shown;
  for (const row of document.querySelectorAll(".answer .floor")) row.hidden = !shownAnswer.floors.checked;
  showTwo(range ? null : shown, asked);
}

// The reading at a level that is not offered, in place of the last one.
function made(asked) {
  const board = boards[shownAnswer.board.value];
  const reading = readingAt(atPrice()[0], board, shownAnswer.price.value, asked);
  answerNow().querySelector(".made")?.remove();
  reading.classList.add("made");
  answerNow().append(reading);
  return reading;
}
