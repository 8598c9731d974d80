"""`sparring eval --answers`: what others wrote, recognised, matched, read and graded."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from sparring.cli.figures import ResponsesMissing
from sparring.cli.main import app
from sparring.errors import ConfigError, DataError, RunError
from sparring.evaluation.answers.codet import cut, head_of, tests_of
from sparring.evaluation.answers.items import AnswerForm, AnswerSet, AnswerShape, Item
from sparring.evaluation.answers.matching import match
from sparring.evaluation.answers.reading import read_answers
from sparring.evaluation.answers.shapes import shape_of
from sparring.evaluation.answers.source import read
from sparring.prompts.rules import ReadingRules
from sparring.sandbox import Sandbox
from sparring.sandbox.caller.packages import Packages
from sparring.schema import ParseFailure, Role, Task, Test, TestKind
from tests.evaluation.eval_command import run, usual
from tests.fake_openai import FakeOpenAI
from tests.shared import shared

pytestmark = pytest.mark.usefixtures("shared_workers")

PROMPT = 'def plus(a, b):\n    """The sum of a and b."""\n'
RIGHT, WRONG = "    return a + b\n", "    return a - b\n"


def functions(path: Path, count: int = 2) -> Path:
    rows = [
        {
            "task_id": f"HumanEval/{i}",
            "prompt": PROMPT,
            "entry_point": "plus",
            "canonical_solution": RIGHT,
            "test": "def check(candidate):\n    assert candidate(1, 2) == 3\n"
            "    assert candidate(5, 1) == 6\n",
        }
        for i in range(count)
    ]
    return written(path, rows)


def written(path: Path, rows: Sequence[Any]) -> Path:
    lines = "".join(json.dumps(r) + "\n" for r in rows)
    path.write_text(json.dumps(list(rows)) if path.suffix == ".json" else lines)
    return path


def graded(tasks: Path, answers: Path, out: Path, *more: Any) -> dict[str, Any]:
    return run(tasks, "--answers", answers, "--out", out, "--mutants", 0, *more)


def told(*words: Any) -> str:
    """What the command prints; its error is raised."""
    found = CliRunner().invoke(app, ["eval", *map(str, words), "--workers", "1"])
    if found.exception is not None and not isinstance(found.exception, ResponsesMissing):
        raise found.exception
    return found.output


def mean(record: Mapping[str, Any], name: str) -> float:
    return float(record["figures"][name]["mean"])


def test_samples_of_evalplus(tmp_path: Path) -> None:
    """A solution is a program to the letter, a completion follows the prompt."""
    tasks = functions(tmp_path / "t.jsonl")
    rows = [
        {"task_id": "HumanEval/0", "solution": PROMPT + RIGHT},
        {"task_id": "HumanEval/0", "completion": RIGHT},
        {"task_id": "HumanEval/1", "completion": WRONG, "_identifier": "x"},
        {"task_id": "HumanEval/1", "solution": f"```python\n{PROMPT}{RIGHT}```"},  # no response
    ]
    found = graded(tasks, written(tmp_path / "samples.jsonl", rows), tmp_path / "o")
    assert found["per_task"]["pass@1"] == [1.0, 0.0]
    assert mean(found, "pass@2") == 0.5
    assert found["responses"]["coder"]["failures"] == {"syntax_error": 1}
    assert "tester" not in found["models"]
    assert not any("dual" in name for name in found["figures"])  # no test, no ranking
    assert "EvalPlus" in found["models"]["coder"]["name"]
    assert found["conditions"]["params"] is None
    assert found["complete"]


def test_directories_of_evalplus(tmp_path: Path) -> None:
    tasks = functions(tmp_path / "t.jsonl")
    for task, number, body in ((0, 0, RIGHT), (0, 10, WRONG), (0, 2, RIGHT), (1, 0, WRONG)):
        folder = tmp_path / "answers" / f"HumanEval_{task}"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.py").write_text(PROMPT + body)
    (tmp_path / "answers" / "HumanEval_1" / "0.raw").write_text("left out")
    out = told(tasks, "--answers", tmp_path / "answers", "--out", tmp_path / "o")
    assert "1 files other than .py are left out" in out
    assert "2 ids have another form than the tasks' ids, such as HumanEval_0 for HumanEval/0" in out
    records = (tmp_path / "o" / "rollouts" / "step-00000.jsonl.gz").read_bytes()
    lines = gzip.decompress(records).splitlines()
    assert [p["correct"] for p in json.loads(lines[0])["programs"]] == [True, True, False]
    with pytest.raises(DataError, match=r"neither responses.jsonl nor programs such as"):
        read_answers(tmp_path / "o" / "rollouts")


def test_outputs_of_livecodebench(tasks: Path, tmp_path: Path) -> None:
    """Code is a program to the letter, an output is read as our responses are."""
    good = "print(int(input()) + 1)\n"
    rows = [
        {"question_id": "t0", "code_list": [good, "print(0)"], "output_list": ["x", "y"]},
        {"question_id": "t1", "code_list": ["", good], "difficulty": "hard"},
        {"question_id": "t2", "output_list": [f"So:\n```python\n{good}```", "I cannot."]},
    ]
    out = told(tasks, "--answers", written(tmp_path / "lcb.json", rows), "--out", tmp_path / "o")
    assert "1 rows: has output_list and code_list: code_list counts" in out
    found = json.loads((tmp_path / "o" / "eval.json").read_text())
    assert found["per_task"]["pass@1"] == [0.5, 0.5, 0.5]
    assert found["responses"]["coder"]["failures"] == {"empty_block": 1, "no_code_block": 1}


def test_samples_of_codet(tmp_path: Path) -> None:
    """Programs up to the margin, the first five assertions of each sample, choices by both."""
    tasks = functions(tmp_path / "t.jsonl", 1)
    row = {
        "task_id": "HumanEval/0",
        "code_samples": [RIGHT + "\nprint(plus(", RIGHT, WRONG, WRONG, WRONG],
        "test_samples": [
            " plus(1, 2) == 3\nassert plus(2, 2) == 4\nassert plus(",
            "\n plus(1, 1)",
            "plus(1, 3) in (4, 5)\nassert ____ == plus(1, 3)",
        ],
    }
    found = graded(tasks, written(tmp_path / "c.jsonl", [row]), tmp_path / "o", "--scale", "5x5")
    assert mean(found, "pass@1") == pytest.approx(2 / 5)
    assert found["responses"]["tester"]["responses"] == 5
    assert found["responses"]["tester"]["failures"] == {"no_assertion": 1, "not_a_call": 1}
    assert mean(found, "bon_5x5") == mean(found, "dual_pass@1") == 1.0
    assert mean(found, "unit_test_accuracy") == pytest.approx(3 / 5)
    assert mean(found, "far") == 0.0
    # as its release has them: two files, tasks by their prompts
    code = {"prompt": PROMPT, "samples": row["code_samples"]}
    tests = {"prompt": f"{PROMPT}    pass\n\n# check plus\nassert ", "samples": row["test_samples"]}
    two = [written(tmp_path / f"{i}.jsonl", [r]) for i, r in enumerate((code, tests))]
    again = graded(tasks, two[0], tmp_path / "p", "--scale", "5x5", "--answers", two[1])
    assert again["figures"] == found["figures"]


def test_assertions_of_codet() -> None:
    def kinds(sample: str) -> list[object]:
        return [t.test.kind if t.test else t.failure for t in tests_of(sample, "f", "")]

    assert kinds("f(1) == 2") == [TestKind.CALL]
    assert kinds("\tf(\n  1) == [\n  2]") == [TestKind.CALL]
    assert kinds("f(1) == 2, \\\n    'a message'\n# and so on") == [TestKind.CALL]
    assert kinds("f(1) == 2\nassert " * 7) == [TestKind.CALL] * 5
    assert kinds("f(1) in (1, 2)") == [TestKind.SCRIPT]
    assert kinds("f(1) == 2 or ____") == [TestKind.SCRIPT]
    assert kinds("____ == f(1)") == [ParseFailure.NOT_A_CALL]
    assert kinds("g(1) == 2\nassert f(") == [ParseFailure.NO_ASSERTION]
    assert kinds("") == [ParseFailure.NO_ASSERTION]
    prompt = "import math\nTWO = 2\n\n\ndef code(s):\n    return s[::-1]\n\n\ndef f(s):\n    'D.'\n"
    head = head_of(prompt, "f")
    assert head == "import math\nTWO = 2\ndef code(s):\n    return s[::-1]\n"
    [helped] = tests_of('f(code("ab")) == "ab"', "f", head)
    assert helped.test == Test(f'{head}assert f(code("ab")) == "ab"\n', "", TestKind.SCRIPT)
    assert tests_of("f(math.floor(TWO)) == 1", "f", head)[0].test is not None
    assert tests_of("f(g(1)) == 1", "f", head)[0].failure is ParseFailure.NOT_A_CALL
    assert head_of("Write a function f.", "f") == head_of(prompt, "g") == ""
    assert cut("    return 1\n\ndef g(): pass") == "    return 1\n\n"
    assert cut("    return 1") == "    return 1\n"


def test_our_own_responses(tasks: Path, fake: FakeOpenAI, tmp_path: Path) -> None:
    """The responses of an evaluation, graded again, give its figures."""
    first = run(*usual(tasks, fake, tmp_path / "a", "--scale", "1x1,3x2"))
    asked = len(fake.bodies)
    for place in (tmp_path / "a", tmp_path / "a" / "responses.jsonl"):
        out = tmp_path / f"from-{place.name}"
        again = run(tasks, "--answers", place, "--out", out, "--scale", "1x1,3x2")
        assert again["figures"] == first["figures"]
        assert again["per_task"] == first["per_task"]
        assert again["tasks"] == first["tasks"]
    assert len(fake.bodies) == asked
    lines = (tmp_path / "a" / "responses.jsonl").read_text()
    (tmp_path / "twice.jsonl").write_text(lines + lines)
    with pytest.raises(DataError, match=r"response \d of t\d occurs twice \(line 1\)"):
        graded(tasks, tmp_path / "twice.jsonl", tmp_path / "b")
    (tmp_path / "two.jsonl").write_text(lines + lines.replace('"model": "m', '"model": "other'))
    with pytest.raises(DataError, match="has coder answers of 2 models"):
        graded(tasks, tmp_path / "two.jsonl", tmp_path / "b")
    assert not (tmp_path / "b").exists()


def test_the_report_of_answers(tmp_path: Path) -> None:
    """Every reader of evaluations takes one of answers."""
    tasks = functions(tmp_path / "t.jsonl")
    rows = [{"task_id": f"HumanEval/{i}", "completion": b} for i in (0, 1) for b in (RIGHT, WRONG)]
    answers = written(tmp_path / "s.jsonl", rows)
    graded(tasks, answers, tmp_path / "o")
    graded(tasks, answers, tmp_path / "o")  # the same again
    text = (tmp_path / "o" / "eval.md").read_text()
    assert "answers made elsewhere" in text
    runner = CliRunner()
    for words in (
        ["show", tmp_path / "o"],
        ["show", tmp_path / "o", "--task", "HumanEval/1", "--why"],
        ["compare", tmp_path / "o", tmp_path / "o"],
        ["report", tmp_path / "o", "-o", tmp_path / "r.html"],
    ):
        found = runner.invoke(app, [str(w) for w in words])
        assert found.exit_code == 0, found.output
    other = written(tmp_path / "s.jsonl", rows[:3])
    with pytest.raises(RunError, match="was begun with another answers"):
        graded(tasks, other, tmp_path / "o")


def test_tasks_with_more_or_fewer_answers(tmp_path: Path) -> None:
    """Each task's own n in pass@k; k up to the least of them; what has none is named."""
    tasks = functions(tmp_path / "t.jsonl", 4)
    bodies = {0: [RIGHT, WRONG, WRONG], 1: [RIGHT, RIGHT], 2: [WRONG] * 5}
    rows = [
        {"task_id": f"HumanEval/{i}", "completion": b} for i, some in bodies.items() for b in some
    ]
    rows.append({"task_id": "HumanEval/99", "completion": RIGHT})
    out = told(tasks, "--answers", written(tmp_path / "s.jsonl", rows), "--out", tmp_path / "o")
    assert "2 to 5 programs per task, the fewest in 1 task (HumanEval/1)" in out
    assert "left out: answers for 1 task (HumanEval/99) not among these" in out
    assert "6 coder answers repeat another answer of their task" in out
    found = json.loads((tmp_path / "o" / "eval.json").read_text())
    assert found["per_task"]["pass@1"] == [pytest.approx(1 / 3), 1, 0]
    assert found["per_task"]["pass@2"] == [pytest.approx(1 - 1 / 3), 1, 0]
    assert "pass@4" not in found["figures"]
    assert found["left_out"] == ["HumanEval/3"]
    assert not found["complete"]
    with pytest.raises(
        ResponsesMissing, match=r"no coder answer to 1 task \(HumanEval/3\); .* 3 of 4"
    ):
        graded(tasks, tmp_path / "s.jsonl", tmp_path / "o")
    with pytest.raises(ConfigError, match="there are 2 programs and 0 tests of every task"):
        graded(tasks, tmp_path / "s.jsonl", tmp_path / "p", "--scale", "4x1")


