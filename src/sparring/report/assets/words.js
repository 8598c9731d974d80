// The words of the page, explained. Views take hints from here; the Words view shows all.
const WORDS = {
  task: "A problem in words, with ground-truth tests that decide whether a program solves it.",
  "ground-truth test": "A test that came with the task: an input and the right output. The model never sees it.",
  "generated test": "A test that the model wrote itself, in the role of the tester. It may be wrong.",
  "withheld test": "A ground-truth test that no reward knows of. Programs that pass all rewarded tests and fail these have been fitted to the tests.",
  "supervising test": "A test of another, frozen tester that stands in for ground truth (label-free training).",
  call: "A test of a function: what it is called with, and the value it must return.",
  "test script": "A test that decides by its own assertions: there is no output to compare.",
  coder: "The model in the role that writes programs.",
  tester: "The same model in the role that writes tests.",
  opponent: "A program of the start model on the same task. Tests are paid for catching it too; nothing is learned from it.",
  group: "All programs and all tests written for one task in one step. Rewards are compared within a group.",
  step: "One round of training: responses are sampled, judged, and learned from.",
  "pass matrix": "Programs down, tests across: what each program did on each test. All rewards follow from it.",
  correct: "A program that passes every ground-truth test. Wrong: it fails at least one. Unknown: it fails none, and at least one cell is masked.",
  masked: "A cell without a label, because our own side failed (the infrastructure, not the program). It is neither a pass nor a failure and no reward counts it.",
  "not run": "Skipped by a rule, for instance after a time-out on the smallest input. It counts as failed.",
  invalid: "There was nothing to run: the response holds no program or no test, or the statement does not allow the input.",
  reward: "What a response earns. A program: ground-truth tests passed (Eq 3). A test: the wrong programs it catches if every correct program passes it, minus those it lets pass if not (Eq 4).",
  W: "The number of wrong programs of a group, opponents among them.",
  "rightness p": "1 if every correct program passes the test, else 0 (with smoothing, a probability). Nobody is asked but the programs.",
  caught: "Wrong programs that fail the test.",
  missed: "Wrong programs that pass it.",
  validity: "A share of W that a test earns for being right, beside what it catches (reward.validity).",
  advantage: "The reward minus the group's mean, divided by its standard deviation. Positive: such responses become more likely; negative: less.",
  dropped: "Nothing is learned from a group's role, for the reason given.",
  "one-shot": "Share of single programs that are right.",
  "Best-of-N": "Of N programs take the one that passes most generated tests; the share of tasks solved so. 8×8: eight programs, eight tests.",
  "own samples": "Best-of-N over programs the evaluated model wrote.",
  "fixed pool": "Best-of-N over programs of the start model: what changes there, the tests have done.",
  interval: "95%: if everything were done again with other tasks, such intervals would hold the true value 95 times in 100. Clustered by task.",
  paired: "Both sides on the same tasks, so that easy and hard tasks cancel out and the interval of the difference is narrower.",
  "held-out": "Tasks that are not trained on.",
  method: "Which rewards and learning rules: default (this project's), paper (CURE as published) or official (its released code).",
  "learning rate": "How far one update moves the weights.",
  seed: "The number all chance of a run follows from.",
  tokens: "The pieces, of a few letters each, in which a model reads and writes.",
  nats: "Unit of entropy and KL: natural logarithms of probabilities.",
  entropy: "How undecided the model is at each token, in nats.",
  KL: "How far the model has moved from the start model, in nats per token.",
  "log-prob": "Natural logarithm of the probability with which a token was sampled. 0: certain; −0.7: one in two; −4.6: one in a hundred.",
  alarm: "A monitor that drifts past its limit: a sign of rewards earned without the work, or of bad tasks. It changes nothing in the run.",
  checker: "The rule that says whether an output is the expected one, such as equality of white-space separated tokens.",
  "CPU time": "Seconds of computing that a run took; the time limit is in CPU time, so a busy machine changes no verdict.",
  sampling: "Phase: responses are written by the model.",
  running: "Phase: programs run in the sandbox.",
  judging: "Phase: responses are parsed, outputs compared.",
  learning: "Phase: the weights are changed.",
};

