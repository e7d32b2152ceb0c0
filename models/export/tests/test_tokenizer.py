"""vocab.json and merges.txt alone encode as the original tokenizer does."""

import json
import os
import subprocess

import pytest
import torch
from tiny_pipeline import tiny_tokenizer
from transformers import AddedToken, CLIPTokenizer

from freeinit_export import cli
from freeinit_export.errors import ExportError
from freeinit_export.networks.tokenizer import write_tokenizer


def test_files_read_by_transformers_give_the_same_ids(tmp_path):
    original = tiny_tokenizer()
    section = write_tokenizer(original, tmp_path)
    fresh = CLIPTokenizer.from_pretrained(tmp_path / "tokenizer")
    for text in (
        "a red circle moving right",
        "UPPER don't 12\u00bd \u732b \U0001f600 <|endoftext|> e\u0301",
    ):
        assert fresh(text).input_ids == original(text).input_ids
    assert section["vocab_file"] == "tokenizer/vocab.json"
    assert section["eos_token_id"] == section["pad_token_id"] == len(original) - 1


def test_a_saved_and_reloaded_tokenizer_gives_the_same_files(tmp_path):
    original = tiny_tokenizer()
    original.save_pretrained(tmp_path / "saved")
    for name, tokenizer in (
        ("a", original),
        ("b", CLIPTokenizer.from_pretrained(tmp_path / "saved")),
    ):
        (tmp_path / name).mkdir()
        write_tokenizer(tokenizer, tmp_path / name)
    for file in ("vocab.json", "merges.txt"):
        assert (tmp_path / "a/tokenizer" / file).read_bytes() == (
            tmp_path / "b/tokenizer" / file
        ).read_bytes()


def test_the_words_that_a_trainer_declares_are_handed_on(tmp_path):
    original = tiny_tokenizer()
    assert "words" not in write_tokenizer(original, tmp_path)
    original.init_kwargs["words"] = ["a", "red"]
    original.save_pretrained(tmp_path / "saved")
    (tmp_path / "again").mkdir()
    section = write_tokenizer(CLIPTokenizer.from_pretrained(tmp_path / "saved"), tmp_path / "again")
    assert section["words"] == ["a", "red"]


def test_added_words_have_a_file_of_their_own(tmp_path):
    tokenizer = tiny_tokenizer()
    first = len(tokenizer)
    tokenizer.add_tokens(["<my-style>", "<my-style>_1"])
    write_tokenizer(tokenizer, tmp_path)
    added = json.loads((tmp_path / "tokenizer/added_tokens.json").read_text())
    assert added == {"<my-style>": first, "<my-style>_1": first + 1}
    assert "<my-style>" not in json.loads((tmp_path / "tokenizer/vocab.json").read_text())


def test_words_that_are_matched_in_another_way_are_refused(tmp_path):
    tokenizer = tiny_tokenizer()
    tokenizer.add_tokens([AddedToken("<my-style>", single_word=True, normalized=True)])
    with pytest.raises(ExportError, match="the added token '<my-style>' is matched in another way"):
        write_tokenizer(tokenizer, tmp_path)


def test_other_tokenizers_are_refused(tmp_path):
    class Words:
        pass

    with pytest.raises(ExportError, match="'Words' is not a CLIP tokenizer"):
        write_tokenizer(Words(), tmp_path)


@pytest.mark.skipif("FREEINIT_COMMAND" not in os.environ, reason="FREEINIT_COMMAND names no command")
def test_the_command_reads_added_words_as_transformers_does(saved, tmp_path):
    """An exported bundle with a word of three vectors."""
    word = tmp_path / "my-word.pt"
    torch.save({"string_to_param": {"*": torch.randn(3, 32)}}, word)
    out = tmp_path / "bundle"
    assert cli.main(["diffusers", str(saved), str(out), "--quiet", "--embedding", str(word)]) == 0
    command = [os.environ["FREEINIT_COMMAND"], "tokenize", "a my-word, red", "--bundle"]
    done = subprocess.run([*command, tmp_path / "bundle"], capture_output=True, text=True)
    tokenizer = CLIPTokenizer.from_pretrained(saved / "tokenizer")
    tokenizer.add_tokens(["my-word", "my-word_1", "my-word_2"])
    text = "a my-word my-word_1 my-word_2, red"  # what maybe_convert_prompt makes of it
    expected = tokenizer(text, padding="max_length", truncation=True).input_ids
    assert json.loads(done.stdout.splitlines()[-1]) == expected, done.stderr