@pytest.mark.parametrize(
    ("given", "tasks", "meant"),
    [
        (["0", "1"], ["HumanEval/0", "HumanEval/1"], {"0": "HumanEval/0", "1": "HumanEval/1"}),
        (["HumanEval/7"], ["7", "17"], {"HumanEval/7": "7"}),
        (["humaneval_3"], ["HumanEval/3"], {"humaneval_3": "HumanEval/3"}),
        (["Mbpp/003"], ["Mbpp/003", "3"], {"Mbpp/003": "Mbpp/003"}),
        (["0"], ["HumanEval/0", "Mbpp/0"], {}),  # either could be meant
        (["0", "HumanEval_0"], ["HumanEval/0"], {"HumanEval_0": "HumanEval/0"}),
        (["Mbpp/2"], ["HumanEval/2"], {}),  # another data set
        (["abc301_a"], ["lcb/abc301_a", "lcb/abc302_a"], {"abc301_a": "lcb/abc301_a"}),
        (["a"], ["abc301_a", "abc302_a"], {}),
        (["10"], ["HumanEval/1", "HumanEval/100"], {}),
        (["Mbpp/2", "HumanEval/2"], ["2"], {}),
    ],
)
def test_ids_of_another_form(given: list[str], tasks: list[str], meant: dict[str, str]) -> None:
    known = [Task(t, "s", (Test("", ""),)) for t in tasks]
    sets = [
        AnswerSet(
            AnswerShape.EVALPLUS, {g: [Item(Role.CODER, AnswerForm.PROGRAM, g)] for g in given}
        )
    ]
    if not meant:
        with pytest.raises(DataError, match="no answer is for any of the tasks: the answers have"):
            match(sets, known)
        return
    found = match(sets, known)
    taken = {items[Role.CODER][0].text: t for t, items in found.answers.items()}
    assert taken == meant
    if any(g != t for g, t in meant.items()):
        assert any("another form than the tasks' ids" in n for n in found.notes)
    lost = [g for g in given if g not in meant]
    assert all(any(g in n for n in found.notes) for g in lost)


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (
            {"task_id": "a", "prompt": "p", "test": "t"},
            "no known format.*fields are prompt, task_id, test",
        ),
        ({"solution": "x"}, "no known format.*its fields are solution"),
        ({"task_id": "a", "solution": None}, "no known format"),
        (["x", "y"], "is a list, which names no task"),
        ("x", "is str"),
        (
            {"task_id": "a", "solution": "x", "role": "coder", "text": "y"},
            "has fields of EvalPlus and Sparring",
        ),
        (
            {"question_id": "a", "task_id": "a", "code_list": [], "completion": ""},
            "EvalPlus and Live",
        ),
    ],
)
def test_rows_of_no_shape_or_two(row: Any, why: str) -> None:
    with pytest.raises(DataError, match=f"line 1: .*{why}") as error:
        shape_of(row, "f, line 1")
    assert "EvalPlus (task_id and solution or completion), LiveCodeBench" in str(error.value)


