"""``evaluate`` from a program, by the command and again by ``rerun``; what it refuses, and what adding to it takes."""

import json
import shutil
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest
import torch
from made_benchmarks import MAKERS, corpus_of, make

import videoclip as package
from videoclip import evaluate
from videoclip.benchmarks.supervised import train_and_test
from videoclip.benchmarks.table import BENCHMARKS, benchmark
from videoclip.corpus.store import Corpus
from videoclip.errors import VideoclipError
from videoclip.model.config import ModelConfig
from videoclip.model.videoclip import VideoCLIP
from videoclip.tasks.finetune import EPOCHS, FinetuneConfig


def same_in(result: dict) -> dict:
    """What does not depend on when and where it was made."""
    return {key: value for key, value in result.items() if key not in ("date", "commit", "config")}


@pytest.fixture(scope="module")
def model():
    torch.manual_seed(0)
    return VideoCLIP(ModelConfig(8, 32, 2, 64, 1, 1, positions=80)).eval()


@pytest.fixture
def msrvtt(tmp_path, model) -> Path:
    """A folder with MSR-VTT's files, features and a model."""
    make("msrvtt", tmp_path)
    model.save_pretrained(tmp_path / "model")
    return tmp_path


def counted(monkeypatch) -> tuple[Counter, list]:
    """How often each row of a corpus is read from now on, and what the model's features are checked against."""
    rows, checks = Counter(), []
    read, check = Corpus.read, VideoCLIP.check_features

    def counting(self, wanted):
        rows.update(wanted)
        return read(self, wanted)

    def checking(self, *arguments):
        if str(arguments[-1]).endswith(".lance"):
            checks.append(arguments)
        return check(self, *arguments)

    monkeypatch.setattr(Corpus, "read", counting)
    monkeypatch.setattr(VideoCLIP, "check_features", checking)
    return rows, checks


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_video_is_read_once_and_features_are_checked_once(name, tmp_path, model, monkeypatch):
    corpus = make(name, tmp_path)
    rows, checks = counted(monkeypatch)
    result = evaluate(name, model, corpus, tmp_path)
    assert set(rows.values()) == {1}
    assert len(checks) == 1
    assert result["items"]
    assert json.loads(json.dumps(result))["config"]["split"] == benchmark(name).splits[0]


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_split_and_rule_that_is_listed_is_there_and_another_is_refused(name, tmp_path, model):
    corpus, known = make(name, tmp_path), benchmark(name)
    seen = set()
    for split in known.splits:
        result = evaluate(name, model, corpus, tmp_path, split=split)
        seen.add(frozenset(str(item["video"]) for item in result["items"] if "video" in item))
        assert result["config"]["split"] == split
    assert len(seen) > 1 or len(known.splits) == 1, "all splits are the same videos"
    for i in range(max(len(known.rules), len(known.normalizations))):
        chosen = {"rule": known.rules[i : i + 1], "normalization": known.normalizations[i : i + 1]}
        options = {option: values[0] for option, values in chosen.items() if values}
        result = evaluate(name, model, corpus, tmp_path, **options)
        assert result["config"].items() >= options.items()
        assert not known.rules or result["segmentation"]["rule"] == options["rule"]
        assert "normalization" not in options or result["retrieval"]["normalization"] == options["normalization"]
    for wrong in ({"split": "x"}, {"rule": "x"}, {"normalization": "x"}):
        with pytest.raises(VideoclipError, match=f"^{name} (has|takes) no {next(iter(wrong))}.*'x'"):
            evaluate(name, model, corpus, tmp_path, **wrong)


def test_options_that_do_not_apply_are_one_error_that_names_all_of_them(videoclip, msrvtt):
    code, _, err = videoclip(
        *("evaluate", "msrvtt", "--model", msrvtt / "model", "--data", msrvtt, "--split", "train", "--rule", "paper")
    )
    assert code == 2
    assert err.strip() == (
        "videoclip: msrvtt has no split 'train'; choose from test; it takes no rule of segmentation; leave 'paper' out"
    )
    with pytest.raises(VideoclipError, match="youcook2 takes no rule of segmentation; leave 'spread' out"):
        evaluate("youcook2", "m", None, msrvtt, rule="spread")


def test_clips_of_the_validation_videos_are_not_those_of_training(tmp_path, model):
    (tmp_path / "youcook2_zero_shot.csv").write_text("end,start,task,text,video_id\n9,2,1,stir,a\n")
    corpus = corpus_of(tmp_path / "c.lance", {"a": 12})
    assert evaluate("youcook2", model, corpus, tmp_path, split="val")["retrieval"]["gallery"] == 1
    with pytest.raises(VideoclipError, match="lists validation clips alone; put youcookii_annotations_trainval"):
        evaluate("youcook2", model, corpus, tmp_path, split="train")


