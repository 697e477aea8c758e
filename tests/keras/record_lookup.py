"""Records what the lookup and hashing layers of Keras do, which need TensorFlow inside. Run by hand.

    /tmp/tf/bin/python -m tests.keras.record_lookup

in the environment of `tests/oracle/README.md`, from the top of the repository. It writes
`recorded/lookup.json`: of each case below the config, the vocabulary, the outputs and what a file holds.
"""

from __future__ import annotations

import json
import os
import tempfile
from pathlib import Path
from typing import Any

PATH = Path(__file__).with_name("recorded") / "lookup.json"

WORDS = [["the", "cat", "sat"], ["the", "dog", "ran"], ["a", "cat", "ran"], ["the", "the", "end"]]
NUMBERS = [[7, 7, 3], [12, -4, 7], [3, 100, 5]]
ASKED = [[["the", "cat", "bird"], ["", "ran", "[UNK]"]], ["dog", "é"]]
COUNTED = [[[7, 3, 8], [0, -4, -9]], [100, -1]]
LONG = [
    "x" * 9,
    "a sentence of twenty-two",
    "b" * 40,
    "one that is longer than " + "sixty-four " * 5,
]
TEXTS = ["The cat sat. The end!", "a  Dog's dog,\tran", "É, the naïve cat"]
VOCABULARY = ["cat", "dog", "the"]

# (layer, arguments, what it adapts to or None, what it is called with)
CASES: dict[str, tuple[str, dict[str, Any], Any, list[Any]]] = {
    "strings": ("StringLookup", {}, WORDS, ASKED),
    "one column is one token an example": (
        "StringLookup",
        {},
        ["b", "a", "b", "c"],
        [["a", "c", "z"]],
    ),
    "given strings": ("StringLookup", {"vocabulary": VOCABULARY}, None, ASKED),
    "given with the unknown token": (
        "StringLookup",
        {"vocabulary": ["[UNK]", *VOCABULARY]},
        None,
        ASKED,
    ),
    "mask": ("StringLookup", {"mask_token": ""}, WORDS, ASKED),
    "mask and three unknown": (
        "StringLookup",
        {"mask_token": "", "num_oov_indices": 3, "vocabulary": VOCABULARY},
        None,
        [*ASKED, LONG],
    ),
    "salted unknown": (
        "StringLookup",
        {"num_oov_indices": 5, "salt": [3, 9], "vocabulary": VOCABULARY},
        None,
        [*ASKED, LONG],
    ),
    "no unknown": (
        "StringLookup",
        {"num_oov_indices": 0, "vocabulary": VOCABULARY},
        None,
        [["the"]],
    ),
    "at most four": ("StringLookup", {"max_tokens": 4}, WORDS, ASKED),
    "invert": (
        "StringLookup",
        {"invert": True, "mask_token": "", "vocabulary": VOCABULARY},
        None,
        [[[0, 1, 2], [3, 4, 9]], [2]],
    ),
    "one hot": ("StringLookup", {"output_mode": "one_hot"}, WORDS, [*ASKED, [["cat"], ["sat"]]]),
    "multi hot": ("StringLookup", {"output_mode": "multi_hot", "mask_token": ""}, WORDS, ASKED),
    "count, padded": (
        "StringLookup",
        {"output_mode": "count", "max_tokens": 12, "pad_to_max_tokens": True},
        WORDS,
        ASKED,
    ),
    "tf_idf": ("StringLookup", {"output_mode": "tf_idf"}, WORDS, ASKED),
    "tf_idf, padded": (
        "StringLookup",
        {"output_mode": "tf_idf", "max_tokens": 10, "pad_to_max_tokens": True},
        WORDS,
        ASKED,
    ),
    "tf_idf, given": (
        "StringLookup",
        {"output_mode": "tf_idf", "vocabulary": VOCABULARY, "idf_weights": [0.5, 0.25, 1.0]},
        None,
        ASKED,
    ),
    "integers": ("IntegerLookup", {}, NUMBERS, COUNTED),
    "integers, mask": ("IntegerLookup", {"mask_token": 0, "vocabulary": [7, 3]}, None, COUNTED),
    "integers, three unknown": (
        "IntegerLookup",
        {"num_oov_indices": 3, "vocabulary": [7, 3]},
        None,
        COUNTED,
    ),
    "integers, hashed unknown": (
        "IntegerLookup",
        {"num_oov_indices": 3, "vocabulary": [7, 3], "oov_method": "farmhash"},
        None,
        COUNTED,
    ),
    "integers, invert": (
        "IntegerLookup",
        {"invert": True, "vocabulary": [7, 3], "mask_token": 0},
        None,
        [[0, 1, 2, 3, 4]],
    ),
    "integers, multi hot": ("IntegerLookup", {"output_mode": "multi_hot"}, NUMBERS, COUNTED),
    "integers, tf_idf": (
        "IntegerLookup",
        {"output_mode": "tf_idf", "max_tokens": 4},
        NUMBERS,
        COUNTED,
    ),
    "texts": ("TextVectorization", {}, TEXTS, [TEXTS, ["Cat?  a DOG", ""]]),
    "texts, cut": (
        "TextVectorization",
        {"output_sequence_length": 3},
        TEXTS,
        [TEXTS, [["cat"], ["é x"]]],
    ),
    "texts, pairs": ("TextVectorization", {"ngrams": 2, "max_tokens": 9}, TEXTS, [TEXTS]),
    "texts, of two and three": ("TextVectorization", {"ngrams": (2, 3)}, TEXTS, [TEXTS]),
    "texts, letters": (
        "TextVectorization",
        {"split": "character", "standardize": "lower"},
        TEXTS,
        [TEXTS],
    ),
    "texts, whole": ("TextVectorization", {"split": None}, TEXTS, [TEXTS]),
    "texts, multi hot": ("TextVectorization", {"output_mode": "multi_hot"}, TEXTS, [TEXTS]),
    "texts, tf_idf": ("TextVectorization", {"output_mode": "tf_idf"}, TEXTS, [TEXTS]),
    "texts, given": (
        "TextVectorization",
        {"vocabulary": VOCABULARY, "standardize": None, "output_mode": "count"},
        None,
        [TEXTS],
    ),
    "hash": ("Hashing", {"num_bins": 7}, None, [*ASKED, LONG, [[1, -5], [2**30, 0]]]),
    "hash, mask": ("Hashing", {"num_bins": 4, "mask_value": ""}, None, ASKED),
    "hash, salt": ("Hashing", {"num_bins": 100, "salt": [1337, 2]}, None, [*ASKED, LONG, [12, 13]]),
    "hash, one hot": (
        "Hashing",
        {"num_bins": 3, "output_mode": "one_hot", "salt": 4},
        None,
        [[["a"], ["b"]]],
    ),
    "hash, count": ("Hashing", {"num_bins": 3, "output_mode": "count"}, None, ASKED[:1]),
}