// The figures of the before and after table, by the beginning of their name on record.
const METRICS = [
  ["one_shot", "Share of single programs that pass every ground-truth test of their held-out task.", "programs right"],
  ["unit_test_accuracy_estimate", "Share of generated tests that every correct program of the group passes: the paper's estimate, for tasks with a correct program.", "tests right (paper's estimate)"],
  ["unit_test_accuracy", "Share of generated tests whose expected output is what the reference solution prints.", "tests right (by reference)"],
  ["agreement_pool_bon", "As the fixed pool; programs with equal counts are told apart by how many programs print the same.", "pool, ties by agreement"],
  ["agreement_bon", "As own samples; programs with equal counts are told apart by how many programs print the same.", "own, ties by agreement"],
  ["pool_bon", "Best-of-N among the start model's programs: what changes there, the tests have done.", "Best-of-N, fixed pool"],
  ["bon", "Share of held-out tasks solved by taking the program that passes most generated tests.", "Best-of-N, own samples"],
  ["catch_rate", "Share of the pool's wrong programs that a generated test fails.", "wrong pool programs caught"],
  ["invalid_tests", "Generated tests that cannot be read or that the statement does not allow.", "invalid tests"],
  ["input_size", "White-space separated values in a generated input: tests must not become trivial by becoming short.", "values per test input"],
  ["p01", "Chance that a wrong program passes a right test.", "p01"],
  ["p00", "Chance that a wrong program passes a wrong test.", "p00"],
  ["mu", "p·(1 − p01) − (1 − p)·p00, where p is the share of right tests. Above 0, more tests make Best-of-N right.", "μ"],
];

// Why a group gives no gradient: sparring.scoring.advantages.DropReason.
const DROPPED = {
  no_label: "no response has a reward; for tests: no program is correct, so nobody knows which test is right",
  zero_variance: "all rewards are equal, so none is better than another",
  no_positive: "only good responses are learned from, and there is none",
  not_sampled: "known before sampling that there is nothing to learn",
  evaluation: "an evaluation: what they would have earned is shown, nothing is learned",
  no_test: "no supervising test was left to judge by",
};

// verdict: symbol, class, words. Each has a symbol of its own: colour is never all there is.
const VERDICTS = {
  accepted: ["✓", "pass", "accepted: the output is the expected one"],
  wrong_answer: ["✗", "fail", "wrong answer: the output is not the expected one"],
  runtime_error: ["!", "fail", "runtime error: it raised, or ended with another status than 0"],
  time_limit: ["T", "fail", "time limit: more CPU time than allowed"],
  idle_limit: ["Z", "fail", "idle limit: it waited too long"],
  memory_limit: ["M", "fail", "memory limit"],
  output_limit: ["O", "fail", "output limit: it printed too much"],
  sandbox_violation: ["S", "fail", "sandbox violation: it tried what is forbidden"],
  invalid: ["∅", "void", "invalid: there was nothing to run"],
  not_run: ["»", "skip", "not run: skipped by a rule, counts as failed"],
  infra: ["?", "mask", "masked: our own failure, no label"],
  finished: ["·", "void", "finished, not compared"],
};
const verdictOf = (cell) => (cell ? VERDICTS[cell[0]] ?? ["·", "void", String(cell[0])] : ["", "never", "this program was not asked"]);

const KINDS = {
  ground_truth: ["G", "ground truth"],
  withheld: ["H", "withheld"],
  supervising: ["S", "supervising"],
  generated: ["U", "generated"],
};

function wordsView() {
  return [
    h("h2", {}, "Words"),
    h("p", {}, "Every word of this page that is not plain English, in the order in which you meet it."),
    h("dl", { class: "words" }, Object.entries(WORDS).map(([word, text]) => h("div", {}, h("dt", {}, word), h("dd", {}, text)))),
    h("h3", {}, "Figures of the before and after table"),
    h("dl", { class: "words" }, METRICS.map(([, text, word]) => h("div", {}, h("dt", {}, word), h("dd", {}, text)))),
    h("h3", {}, "Symbols of the pass matrix"),
    h("ul", { class: "legend" }, Object.values(VERDICTS).slice(0, -1).map(([symbol, kind, words]) => h("li", {}, h("span", { class: "cell " + kind }, symbol), " ", words))),
    h("h3", {}, "Why a group is dropped"),
    h("dl", { class: "words" }, Object.entries(DROPPED).map(([word, text]) => h("div", {}, h("dt", {}, word.replace("_", " ")), h("dd", {}, text)))),
    h("h3", {}, "Keys"),
    keysTable(),
  ];
}