@pytest.mark.parametrize(
    ("row", "why"),
    [
        ({"task_id": "a", "solution": 3}, "solution must be a text"),
        ({"task_id": ["a"], "solution": ""}, "task_id must be a text"),
        ({"task_id": 10**400, "solution": ""}, "task_id is a number of more than 40 digits"),
        ({"question_id": "a", "code_list": "x"}, "code_list must be a list of texts"),
        ({"question_id": "a", "code_list": ["x", None]}, "code_list must be a list of texts"),
        ({"task": "a", "role": "judge", "text": ""}, "role 'judge': must be one of coder, t"),
        ({"task": "a", "role": "coder", "text": "", "stop": "x"}, "stop 'x': must be one of"),
        ({"task": "a", "role": "coder", "text": "", "index": "0"}, "index must be a whole number"),
    ],
)
def test_bad_rows_are_named_with_their_line(row: Any, why: str, tmp_path: Path) -> None:
    path = written(tmp_path / "a.jsonl", [row, row])
    with pytest.raises(DataError, match=f"line 1: {why}.*\n.*line 2: {why}"):
        read_answers(path)


def test_half_a_character_is_replaced_with_a_note(tmp_path: Path) -> None:
    row = {"task_id": "a", "solution": "x = '\ud800'"}
    found = read_answers(written(tmp_path / "a.jsonl", [row, {**row, "solution": "y"}]))
    assert [i.text for i in found.items["a"]] == ["x = '?'", "y"]
    [note] = found.notes
    assert note.startswith("1 rows: half a character")


