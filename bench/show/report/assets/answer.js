// The answer: its tables stand in the page; the controls show one of them.
const shownAnswer = {};

function startAnswer() {
  const answers = [...document.querySelectorAll(".answer")];
  const options = answers.map((node, i) => ({value: i, text: node.dataset.title}));
  shownAnswer.board = select(find("answer-controls"), "Board", options, 0, fillAnswer);
  fillAnswer();
}

function fillAnswer() {
  const place = find("answer-controls");
  const answer = document.querySelector(`.answer[data-board="${shownAnswer.board.value}"]`);
  const levels = [...answer.querySelectorAll(".reading")].map(node => node.dataset.level);
  keepFirst(place);
  if (levels.length) {
    const options = levels.map(value => ({value, text: value}));
    shownAnswer.level = select(place, "Compared at", options, levels[answer.dataset.chosen], showAnswer);
    shownAnswer.floors = toggle(place, "Floors", false, showAnswer);
  }
  showAnswer();
}

function showAnswer() {
  for (const answer of document.querySelectorAll(".answer")) {
    answer.hidden = answer.dataset.board !== shownAnswer.board.value;
    for (const reading of answer.querySelectorAll(".reading"))
      reading.hidden = reading.dataset.level !== shownAnswer.level?.value;
  }
  for (const row of document.querySelectorAll(".answer .floor")) row.hidden = !shownAnswer.floors?.checked;
}
