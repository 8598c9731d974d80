"""`sparring eval` against a server that fails as servers do: figures, rules, options."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from sparring.errors import SparringError
from sparring.grading.recorded import result_from
from sparring.runs.directory import RunDir
from sparring.runs.reader import step_file
from sparring.schema import Role
from tests.evaluation.eval_command import command, lines, run, usual, write_tasks
from tests.fake_openai import TEST, WRONG, FakeOpenAI, whole
from tests.readings import counted

pytestmark = pytest.mark.usefixtures("shared_workers")


def test_figures_of_a_known_model(tasks: Path, fake: FakeOpenAI, tmp_path: Path) -> None:
    """Programs 0 and 1 of each task are right and the third is wrong; every test is right."""
    seen: Counter[str] = Counter()

    def writes(body: dict[str, Any]) -> dict[str, Any]:
        message = body["messages"][0]["content"]
        if "Write one test" in message:
            return whole(TEST)
        with fake.lock:
            seen[message] += 1
            count = seen[message]
        return whole(WRONG) if count == 3 else whole("```python\nprint(int(input())+1)\n```")

    fake.writes = writes
    record = run(*usual(tasks, fake, tmp_path / "o", "--scale", "1x1,3x2"))
    figures = {k: v["mean"] for k, v in record["figures"].items()}
    assert figures["pass@1"] == pytest.approx(2 / 3)
    assert figures["pass@2"] == pytest.approx(1.0)
    assert figures["unit_test_accuracy"] == 1
    assert figures["bon_1x1"] == pytest.approx(2 / 3)
    assert figures["bon_3x2"] == 1
    assert figures["p01"] == 0
    assert record["verdicts"] == {"accepted": 12, "wrong_answer": 6}
    assert record["responses"]["coder"]["failures"] == {}
    assert record["responses"]["coder"]["completion_tokens"] == 9 * 5
    assert record["complete"]
    assert record["missing"] == []
    conditions = record["conditions"]
    assert conditions["params"]["temperature"] == 0.8
    assert conditions["checkers"] == ["tokens"]
    assert conditions["sandbox"]["level"]
    for name in ("eval.md", "card.md", "config.json", "responses.jsonl"):
        assert (tmp_path / "o" / name).stat().st_size
    assert "programs right (pass@1) | 66.7%" in (tmp_path / "o" / "eval.md").read_text()


def test_rollouts_read_back_as_they_were_graded(
    tasks: Path, fake: FakeOpenAI, tmp_path: Path
) -> None:
    run(*usual(tasks, fake, tmp_path / "o"))
    records = RunDir(tmp_path / "o", locked=False).read_packed(step_file("rollouts", 0))
    assert [r["task"]["id"] for r in records] == ["t0", "t1", "t2"]
    group = result_from(records[0])
    assert len(group.programs) == 3
    assert group.right_U.tolist() == [True, True]
    assert records[0]["programs"][0]["tokens"] == [7, 5]


def test_only_code(tasks: Path, fake: FakeOpenAI, tmp_path: Path) -> None:
    record = run(tasks, "--coder", fake.url, "--out", tmp_path / "o", "-n", 2, "-m", 0)
    assert {"pass@1", "pass@2"} <= set(record["figures"])
    known = {k for k, v in record["figures"].items() if v["n_tasks"]}
    assert not any(k.startswith(("bon", "unit", "invalid")) for k in known)
    assert list(record["models"]) == ["coder"]
    assert sum(fake.served.values()) == 6
    more = (tasks, "--coder", fake.url, "--out", tmp_path / "o", "-n", 2, "-m", 1)
    assert list(run(*more)["models"]) == ["coder", "tester"]
    assert sum(fake.served.values()) == 9


DOUBLE = {
    "task_id": "call",
    "entry_point": "double",
    "prompt": 'def double(x):\n    """Twice x, 0 if x is below 0."""\n',
    "canonical_solution": "    if x < 0:\n        return 0\n    return 2 * x\n",
    "test": "def check(candidate):\n    assert candidate(2) == 4\n    assert candidate(-1) == 0\n",
}
SCRIPTED = {
    **DOUBLE,
    "task_id": "script",
    "test": "def check(candidate):\n    for i in range(5):\n        assert candidate(i) == i + i\n",
}


def test_function_tasks_are_graded_as_calls_and_scripts(fake: FakeOpenAI, tmp_path: Path) -> None:
    """Programs: right (and noisy), without the case below 0, and one that gives up. Tests: right,
    wrong, one that raises, and none."""
    tasks = tmp_path / "HumanEval.jsonl"
    tasks.write_text("".join(json.dumps(r) + "\n" for r in (DOUBLE, SCRIPTED)))
    bodies = [
        "print('noise')\ndef double(x):\n    return max(0, 2 * x)",
        "def double(x):\n    return x + x",
        "def double(x):\n    raise SystemExit(0)",
        "def treble(x):\n    return 3 * x",
    ]
    asserted = [
        "assert double(-3) == 0",
        "assert double(3) == 7",
        "assert double('a') == 0",
        "print(double(1) == 2)",
    ]
    count: Counter[str] = Counter()

    def writes(body: dict[str, Any]) -> dict[str, Any]:
        message = body["messages"][0]["content"]
        count[message[:20]] += 1
        given = asserted if "Write one test" in message else bodies
        return whole(f"So:\n```python\n{given[(count[message[:20]] - 1) % 4]}\n```")

    fake.writes = writes
    args = (tasks, "--coder", fake.url, "--out", tmp_path / "o", "-n", 4, "-m", 4)
    found = run(*args, "--concurrency", 1, "--scale", "4x4")
    records = RunDir(tmp_path / "o", locked=False).read_packed(step_file("rollouts", 0))
    correct = {r["task"]["id"]: [p["correct"] for p in r["programs"]] for r in records}
    assert correct == {  # no script looks below 0
        "call": [True, False, False, False],
        "script": [True, True, False, False],
    }
    assert "`double`" in fake.bodies[0]["messages"][0]["content"]
    for r in records:
        assert [t["right"] for t in r["tests"]] == [True, False, False, False]
        assert [t["valid"] for t in r["tests"]] == [True, True, False, False]
        assert r["tests"][3]["failure"] == "no_assertion"
    figures = {k: v["mean"] for k, v in found["figures"].items()}
    assert figures["pass@1"] == pytest.approx(3 / 8)
    assert figures["unit_test_accuracy"] == pytest.approx(1 / 4)
    # by the script x + x is right, and the right test is not
    assert figures["unit_test_accuracy_estimate"] == pytest.approx((1 / 4 + 0) / 2)
    assert figures["invalid_tests"] == pytest.approx(1 / 2)
    # wrong programs on the right test: of the first task three fail, of the second two
    assert figures["p01"] == 0
    assert figures["branch_coverage"] == 1 / 2  # the wrong test takes the other way
    assert 0 < figures["mutation_score"] <= 1
    # a right program passes that test alone, x + x none
    assert figures["bon_4x4"] == 1


def test_the_official_protocol(fake: FakeOpenAI, tmp_path: Path) -> None:
    many = {
        "test_input": [f"{i}\n" for i in range(12)],
        "test_output": [f"{i + 1}\n" for i in range(12)],
        "checker": "exact",
        "example_input": ["1\n"],
        "example_output": ["2\n"],
    }
    with FakeOpenAI(owner="vllm") as vllm:
        tasks = write_tasks(tmp_path / "t.jsonl", 2, many)
        args = (tasks, "--coder", vllm.url, "--preset", "official")
        record = run(*args, "--out", tmp_path / "o")
        body = vllm.bodies[0]
        assert len(vllm.bodies) == 2 * 32
    sent = {k: body[k] for k in ("temperature", "top_p", "top_k", "max_tokens")}
    assert sent == {"temperature": 0.8, "top_p": 0.95, "top_k": 40, "max_tokens": 10_000}
    assert "Example input" not in body["messages"][0]["content"]
    assert record["conditions"]["max_tests"] == 8
    assert record["conditions"]["checkers"] == ["tokens"]
    assert sum(record["verdicts"].values()) == 2 * 16 * 8
    assert record["official"]["tasks"] == 2
    assert record["official"]["bon_16x16_acc"] in (0, 0.5, 1)
    other = run(tasks, "--coder", fake.url, "--preset", "official", "--max-tokens", 50, "-n", 2,
                "-m", 2, "--out", tmp_path / "p")  # fmt: skip
    assert "top_k" not in fake.bodies[0]
    assert fake.bodies[0]["max_tokens"] == 50
    assert other["conditions"]["top_k_sent"] == {"coder": False, "tester": False}
    assert "top-k was not sent" in (tmp_path / "p" / "eval.md").read_text()


@pytest.mark.parametrize(
    ("more", "why"),
    [
        (("--scale", "4x2"), "--scale 4x2: too large; there are 3 programs"),
        (("--scale", "4"), "--scale 4: not a list of scales; give programs x tests"),
        (("--temperature", -1), "--temperature -1"),
        (("--top-p", 0), "--top-p 0"),
        (("--checker", "nonsense"), "nonsense"),
        (("--extra", "stream=true"), "--extra stream"),
        (("--tester-model", "x"), "belong to --tester"),
        (("--scale", "0x2"), "--scale 0x2"),
        (("--cache", "OUT"), "--cache: is the directory of --out"),
        (("--tester", "no/such/directory/"), "there is no such directory"),
        (("--tester", "/"), "/: has no config.json"),
        (("--coder-key", "sk-secret"), "--coder-key: the environment has no variable of that"),
        (("--tester", "http://127.0.0.1:9/v1", "--tester-key", "secret"), "--tester-key: the env"),
        (("--coder-key", "NO_SECRET"), "give the name of the variable that holds the key"),
        (("--tester-prompts", "no-such-file.toml"), "no-such-file.toml"),
        (("--prompts", "no-such-file.toml"), "no-such-file.toml"),
        (("--extra", "api_key=secret"), "--extra api_key: extra fields are written to disk"),
        (("--tester", "ftp://me:secret@host"), "ftp://…@host: is no address"),
        (("--tester", "localhost:8000/v1"), "begins with http://"),
    ],
)
def test_a_wrong_option_is_one_line_and_asks_nothing(
    tasks: Path, fake: FakeOpenAI, tmp_path: Path, more: tuple[Any, ...], why: str
) -> None:
    given = [tmp_path / "o" if x == "OUT" else x for x in more]
    with pytest.raises(SparringError) as caught:
        run(*usual(tasks, fake, tmp_path / "o", *given))
    assert why in str(caught.value)
    assert "\n" not in str(caught.value)
    assert "secret" not in str(caught.value).lower()
    assert fake.bodies == []


def test_a_key_is_sent_and_written_nowhere(
    tasks: Path, fake: FakeOpenAI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("MY_KEY", "sk-very-secret")
    run(*usual(tasks, fake, tmp_path / "o", "--coder-key", "MY_KEY", "--cache", tmp_path / "c"))
    assert fake.headers[0]["Authorization"] == "Bearer sk-very-secret"
    files = [f for f in tmp_path.rglob("*") if f.is_file()]
    assert len(files) > 6
    assert not [f for f in files if b"very-secret" in f.read_bytes()]


def test_a_key_that_the_server_quotes_is_written_nowhere(
    tasks: Path, fake: FakeOpenAI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Why a response is missing stands in eval.json, in the server's words."""
    monkeypatch.setenv("OPENAI_API_KEY", "sk-very-secret")
    sound = fake.writes
    fake.writes = lambda body: (
        {"error": {"message": "key sk-very-secret is at its limit"}}
        if "variant 1" in body["messages"][0]["content"]
        else sound(body)
    )
    with pytest.raises(SparringError, match=r"key .the key. is at its limit"):
        run(*usual(tasks, fake, tmp_path / "o"))
    record = json.loads((tmp_path / "o" / "eval.json").read_text())
    assert record["missing"]
    files = [f for f in tmp_path.rglob("*") if f.is_file()]
    assert not [f for f in files if b"very-secret" in f.read_bytes()]


