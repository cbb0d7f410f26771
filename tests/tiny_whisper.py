"""A Whisper of random weights, small enough to be made in a second, in the form that faster-whisper reads."""

import json
from pathlib import Path

SPECIAL = ["<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|translate|>", "<|transcribe|>", "<|startoflm|>"]
SPECIAL += ["<|startofprev|>", "<|nospeech|>", "<|notimestamps|>"]
TIMES = 1501
"""Tokens for the times from 0 to 30 seconds."""


TINY = {"d_model": 32, "encoder_layers": 1, "decoder_layers": 2, "heads": 2}
BASE = {"d_model": 512, "encoder_layers": 6, "decoder_layers": 6, "heads": 8}


def make_whisper(folder: Path, seed: int = 0, sizes: dict[str, int] = TINY, wordy: bool = False) -> Path:
    """``folder/ct2``: the model, converted by CTranslate2's own converter.

    Args:
        wordy: it is sure of its words, and says no times.
    """
    import torch
    from ctranslate2.converters import TransformersConverter
    from transformers import WhisperConfig, WhisperForConditionalGeneration

    vocabulary = _write_tokenizer(folder / "torch")
    torch.manual_seed(seed)
    end, start = vocabulary["<|endoftext|>"], vocabulary["<|startoftranscript|>"]
    heads, width = sizes["heads"], 4 * sizes["d_model"]
    config = WhisperConfig(
        vocab_size=len(vocabulary) + TIMES, num_mel_bins=80, d_model=sizes["d_model"],
        encoder_layers=sizes["encoder_layers"], decoder_layers=sizes["decoder_layers"],
        encoder_attention_heads=heads, decoder_attention_heads=heads, encoder_ffn_dim=width, decoder_ffn_dim=width,
        pad_token_id=end, bos_token_id=end, eos_token_id=end, decoder_start_token_id=start,
        suppress_tokens=[], begin_suppress_tokens=[end],
    )  # fmt: skip
    model = WhisperForConditionalGeneration(config)
    if wordy:
        letters = [vocabulary[letter] for letter in "abcdefghijklmnopqrstuvwxyzĠ"]  # the last is a space
        with torch.no_grad():
            scale = torch.zeros(len(model.model.decoder.embed_tokens.weight), 1)
            scale[letters] = 20
            model.model.decoder.embed_tokens.weight *= scale
    model.save_pretrained(folder / "torch")
    converter = TransformersConverter(str(folder / "torch"), copy_files=["tokenizer.json"])
    return Path(converter.convert(str(folder / "ct2"), quantization="int8"))


def _write_tokenizer(folder: Path) -> dict[str, int]:
    from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers

    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE({letter: i for i, letter in enumerate(letters)}, []))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([AddedToken(token, special=True) for token in SPECIAL])
    folder.mkdir(parents=True)
    tokenizer.save(str(folder / "tokenizer.json"))
    about = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": SPECIAL[0]}
    (folder / "tokenizer_config.json").write_text(json.dumps(about))
    return tokenizer.get_vocab()
