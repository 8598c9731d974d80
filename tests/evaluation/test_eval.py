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
from tests.evaluation.asked import command, lines, run, usual, write_tasks
from tests.fake_openai import TEST, WRONG, FakeOpenAI, whole

from sparring.errors import SparringError
from sparring.pipelines.record import judged_from
from sparring.runs.directory import RunDir, step_file

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
    assert figures["one_shot"] == pytest.approx(2 / 3)
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
    assert "programs right (one-shot) | 66.7%" in (tmp_path / "o" / "eval.md").read_text()


def test_rollouts_read_back_as_what_was_judged(
    tasks: Path, fake: FakeOpenAI, tmp_path: Path
) -> None:
    run(*usual(tasks, fake, tmp_path / "o"))
    records = RunDir(tmp_path / "o", locked=False).read_lines(step_file("rollouts", 0))
    assert [r["task"]["id"] for r in records] == ["t0", "t1", "t2"]
    judged = judged_from(records[0])
    assert len(judged.programs) == 3
    assert judged.right_U.tolist() == [True, True]
    assert records[0]["programs"][0]["tokens"] == [7, 5]


def test_only_code(tasks: Path, fake: FakeOpenAI, tmp_path: Path) -> None:
    record = run(tasks, "--coder", fake.url, "--out", tmp_path / "o", "-n", 2, "-m", 0)
    assert {"one_shot", "pass@1", "pass@2"} <= set(record["figures"])
    known = {k for k, v in record["figures"].items() if v["n_tasks"]}
    assert not any(k.startswith(("bon", "unit", "invalid")) for k in known)
    assert list(record["models"]) == ["coder"]
    assert sum(fake.served.values()) == 6
    more = (tasks, "--coder", fake.url, "--out", tmp_path / "o", "-n", 2, "-m", 1)
    assert list(run(*more)["models"]) == ["coder", "tester"]
    assert sum(fake.served.values()) == 9


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
        (("--scale", "4x2"), "--scale 4x2: there are 3 programs"),
        (("--scale", "4"), "--scale 4: give programs x tests"),
        (("--temperature", -1), "--temperature -1"),
        (("--top-p", 0), "--top-p 0"),
        (("--checker", "nonsense"), "nonsense"),
        (("--extra", "stream=true"), "--extra stream"),
        (("--tester-model", "x"), "belong to --tester"),
        (("--scale", "0x2"), "--scale 0x2"),
        (("--cache", "OUT"), "--cache: must be another"),
        (("--tester", "no/such/directory/"), "there is no such directory"),
        (("--tester", "/"), "/: has no config.json"),
        (("--coder-key", "NO_SUCH_VARIABLE"), "no NO_SUCH_VARIABLE"),
        (("--prompts", "no-such-file.toml"), "no-such-file.toml"),
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


def test_what_models_write_is_escaped_for_people(
    tasks: Path, fake: FakeOpenAI, tmp_path: Path
) -> None:
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
    assert found.stderr.strip() == f"sparring: {fake.url}: HTTP 401: wrong key"


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
        "from sparring.cli import main\n"
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
    assert "programs right (one-shot)" in found.stdout