def test_texts_of_models_are_escaped(tasks: Path, fake: FakeOpenAI, tmp_path: Path) -> None:
    fake.models = [{"id": "[bold]x\x1b[2J|<script>"}]
    run(*usual(tasks, fake, tmp_path / "o"))
    text = (tmp_path / "o" / "eval.md").read_text()
    assert "\x1b" not in text
    assert "\\<script\\>" in text


def test_a_server_that_refuses_is_one_line(tasks: Path, fake: FakeOpenAI, tmp_path: Path) -> None:
    fake.always = (401, {}, b'{"error": {"message": "wrong key"}}')
    args = usual(tasks, fake, tmp_path / "o")
    found = subprocess.run(command(*args), capture_output=True, text=True, check=False)
    assert found.returncode == 1
    assert found.stderr.strip() == (
        f"sparring: {fake.url}: HTTP 401: wrong key; no key was sent: OPENAI_API_KEY is not set "
        "(--coder-key names another variable)"
    )


@pytest.mark.parametrize("status", [401, 403])
def test_a_refused_key_is_named_by_its_variable(
    tasks: Path, fake: FakeOpenAI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int
) -> None:
    monkeypatch.setenv("MY_KEY", "sk-very-secret")
    fake.always = (status, {}, b'{"error": {"message": "no: sk-very-secret"}}')
    with pytest.raises(SparringError, match=r"variable MY_KEY \(--coder-key names") as caught:
        run(*usual(tasks, fake, tmp_path / "a", "--coder-key", "MY_KEY"))
    assert "secret" not in str(caught.value)
    with FakeOpenAI() as sound:
        args = usual(tasks, sound, tmp_path / "b", "--tester", fake.url, "--tester-key", "MY_KEY")
        with pytest.raises(SparringError, match=r"variable MY_KEY \(--tester-key names") as caught:
            run(*args)
    assert "secret" not in str(caught.value)