def test_a_program_and_the_command_give_the_same_result(videoclip, msrvtt):
    where = ("--model", msrvtt / "model", "--data", msrvtt, "--json", msrvtt / "e.json")
    code, printed, err = videoclip(
        *("evaluate", "msrvtt", *where, "--normalization", "dual-softmax", "--template", "a video of {}")
    )
    assert code == 0, err
    assert "Retrieval among 5 clips" in printed
    command = json.loads((msrvtt / "e.json").read_text())
    options = {"normalization": "dual-softmax", "templates": "a video of {}"}
    given = [
        (str(msrvtt / "model"), None, str(msrvtt)),
        (msrvtt / "model", msrvtt / "corpus.lance", msrvtt),
        (VideoCLIP.from_pretrained(msrvtt / "model").eval(), Corpus(msrvtt / "corpus.lance"), msrvtt),
    ]
    for arguments in given:
        result = json.loads(json.dumps(evaluate("msrvtt", *arguments, **options)))
        assert list(result) == list(command)
        assert same_in(result) == same_in(command)
        assert result["config"] | {"model": ""} == command["config"] | {"model": ""}
        assert Path(result["config"]["model"]).resolve() == Path(command["config"]["model"]).resolve()


def test_an_evaluation_is_repeated_from_its_file(videoclip, msrvtt):
    made = msrvtt / "e.json"
    made.write_text(json.dumps(evaluate("msrvtt", msrvtt / "model", None, msrvtt)))
    code, printed, err = videoclip("rerun", made, "--out", msrvtt / "again")
    assert (code, printed[:11]) == (0, "identical: "), err
    again = json.loads((msrvtt / "again" / "e.json").read_text())
    assert again["config"] == json.loads(made.read_text())["config"]
    assert again["intervals"]
    changed = json.loads(made.read_text())
    changed["retrieval"]["text_to_video"]["R@1"] += 0.2
    made.write_text(json.dumps(changed))
    code, printed, _ = videoclip("rerun", made, "--out", msrvtt / "again")
    assert code == 1
    assert "retrieval.text_to_video.R@1: " in printed
    assert "different: " in printed


def test_a_file_of_the_first_version_is_repeated_unless_it_says_what_was_not_so(videoclip, msrvtt):
    """It named the default rule also where nothing is segmented, and any split that was asked for."""
    result = evaluate("msrvtt", msrvtt / "model", None, msrvtt)
    result["config"] |= {"rule": "spread", "split": "test"}
    (msrvtt / "old.json").write_text(json.dumps(result))
    code, printed, err = videoclip("rerun", msrvtt / "old.json")
    assert (code, printed[:11]) == (0, "identical: "), err
    result["config"] |= {"split": "train"}
    (msrvtt / "old.json").write_text(json.dumps(result))
    code, _, err = videoclip("rerun", msrvtt / "old.json")
    assert code == 2
    assert "msrvtt has no split 'train'" in err


def test_a_model_that_was_never_saved_is_evaluated_and_cannot_be_repeated(videoclip, msrvtt):
    torch.manual_seed(1)
    result = evaluate("msrvtt", VideoCLIP(ModelConfig(8, 32, 2, 64, 1, 1, positions=80)), None, msrvtt)
    assert result["config"]["model"] == ""
    (msrvtt / "e.json").write_text(json.dumps(result))
    code, _, err = videoclip("rerun", msrvtt / "e.json")
    assert code == 2
    assert "a model that was never saved" in err


def test_mistakes_are_named_before_a_model_is_loaded(tmp_path):
    for arguments, message in (
        (("imagenet", "m", None, tmp_path), "no benchmark 'imagenet'; there are world, youcook2"),
        (("coin", "m", None, tmp_path / "x"), "no such file or folder; it is to hold the benchmark's annotations"),
        (("coin", "m", "", str(tmp_path)), "no such corpus"),
        (("coin", "m", tmp_path / "c.lance", tmp_path), r"c\.lance: no such corpus"),
    ):
        with pytest.raises(VideoclipError, match=message):
            evaluate(*arguments)