def test_files_of_two_shapes_or_none(tmp_path: Path) -> None:
    mixed = [{"task_id": "a", "solution": "x"}, {"question_id": "b", "code_list": ["x"]}]
    with pytest.raises(
        DataError, match="line 2: is a row of LiveCodeBench, but the rows before are of E"
    ):
        read_answers(written(tmp_path / "m.jsonl", mixed))
    (tmp_path / "empty.jsonl").write_text("\n")
    with pytest.raises(DataError, match="has no answers; known formats are EvalPlus"):
        read_answers(tmp_path / "empty.jsonl")
    with pytest.raises(DataError, match="no such file"):
        read_answers(tmp_path / "none.jsonl")
    (tmp_path / "d.json").write_text('{"eval": {}}')
    with pytest.raises(DataError, match="must be a list of answers"):
        read_answers(tmp_path / "d.json")


def test_entries_of_one_task_are_joined_with_a_note(tasks: Path, tmp_path: Path) -> None:
    rows = [{"question_id": "t0", "code_list": [c]} for c in ("print(1)", "print(2)")]
    found = read_answers(written(tmp_path / "a.json", rows))
    assert [i.text for i in found.items["t0"]] == ["print(1)", "print(2)"]
    assert list(found.notes) == ["1 task (t0) in several rows; the rows' answers are put together"]


