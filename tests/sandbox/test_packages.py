"""Packages of an environment: what is given, what is not, and that each run finds them as new."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

import pytest
from typer.testing import CliRunner

from sparring import values
from sparring.cli.main import app
from sparring.errors import SandboxError
from sparring.sandbox import Job, Level, Limits, Sandbox, TestKind
from sparring.sandbox.caller.markers import holds_here
from sparring.sandbox.caller.packages import NO_PACKAGES, Packages, find_packages
from sparring.sandbox.check import conformance, security
from sparring.sandbox.check.targets import Targets
from sparring.sandbox.details import needed
from sparring.schema import Outcome, Verdict

PYTHON = f"python{sys.version_info.major}.{sys.version_info.minor}"
needs_numpy = pytest.mark.skipif(find_spec("numpy") is None, reason="numpy is not installed here")


def installed(site: Path, name: str, files: dict[str, str], requires: tuple[str, ...] = ()) -> None:
    """A distribution as pip leaves it."""
    info = f"{name.replace('-', '_')}-1.0.dist-info"
    lines = [f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0"]
    lines += [f"Requires-Dist: {one}" for one in requires]
    every = {**files, f"{info}/METADATA": "\n".join(lines) + "\n", f"{info}/RECORD": ""}
    every[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in every)
    for path, text in every.items():
        place = site / path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text)


@pytest.fixture
def environment(tmp_path: Path) -> Path:
    site = tmp_path / "lib" / PYTHON / "site-packages"
    site.mkdir(parents=True)
    installed(
        site,
        "pure-one",
        {"pure_one/__init__.py": "from pure_two import TWO\nSEEN = []\ndef f(x): return x + TWO\n",
         "pure_one/part.py": "PART = 5\n", "../../../bin/pure-one": "#!/bin/sh\n"},
        ("pure-two>=1", "never-there; extra == 'all'", 'older; python_version < "3.8"'),
    )  # fmt: skip
    installed(site, "pure-two", {"pure_two.py": "TWO = 2\n"})
    installed(site, "other", {"other/__init__.py": "X = 1\n"})
    installed(site, "lost", {"lost.py": "\n"}, ("nowhere-to-be-found",))
    installed(site, "spread", {"shared/mine/__init__.py": "ME = 1\n"})
    installed(site, "spread-too", {"shared/theirs/__init__.py": "ME = 2\n"})
    installed(site, "broken", {"broken.py": "import other\n"})
    start = "import threading, time\nthreading.Thread(target=time.sleep, args=(60,), daemon=True)"
    installed(site, "busy", {"busy.py": f"{start}.start()\n"})
    return tmp_path


def test_required_packages_come_along(environment: Path) -> None:
    found = find_packages(["pure_one"], str(environment))
    assert found.text() == "pure-one==1.0 pure-two==1.0"
    assert found.modules == ("pure_one", "pure_two")
    assert sorted(path for path, _ in found.files) == [
        "pure_one", "pure_one-1.0.dist-info", "pure_two-1.0.dist-info", "pure_two.py",
    ]  # fmt: skip
    site = environment / "lib" / PYTHON / "site-packages"
    python = environment / "bin" / "python"
    python.touch()
    for place in (site, python):
        assert find_packages(["pure-one"], str(place)) == found


def test_an_environment_is_named_or_ours(environment: Path) -> None:
    assert find_packages([]) == NO_PACKAGES
    with pytest.raises(SandboxError, match="packages is empty: name a package"):
        find_packages([], str(environment))


@pytest.mark.parametrize(
    ("names", "said"),
    [
        (["nupmy"], "package nupmy is not installed in "),
        (["lost"], "package nowhere-to-be-found, which lost requires, is not installed"),
        (["pure-one>=2"], "'pure-one>=2' is no name of a package"),
    ],
)
def test_a_missing_package_is_one_line(environment: Path, names: list[str], said: str) -> None:
    with pytest.raises(SandboxError, match=said) as caught:
        find_packages(names, str(environment))
    assert "\n" not in str(caught.value)


def test_another_python_is_refused(tmp_path: Path) -> None:
    (tmp_path / "lib" / "python3.8" / "site-packages").mkdir(parents=True)
    with pytest.raises(SandboxError, match=r"is of Python 3\.8, but programs run under 3\."):
        find_packages(["x"], str(tmp_path))
    with pytest.raises(SandboxError, match=r"is of Python 3\.8"):
        find_packages(["x"], str(tmp_path / "lib" / "python3.8" / "site-packages"))
    with pytest.raises(SandboxError, match="no such directory"):
        find_packages(["x"], str(tmp_path / "none"))
    (tmp_path / "empty").mkdir()
    with pytest.raises(SandboxError, match="holds no packages"):
        find_packages(["x"], str(tmp_path / "empty"))


def test_another_abi_is_refused(environment: Path) -> None:
    site = environment / "lib" / PYTHON / "site-packages"
    installed(site, "built", {"built/__init__.py": "", "built/core.cpython-38-x86_64.so": ""})
    with pytest.raises(SandboxError, match="built is compiled for another Python"):
        find_packages(["built"], str(environment))


def test_markers_are_read() -> None:
    assert holds_here("a (>=1)")
    assert holds_here("a; python_version >= '3.9' and sys_platform == 'linux'")
    assert not holds_here('a; python_version < "3.9"')
    assert not holds_here("a; (extra == 'x' or extra == 'y') and python_version > '3'")
    assert not holds_here("a; platform_system == 'Windows'")
    assert holds_here("a; nobody knows this")


@pytest.fixture(params=list(Level))
def small(request: pytest.FixtureRequest, environment: Path) -> Iterator[Sandbox]:
    try:
        opened = Sandbox(
            1, level=request.param, packages=find_packages(["pure-one"], str(environment))
        )
    except SandboxError as error:
        pytest.skip(f"this host cannot give the level: {error}")
    with opened:
        yield opened


def ran(sandbox: Sandbox, program: str, *inputs: str) -> list[Outcome]:
    [outcomes] = sandbox.run([Job(program, inputs or ("",))])
    return list(outcomes)


def test_it_is_there_and_nothing_else_is(small: Sandbox) -> None:
    program = "import pure_one, pure_one.part\nprint(pure_one.f(1), pure_one.part.PART)"
    assert [o.output for o in ran(small, program)] == ["3 5\n"]
    [outcome] = ran(small, "import other")
    assert outcome.verdict is Verdict.RUNTIME_ERROR
    assert needed(outcome.detail) == "other"
    [outcome] = ran(small, "import os, sys\nprint(sorted(os.listdir(sys.path[-1])))")
    assert outcome.output.count("other") == 0
    assert small.report()["packages"] == {"pure-one": "1.0", "pure-two": "1.0"}


def test_it_cannot_be_changed(small: Sandbox) -> None:
    for mode in ("a", "r+", "w"):
        [outcome] = ran(small, f"import pure_one\nopen(pure_one.__file__, {mode!r}).write('#')")
        assert outcome.verdict is Verdict.RUNTIME_ERROR
    [outcome] = ran(small, "import os, sys\nopen(os.path.join(sys.path[-1], 'new.py'), 'w')")
    assert outcome.verdict is Verdict.RUNTIME_ERROR


def test_a_package_that_nobody_knows_is_new_for_each_run(small: Sandbox) -> None:
    program = "import pure_one\npure_one.SEEN.append(1)\nprint(pure_one.SEEN)"
    assert [o.output for o in ran(small, program, "1", "2", "3")] == ["[1]\n"] * 3


def test_calls_and_scripts_find_it(small: Sandbox) -> None:
    program = "import pure_one\ndef f(x): return pure_one.f(x)"
    call = Job(program, (values.encode(([1], {})),), kind=TestKind.CALL, entry_point="f")
    script = Job(program, ("import pure_two\nassert f(1) == 1 + pure_two.TWO",),
                 kind=TestKind.SCRIPT, entry_point="f")  # fmt: skip
    [[called], [asked]] = small.run([call, script])
    assert (called.output, asked.verdict) == ("3", Verdict.ACCEPTED)


def test_a_directory_of_several_packages_is_not_shown_whole(environment: Path) -> None:
    with Sandbox(1, packages=find_packages(["spread"], str(environment))) as sandbox:
        [outcome] = ran(sandbox, "import shared.mine\nprint(shared.mine.ME)\nimport shared.theirs")
    assert outcome.output == "1\n"
    assert outcome.verdict is Verdict.RUNTIME_ERROR


@pytest.mark.parametrize("level", Level)
@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("broken", "package broken cannot be imported: ModuleNotFoundError: No module named"),
        ("busy", "package busy starts threads when it is imported"),
    ],
)
def test_an_unusable_package_is_one_line(
    environment: Path, name: str, said: str, level: Level
) -> None:
    with pytest.raises(SandboxError, match=said):
        Sandbox(1, level=level, packages=find_packages([name], str(environment)))


def test_outcomes_are_kept_by_the_packages(environment: Path, tmp_path: Path) -> None:
    store = tmp_path / "outcomes.db"
    job = Job("try:\n    import pure_two\n    print(1)\nexcept ImportError:\n    print(0)", ("",))
    with Sandbox(1, store=store) as without:
        assert without.run([job])[0][0].output == "0\n"
    with Sandbox(1, store=store, packages=find_packages(["pure-two"], str(environment))) as sandbox:
        assert sandbox.run([job])[0][0].output == "1\n"


def test_the_command_gives_it(environment: Path, tmp_path: Path) -> None:
    program = tmp_path / "p.py"
    program.write_text("import pure_one\nprint(pure_one.f(1))")
    run = ["sandbox", "run", str(program), "--input", "/dev/null"]
    told = CliRunner().invoke(app, [*run, "--packages", "pure-one", "--packages-from",
                                    str(environment)])  # fmt: skip
    assert (told.exit_code, told.stdout) == (0, "3\n")
    told = CliRunner().invoke(app, run)
    assert "needs pure_one, which the sandbox lacks: add --packages pure_one" in told.output
    wrong = CliRunner().invoke(app, [*run, "--packages", "nupmy", "--packages-from",
                                     str(environment)])  # fmt: skip
    assert wrong.exit_code != 0


@pytest.fixture(scope="module")
def numpy() -> Packages:
    return find_packages(["numpy"])


@needs_numpy
@pytest.mark.parametrize("level", Level)
def test_the_cases_that_numpy_brings_hold(
    level: Level, numpy: Packages, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(conformance, "IDIOMS", {})
    monkeypatch.setattr(security, "ATTACKS", ())
    with Targets() as targets:
        try:
            opened = Sandbox(2, level=level, memo=False, packages=numpy)
        except SandboxError as error:
            pytest.skip(f"this host cannot give the level: {error}")
        with opened as sandbox:
            results = [
                *conformance.check(sandbox, numpy),
                *security.check(sandbox, targets, harmful=True, packages=numpy),
            ]
    assert [(r.name, r.why) for r in results if not r.held] == []
    assert len(results) > 25


@needs_numpy
def test_runs_share_a_process_that_numpy_left_as_it_was(numpy: Packages) -> None:
    import_ = "import numpy as np, os\nn = int(input())\n"
    shared = import_ + "print(os.getpid(), np.arange(n).sum(), np.random.rand())"
    spent = import_ + "np.seterr(all='raise')\nprint(os.getpid(), np.random.rand())"
    limits = Limits(cpu_seconds=5, memory_mib=512)
    with Sandbox(1, packages=numpy, memo=False) as sandbox:
        one, two = sandbox.run([Job(p, ("3", "4", "5"), limits) for p in (shared, spent)])
        again = sandbox.run([Job(shared, ("4",), limits)])[0][0]
    rows = [[o.output.split() for o in outcomes] for outcomes in (one, two)]
    assert len({row[0] for row in rows[0]}) == 1
    assert [row[1] for row in rows[0]] == ["3", "6", "10"]
    assert len({row[2] for row in rows[0]}) == 3
    assert again.output.split()[2] == rows[0][1][2]  # seeded by program and input
    assert len({row[0] for row in rows[1]}) == 3


@needs_numpy
def test_a_product_uses_no_more_than_one_thread(numpy: Packages) -> None:
    program = "import numpy as np\na = np.ones((900, 900))\nprint((a @ a).sum(), "
    program += "open('/proc/self/stat').read().rpartition(')')[2].split()[17])"
    with Sandbox(1, packages=numpy, level=Level.LANDLOCK) as sandbox:
        [[outcome]] = sandbox.run([Job(program, ("",), Limits(5, 5, 512))])
    if outcome.verdict is Verdict.FINISHED:  # a host that lets it look
        assert outcome.output.split()[1] == "1"
    else:
        assert "/proc" in outcome.detail


_NUMBERS = """import numpy as np
def f(kind):
    return {"int": np.int64(3), "float": np.float64(0.5), "bool": np.bool_(True),
            "str": np.str_("a"), "list": [np.int8(1)], "long": np.longdouble(1)}[kind]
