"""BERT's WordPiece tokenizer from the vocabulary that ships in the package: the ids of bert-base-uncased, offline."""

import hashlib
import re
from functools import cache, cached_property
from importlib.resources import files

CLS, SEP, PAD = "[CLS]", "[SEP]", "[PAD]"
_APART = re.compile(r" ' (s|t|re|ve|ll|d|m)\b")
SPECIAL = (PAD, "[UNK]", CLS, SEP, "[MASK]")


class Tokenizer:
    """Strings to token ids without special tokens; ``cls``, ``sep`` and ``pad`` are the ids of those."""

    def __init__(self, vocabulary: dict[str, int]):
        from tokenizers import Tokenizer as Backend
        from tokenizers import decoders, models, normalizers, pre_tokenizers

        self.cls, self.sep, self.pad = vocabulary[CLS], vocabulary[SEP], vocabulary[PAD]
        self._backend = Backend(models.WordPiece(vocabulary, unk_token="[UNK]", max_input_chars_per_word=100))
        self._backend.normalizer = normalizers.BertNormalizer(lowercase=True)
        self._backend.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
        self._backend.decoder = decoders.WordPiece()
        self._backend.add_special_tokens([token for token in SPECIAL if token in vocabulary])

    def __len__(self) -> int:
        return self._backend.get_vocab_size()

    @cached_property
    def fingerprint(self) -> str:
        """A hash of all that token ids depend on."""
        return hashlib.sha256(self._backend.to_str().encode()).hexdigest()

    def encode(self, texts: list[str], max_tokens: int | None = None) -> list[list[int]]:
        """Token ids of each text, at most ``max_tokens`` of them, without ``[CLS]`` and ``[SEP]`` around it."""
        try:
            encoded = self._backend.encode_batch_fast(texts, add_special_tokens=False)
        except TypeError:  # halves of characters, which captions in JSON can hold and UTF-8 cannot
            whole = [text.encode("utf-8", "replace").decode("utf-8") for text in texts]
            encoded = self._backend.encode_batch_fast(whole, add_special_tokens=False)
        return [e.ids[:max_tokens] for e in encoded]

    def decode(self, ids: list[list[int]]) -> list[str]:
        """Lower-case texts of token ids, without special tokens."""
        return [_APART.sub(r"'\1", text) for text in self._backend.decode_batch(ids, skip_special_tokens=True)]


@cache
def bert_tokenizer() -> Tokenizer:
    """The tokenizer of bert-base-uncased (30,522 word pieces)."""
    lines = files("videoclip.data").joinpath("bert-base-uncased-vocab.txt").read_text(encoding="utf-8").split("\n")
    return Tokenizer({word: i for i, word in enumerate(line.rstrip("\r") for line in lines) if word})