def plain(value: Any) -> Any:
    """Arrays of strings or numbers as lists that JSON holds."""
    if isinstance(value, list):
        return [plain(item) for item in value]
    return value.decode("utf-8") if isinstance(value, bytes) else value


def results(layers: Any, name: str) -> dict[str, Any]:
    """What a case gives with the layers of either package."""
    kind, settings, data, calls = CASES[name]
    layer = getattr(layers, kind)(**settings)
    if data is not None:
        layer.adapt(data)
    found: dict[str, Any] = {"outputs": []}
    for inputs in calls:
        out = layer(inputs)
        found["outputs"].append([out.dtype.name, plain(out.numpy().tolist())])
    config = layer.get_config()
    found["config"] = {key: value for key, value in config.items() if key not in ("name", "dtype")}
    if kind != "Hashing":
        words = [int(w) if kind == "IntegerLookup" else str(w) for w in layer.get_vocabulary()]
        found["vocabulary"] = words
        with tempfile.TemporaryDirectory() as folder:
            layer.save_assets(folder)
            file = Path(folder) / "vocabulary.txt"
            found["file"] = file.read_text(encoding="utf-8") if file.exists() else None
        store: dict[str, Any] = {}
        layer.save_own_variables(store)
        found["store"] = {key: value.tolist() for key, value in store.items()}
    return found


def main() -> None:
    """Writes the file."""
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    os.environ["KERAS_BACKEND"] = "tensorflow"
    import keras
    import tensorflow

    about = {"keras": keras.__version__, "tensorflow": tensorflow.__version__}
    rows = {name: results(keras.layers, name) for name in CASES}
    lines = [
        f"{json.dumps(name)}: {json.dumps(row)}" for name, row in {"about": about, **rows}.items()
    ]
    PATH.write_text("{\n" + ",\n".join(lines) + "\n}\n", encoding="utf-8")
    print(f"{PATH.name}: {len(rows)} cases")


if __name__ == "__main__":
    main()