def test_each_role_may_have_its_own_prompts(tasks: Path, fake: FakeOpenAI, tmp_path: Path) -> None:
    """One server plays both, asked in one form or in two."""
    (tmp_path / "a.toml").write_text('[prompts]\ncoder = "A {statement}"\ntester = "B {statement}"')
    (tmp_path / "b.toml").write_text(
        '[prompts]\ncoder = "C {statement}"\ntester = "Write one test: {statement}"'
    )
    args = usual(tasks, fake, tmp_path / "o", "--prompts", tmp_path / "a.toml")
    found = run(*args, "--tester-prompts", tmp_path / "b.toml")
    messages = {b["messages"][0]["content"].split(" Add")[0] for b in fake.bodies}
    assert messages == {"A", "Write one test:"}
    assert found["conditions"]["prompts"]["coder"] == "A {statement}"
    assert found["conditions"]["tester_prompts"]["tester"] == "Write one test: {statement}"
    assert found["figures"]["tester.failed"]["mean"] == 0
    with pytest.raises(SparringError, match="begun with another tester_prompts"):
        run(*args)


def test_a_local_model_in_both_roles(tmp_path: Path) -> None:
    args = ("microworld:held_out", "--coder", "nano", "--prompts", "nano", "-n", 2, "-m", 2,
            "--limit-tasks", 3, "--max-tokens", 72, "--top-p", 0.95, "--top-k", 20)  # fmt: skip
    first = run(*args, "--out", tmp_path / "a")
    assert first["complete"]
    assert first["responses"]["tester"]["responses"] == 6
    assert first["responses"]["coder"]["failures"] == {}  # it knows how to write a program
    path = tmp_path / "a" / "responses.jsonl"
    whole_file = lines(path)
    path.write_text("".join(json.dumps(x) + "\n" for x in whole_file[::2]))
    run(*args, "--out", tmp_path / "a")
    by_key = {x["key"]: x["text"] for x in lines(path)}
    assert by_key == {x["key"]: x["text"] for x in whole_file}


def test_no_torch_for_a_served_model(tasks: Path, fake: FakeOpenAI, tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "class No:\n"
        "    def find_spec(self, name, *a):\n"
        "        if name.split('.')[0] in ('torch', 'transformers'):\n"
        "            raise ImportError(name)\n"
        "sys.meta_path.insert(0, No())\n"
        "from sparring.cli.main import main\n"
        "main()\n"
    )
    args = command(*usual(tasks, fake, tmp_path / "o"))[3:]
    found = subprocess.run(
        [sys.executable, "-c", code, *args],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "COLUMNS": "120"},
    )
    assert found.returncode == 0, found.stderr
    assert "programs right (pass@1)" in found.stdout


def test_every_answer_is_read_once(
    tasks: Path, fake: FakeOpenAI, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    readings = counted(monkeypatch)
    run(*usual(tasks, fake, tmp_path / "o"))
    each = {Role.CODER: 3, Role.TESTER: 2}
    assert readings == {
        (task["id"], role, i): 1
        for task in json.loads((tmp_path / "o" / "eval.json").read_text())["tasks"]
        for role, count in each.items()
        for i in range(count)
    }
