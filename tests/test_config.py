from dataclasses import replace

import pytest

from videoclip.config import dump_config, load_config, presets
from videoclip.errors import ConfigError, VideoclipError
from videoclip.pretrain.config import PretrainConfig
from videoclip.tasks.finetune import FinetuneConfig


def test_the_papers_preset_is_the_defaults():
    assert load_config(PretrainConfig, "paper") == PretrainConfig()


def test_every_preset_loads_and_survives_a_round_trip():
    from pydantic import TypeAdapter

    for name in presets():
        config = load_config(PretrainConfig, name)
        assert TypeAdapter(PretrainConfig).validate_python(dump_config(config)) == config


def test_keys_on_the_command_line_win_over_the_file(tmp_path):
    (tmp_path / "mine.yaml").write_text("epochs: 3\nmodel: {heads: 4}\n")
    config = load_config(PretrainConfig, str(tmp_path / "mine.yaml"), ["epochs=7", "clips.rule=aligned", "corpus=a=b"])
    assert (config.epochs, config.model.heads, config.clips.rule, config.corpus) == (7, 4, "aligned", "a=b")


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("epoch=3", "did you mean 'epochs'"),
        ("clips.max_second=3", "did you mean 'clips.max_seconds'"),
        ("epochs=many", "epochs.*many"),
        ("epochs", "write key=value"),
        ("clips.rule=strict", "choose from official"),
        ("epochs.more=1", "epochs"),
        ("precision=fp8", "choose from auto, fp32, bf16"),
    ],
)
def test_mistakes_are_one_error_that_names_the_key(override, message):
    with pytest.raises(ConfigError, match=message):
        load_config(PretrainConfig, "paper", [override])


def test_a_missing_file_is_an_error_that_lists_the_presets():
    with pytest.raises(ConfigError, match="presets are best, demo"):
        load_config(PretrainConfig, "papper")


def test_a_file_with_a_byte_order_mark_or_of_another_encoding_is_read_or_named(tmp_path):
    (tmp_path / "mine.yaml").write_bytes("epochs: 3\n".encode("utf-16"))
    assert load_config(PretrainConfig, str(tmp_path / "mine.yaml")).epochs == 3
    (tmp_path / "mine.yaml").write_bytes(b"epochs: 3\nout: d\xe9j\xe0\n")
    with pytest.raises(VideoclipError, match=r"mine\.yaml: line 2: is not in UTF-8"):
        load_config(PretrainConfig, str(tmp_path / "mine.yaml"))


def test_one_key_of_a_group_leaves_the_others_as_the_owner_of_the_group_means_them(tmp_path):
    meant = FinetuneConfig()
    for made in (
        load_config(FinetuneConfig, "", ["optimizer.lr=1e-3"]),
        load_config(FinetuneConfig, str(_written(tmp_path / "mine.yaml", "optimizer: {lr: 0.001}\n"))),
    ):
        assert made == replace(meant, optimizer=replace(meant.optimizer, lr=1e-3))
    assert made.optimizer.warmup_updates == 122  # of fine-tuning, where pre-training has 1,000


def _written(path, text):
    path.write_text(text)
    return path