def test_a_completion_needs_a_prompt_that_it_can_follow(tasks: Path, tmp_path: Path) -> None:
    answers = written(tmp_path / "s.jsonl", [{"task_id": "t0", "completion": "    return 1"}])
    with pytest.raises(DataError, match=r"t0: a completion continues the task's prompt.*solution"):
        graded(tasks, answers, tmp_path / "o")
    with pytest.raises(DataError, match="assertions need a task that names a function"):
        graded(
            tasks,
            written(tmp_path / "c.jsonl", [{"task_id": "t0", "test_samples": ["f(1) == 2"]}]),
            tmp_path / "o",
        )
    task = Task("t", PROMPT, (Test("", "", TestKind.SCRIPT),), entry_point="plus")
    item = Item(Role.CODER, AnswerForm.COMPLETION, RIGHT)
    found = read(task, {Role.CODER: [item], Role.TESTER: []}, ReadingRules())
    assert found.programs[0].source == PROMPT + RIGHT


def test_options_that_ask_are_refused(tasks: Path, tmp_path: Path) -> None:
    answers = written(tmp_path / "s.jsonl", [{"task_id": "t0", "solution": "print(1)"}])
    for words, named in (
        (("--coder", "nano"), "--coder"),
        (("-n", 4), "-n"),
        (("--temperature", 0), "--temperature"),
        (("--token-budget", 4, "--seed", 0), "--seed, --token-budget"),
        (("--preset", "official"), "--preset"),
    ):
        with pytest.raises(ConfigError, match="cannot be given with --answers") as error:
            graded(tasks, answers, tmp_path / "o", *words)
        assert {w.strip() for w in str(error.value).split(":")[0].split(",")} == {
            w.strip() for w in named.split(",")
        }
    with pytest.raises(ConfigError, match=r"--coder: .* name the model .* or give --answers FILE"):
        run(tasks, "--out", tmp_path / "o")
    assert not (tmp_path / "o").exists()


def test_programs_of_answers_may_import_packages(
    tmp_path: Path, workers: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    given: list[Packages] = []

    @contextmanager
    def lent(*_: Any, packages: Packages, **__: Any) -> Iterator[Sandbox]:
        given.append(packages)
        yield workers

    monkeypatch.setattr("sparring.evaluation.directory.Sandbox", lent)
    rows = [{"task_id": "HumanEval/0", "completion": RIGHT}]
    tasks = functions(tmp_path / "t.jsonl", 1)
    answers = written(tmp_path / "samples.jsonl", rows)
    graded(tasks, answers, tmp_path / "o", "--packages", "iniconfig")
    assert [p.modules for p in given] == [("iniconfig",)]


def test_torch_is_not_loaded() -> None:
    code = "import sys, sparring.cli.answers; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_canonical_solutions_of_humaneval_pass(tmp_path: Path) -> None:
    """Ten of its tasks, as solutions and as completions in turn."""
    path = shared("data/humaneval_codegen16b_first82.jsonl.gz")
    with gzip.open(path, "rt") as file:
        rows = [json.loads(line) for line, _ in zip(file, range(10), strict=False)]
    samples = [
        {"task_id": r["task_id"], "solution": r["prompt"] + r["canonical_solution"]}
        if i % 2
        else {"task_id": r["task_id"], "completion": r["canonical_solution"]}
        for i, r in enumerate(rows)
    ]
    answers = written(tmp_path / "samples.jsonl", samples)
    found = graded(path, answers, tmp_path / "o", "--limit-tasks", 10)
    assert mean(found, "pass@1") == 1.0
    assert found["figures"]["pass@1"]["n_tasks"] == 10