"""


@needs_numpy
def test_a_number_of_numpys_is_the_value_that_it_equals(numpy: Packages) -> None:
    wanted = {"int": 3, "float": 0.5, "bool": True, "str": "a", "list": [1]}
    inputs = [values.encode(([kind], {})) for kind in (*wanted, "long")]
    suite = "assert f('int') == 3 and f('float') == 0.5 and f('bool') == True"
    jobs = [
        Job(_NUMBERS, tuple(inputs), kind=TestKind.CALL, entry_point="f"),
        Job(_NUMBERS, (suite,), kind=TestKind.SCRIPT, entry_point="f"),
    ]
    with Sandbox(1, packages=numpy) as sandbox:
        [*called, long], [script] = sandbox.run(jobs)
    assert [one.output for one in called] == [values.encode(v) for v in wanted.values()]
    assert "object" in long.output  # Python has no such number
    assert script.verdict is Verdict.ACCEPTED


@needs_numpy
@pytest.mark.parametrize(
    ("shown", "left"),
    [
        ("np.ma.array([1], mask=[1])", "np.ma.masked_print_option.set_display('Q')"),
        ("np.polynomial.Polynomial([1, 2])", "np.polynomial.set_default_printstyle('ascii')"),
        ("np.ma.core.default_filler['i']", "np.ma.core.default_filler['i'] = 5"),
    ],
)
def test_settings_of_numpy_do_not_reach_the_next_execution(
    numpy: Packages, shown: str, left: str
) -> None:
    program = f"import numpy as np\ninput()\nprint({shown})\n{left}\n"
    with Sandbox(1, packages=numpy) as sandbox:
        [outcomes] = sandbox.run([Job(program, ("1", "2", "3"))])
    assert len({outcome.output for outcome in outcomes}) == 1