@pytest.mark.parametrize("name", ["coin", "crosstask"])
def test_training_is_measured_before_and_after_on_videos_that_it_did_not_see(name, tmp_path, msrvtt):
    corpus = make(name, tmp_path / "data")
    config = FinetuneConfig(epochs=1, batch=8)
    result = train_and_test(name, str(msrvtt / "model"), corpus, tmp_path / "data", config, tmp_path / "run")
    split = benchmark(name).trained_split
    before = evaluate(name, msrvtt / "model", corpus, tmp_path / "data", split=split)
    rule = {"rule": "background"} if name == "coin" else {}
    after = evaluate(name, tmp_path / "run" / "model", corpus, tmp_path / "data", split=split, **rule)
    task, metric = result["figure"]
    assert result["zero_shot"] == before[task][metric]
    assert result["fine_tuned"] == after[task][metric] == result["test"][task][metric]
    assert result["test"]["config"]["split"] == ("supervised-test" if name == "crosstask" else "test")
    assert "items" not in result["test"]


@pytest.mark.parametrize("name", BENCHMARKS)
def test_every_task_that_can_be_trained_has_examples_of_its_own_videos(name, tmp_path):
    corpus = make(name, tmp_path)
    for task, examples in benchmark(name).trains.items():
        assert task in EPOCHS
        train, held_out = examples(corpus, tmp_path)
        assert len(train) > len(held_out) > 0
        kept = {example.features.tobytes() for example in train}
        assert not kept & {example.features.tobytes() for example in held_out}
    assert name in MAKERS or name == "world"


@pytest.mark.parametrize("name", BENCHMARKS)
def test_the_guide_says_which_options_each_benchmark_takes(name):
    known = benchmark(name)
    guide = Path(__file__).parents[2] / "docs" / "evaluate.md"
    rows = [line.split("|") for line in guide.read_text().splitlines() if line.startswith(f"| `{name}` |")]
    _, _, splits, rule, normalization, tasks, _ = next(cells for cells in rows if len(cells) == 7)
    assert [split for split in known.splits if split not in splits.replace(",", " ").split()] == []
    assert (rule.strip(), normalization.strip()) == ("yes" * bool(known.rules), "yes" * bool(known.normalizations))
    assert tasks.strip() == ", ".join(known.trains)


TOY = """
from .benchmark import Benchmark, features_of


def evaluate_toy(model, corpus, data, options):
    videos = (data / "toy.txt").read_text().split()
    features = features_of(corpus, videos)
    return {"toy": {"seconds": sum(map(len, features.values()))}, "items": [{"video": video} for video in features]}


BENCHMARK = Benchmark(evaluate_toy, splits=("test", "val"))
"""
LINE = '    "toy": lambda: module("videoclip.benchmarks.toy").BENCHMARK,\n'
COMMANDS = """
import json, sys
from typer.testing import CliRunner
from videoclip.cli.main import app
heavy = [name for name in ("numpy", "torch", "lance") if name in sys.modules]
shown = CliRunner().invoke(app, ["evaluate", "--help"]).output
where = ["toy", "--model", "model", "--data", ".", "--split"]
made = CliRunner().invoke(app, ["evaluate", *where, "val", "--json", "toy.json"])
wrong = CliRunner().invoke(app, ["evaluate", *where, "train"])
untrained = CliRunner().invoke(app, ["finetune", *where[:-1], "--out", "run"])
print(json.dumps([heavy, "toy" in shown, made.exit_code, str(wrong.exception), str(untrained.exception)]))
"""


def test_a_new_benchmark_is_one_module_and_one_line(tmp_path, model):
    source = shutil.copytree(Path(package.__file__).parent, tmp_path / "src" / "videoclip")
    (source / "benchmarks" / "toy.py").write_text(TOY)
    table = source / "benchmarks" / "table.py"
    lines = table.read_text().splitlines(keepends=True)
    lines.insert(1 + next(i for i, line in enumerate(lines) if line.startswith("BENCHMARKS")), LINE)
    table.write_text("".join(lines))
    model.save_pretrained(tmp_path / "model")
    corpus_of(tmp_path / "corpus.lance", {"a": 5, "b": 7, "c": 9})
    (tmp_path / "toy.txt").write_text("a b gone")
    done = subprocess.run(
        [sys.executable, "-c", COMMANDS], cwd=tmp_path, capture_output=True, text=True, check=False,
        env={"PYTHONPATH": str(tmp_path / "src"), "PATH": "", "HOME": str(tmp_path), "HF_HUB_OFFLINE": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    heavy, shown, code, wrong, untrained = json.loads(done.stdout)
    assert heavy == []
    assert shown
    assert code == 0
    assert json.loads((tmp_path / "toy.json").read_text())["toy"] == {"seconds": 12}
    assert wrong == "toy has no split 'train'; choose from test, val"
    assert "toy has no training videos; choose from world, youcook2" in untrained
