#include "text/clip_files.hpp"
#include "text/random_text.hpp"

namespace text_test {
namespace {

TEST(ClipTokenizerGolden, ExamplesEqualHuggingFace) {
  const nlohmann::json examples = golden("examples.json");
  ASSERT_EQ(examples.at("texts").size(), 300U);
  for (std::size_t i = 0; i < examples.at("texts").size(); ++i) {
    const auto text = examples.at("texts")[i].get<std::string>();
    EXPECT_EQ(shared_tokenizer().tokenize(text),
              examples.at("ids")[i].get<std::vector<std::int64_t>>())
        << text;
  }
}

TEST(ClipTokenizerGolden, TenThousandRandomStringsEqualHuggingFace) {
  const nlohmann::json random = golden("random.json");
  const auto hashes = random.at("hashes").get<std::string>();
  RandomText texts(random);
  ASSERT_EQ(hashes.size(), 10000U * 6);
  for (std::size_t i = 0; i * 6 < hashes.size(); ++i) {
    const std::string text = texts.next();
    IdHash hash;
    hash.add(shared_tokenizer().tokenize(text));
    ASSERT_EQ(hash.short_form(), hashes.substr(i * 6, 6)) << "string " << i << ": " << text;
  }
}

// Each code point alone, between letters, and between combining marks: classes, lower case, NFC.
TEST(ClipTokenizerGolden, EveryCodePointEqualsHuggingFace) {
#ifdef FREEINIT_SANITIZED
  constexpr std::size_t kStride = 16;  // slow there; the other builds test every block
#else
  constexpr std::size_t kStride = 1;
#endif
  const auto hashes = golden("code_points.json").at("hashes").get<std::string>();
  ASSERT_EQ(hashes.size(), 0x1100U * 6);
  for (std::size_t block = 0; block < 0x1100; block += kStride) {
    IdHash hash;
    for (std::size_t c = block * 256; c < (block + 1) * 256; ++c) {
      if (c >= 0xD800 && c <= 0xDFFF) continue;
      std::string one;
      append_character(one, c);
      hash.add(shared_tokenizer().tokenize(one + " a" + one + "b e\xCC\x81" + one + "\xCC\xA3"));
    }
    EXPECT_EQ(hash.short_form(), hashes.substr(block * 6, 6)) << "code points from " << block * 256;
  }
}

// Words of one to four vectors, beside and inside other words, in composed and decomposed letters.
TEST(ClipTokenizerGolden, WordsOfEmbeddingsEqualDiffusers) {
  const nlohmann::json words = golden("embeddings.json");
  const TemporaryFolder folder;
  write_vocabulary(folder.path());
  write_file(folder.path() / "added_tokens.json", words.at("added_tokens").dump());
  const freeinit::ClipTokenizer tokenizer(folder.path() / "vocab.json", kMerges);
  ASSERT_GE(words.at("texts").size(), 12U);
  for (std::size_t i = 0; i < words.at("texts").size(); ++i) {
    const auto text = words.at("texts")[i].get<std::string>();
    EXPECT_EQ(tokenizer.tokenize(text), words.at("ids")[i].get<std::vector<std::int64_t>>())
        << text;
  }
  // In any case, as other programs read them; what is cut off is named.
  EXPECT_EQ(tokenizer.tokenize("EASYnegative"), tokenizer.tokenize("EasyNegative"));
  freeinit::ClipTokenizerOptions options;
  options.max_length = 3;
  const freeinit::ClipTokenizer brief(folder.path() / "vocab.json", kMerges, options);
  EXPECT_EQ(brief.encode("cat <my-style> dog").truncated_text, "<my-style> dog");
}

}  // namespace
}  // namespace text_test
