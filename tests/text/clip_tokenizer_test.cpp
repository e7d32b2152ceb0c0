#include "text/clip_files.hpp"

#include <freeinit/core/error.hpp>

#include <thread>

namespace text_test {
namespace {

using Ids = std::vector<std::int64_t>;

TEST(ClipTokenizer, KnowsWhichSpellingsAreTokensOfTheirOwn) {
  EXPECT_TRUE(shared_tokenizer().has_token("<|endoftext|>"));
  for (const char* text : {"cat", "EasyNegative", "<my-style>", "(big:1.3)", "", "\xFF"}) {
    EXPECT_FALSE(shared_tokenizer().has_token(text)) << text;
  }
}

TEST(ClipTokenizer, KnownPrompt) {
  EXPECT_EQ(shared_tokenizer().tokenize("a photo of a cat"), (Ids{320, 1125, 539, 320, 2368}));
}

TEST(ClipTokenizer, EmptyAndBlankTextHaveNoIds) {
  EXPECT_EQ(shared_tokenizer().tokenize(""), Ids{});
  EXPECT_EQ(shared_tokenizer().tokenize(" \t\n\u00A0\u3000"), Ids{});
}

TEST(ClipTokenizer, EncodePadsToTheLength) {
  const freeinit::TokenizedPrompt prompt = shared_tokenizer().encode("a cat");
  ASSERT_EQ(prompt.ids.size(), 77U);
  EXPECT_EQ(prompt.num_tokens, 4);
  EXPECT_EQ((Ids(prompt.ids.begin(), prompt.ids.begin() + 5)),
            (Ids{49406, 320, 2368, 49407, 49407}));
  EXPECT_EQ(prompt.ids.back(), 49407);
  EXPECT_EQ(prompt.truncated_text, "");
}

TEST(ClipTokenizer, EncodeCutsAndNamesWhatWasCut) {
  freeinit::ClipTokenizerOptions options;
  options.max_length = 6;
  const freeinit::ClipTokenizer tokenizer = clip_tokenizer(options);
  const freeinit::TokenizedPrompt exact = tokenizer.encode("a photo of cat");
  EXPECT_EQ(exact.truncated_text, "");
  const freeinit::TokenizedPrompt prompt =
      tokenizer.encode("A photo of Cat, na\u00EFve   Stra\u00DFe");
  EXPECT_EQ(prompt.ids, (Ids{49406, 320, 1125, 539, 2368, 49407}));
  EXPECT_EQ(prompt.num_tokens, 6);
  EXPECT_EQ(prompt.truncated_text, ", na\u00EFve stra\u00DFe");
}

// The cut may fall inside a character: the message must still be valid UTF-8.
TEST(ClipTokenizer, TruncatedTextIsValidUtf8) {
  freeinit::ClipTokenizerOptions options;
  options.max_length = 3;
  const std::string cut = clip_tokenizer(options).encode("\U0001F9CE\u0E17").truncated_text;
  EXPECT_TRUE(cut.starts_with("\uFFFD")) << cut;
  EXPECT_NO_THROW((void)nlohmann::json(cut).dump());
}

TEST(ClipTokenizer, SpecialTokensInsideTheText) {
  const freeinit::ClipTokenizer& tokenizer = shared_tokenizer();
  EXPECT_EQ(tokenizer.tokenize("a<|endoftext|>b"), (Ids{320, 49407, 321}));
  EXPECT_EQ(tokenizer.tokenize("x<|startoftext|>"), (Ids{343, 49406}));
  // In capitals it is text, and the marks behind it stay apart.
  EXPECT_EQ(tokenizer.tokenize("<|ENDOFTEXT|>"), (Ids{27, 347, 40786, 4160, 91, 285}));
  EXPECT_NE(tokenizer.tokenize("<|ENDOFTEXT|>!!"), tokenizer.tokenize("<| ENDOFTEXT |>!!"));
}

// OpenCLIP's tokenizers pad with "!" (id 0), which makes every "!" of a prompt that token.
TEST(ClipTokenizer, PaddingTokenInsideTheText) {
  freeinit::ClipTokenizerOptions options;
  options.pad_token_id = 0;
  options.max_length = 8;
  const freeinit::TokenizedPrompt prompt = clip_tokenizer(options).encode("hi !! x");
  EXPECT_EQ(prompt.ids, (Ids{49406, 1883, 0, 0, 343, 49407, 0, 0}));
  EXPECT_EQ(prompt.num_tokens, 6);
  // For open_clip itself it is text: "!" as a word has another id.
  options.match_pad_token = false;
  EXPECT_EQ(clip_tokenizer(options).encode("hi ! x").ids,
            (Ids{49406, 1883, 256, 343, 49407, 0, 0, 0}));
}

TEST(ClipTokenizer, InvalidUtf8IsReadWithReplacementCharacters) {
  const freeinit::ClipTokenizer& tokenizer = shared_tokenizer();
  const std::vector<std::pair<std::string, std::string>> cases{
      {"a\xFF b", "a\uFFFD b"},
      {"\xE4\xB8 x", "\uFFFD x"},                        // cut short
      {"\xC0\xAF", "\uFFFD\uFFFD"},                      // overlong
      {"\xED\xA0\x80", "\uFFFD\uFFFD\uFFFD"},            // a surrogate
      {"\xF4\x90\x80\x80", "\uFFFD\uFFFD\uFFFD\uFFFD"},  // above U+10FFFF
      {"\xF0\x9F\x98", "\uFFFD"},
      {"\x80", "\uFFFD"},
  };
  for (const auto& [broken, replaced] : cases) {
    EXPECT_EQ(tokenizer.tokenize(broken), tokenizer.tokenize(replaced)) << replaced;
  }
}

TEST(ClipTokenizer, NulIsACharacter) {
  EXPECT_EQ(shared_tokenizer().tokenize(std::string("a\0b", 3)),
            shared_tokenizer().tokenize(std::string("a \0 b", 5)));
}

// A word of 300,000 letters, as many words, as many marks: nothing may be quadratic in them.
TEST(ClipTokenizer, LongTexts) {
  std::string words;
  for (int i = 0; i < 50000; ++i) words += "red circle ";
  EXPECT_EQ(shared_tokenizer().tokenize(words).size(), 100000U);
  EXPECT_GT(shared_tokenizer().tokenize(std::string(300000, 'q')).size(), 1000U);
  EXPECT_GT(shared_tokenizer().tokenize(std::string(300000, '!')).size(), 1000U);
  std::string marks = "a";
  for (int i = 0; i < 100000; ++i) marks += "\u0301\u0323";  // each pair in the wrong order
  EXPECT_GT(shared_tokenizer().tokenize(marks).size(), 1000U);
  std::string ends;
  for (int i = 0; i < 20000; ++i) ends += "<|endoftext|>";
  EXPECT_EQ(shared_tokenizer().tokenize(ends).size(), 20000U);
}

TEST(ClipTokenizer, OneTokenizerServesManyThreads) {
  const Ids expected = shared_tokenizer().tokenize("the red circle moving right, \u6771\u4EAC");
  std::vector<std::jthread> threads;
  for (int i = 0; i < 4; ++i) {
    threads.emplace_back([&] {
      for (int k = 0; k < 200; ++k) {
        EXPECT_EQ(shared_tokenizer().tokenize("the red circle moving right, \u6771\u4EAC"),
                  expected);
      }
    });
  }
}

/// A tokenizer over these two files; the error's code and message if it throws.
std::pair<freeinit::ErrorCode, std::string> error_of(const std::string& vocab,
                                                     const std::string& merges,
                                                     freeinit::ClipTokenizerOptions options = {}) {
  const TemporaryFolder folder;
  write_file(folder.path() / "vocab.json", vocab);
  write_file(folder.path() / "merges.txt", merges);
  try {
    (void)freeinit::ClipTokenizer(folder.path() / "vocab.json", folder.path() / "merges.txt",
                                  options);
  } catch (const freeinit::Error& error) {
    return {error.code(), error.what()};
  }
  return {freeinit::ErrorCode::internal, "no error"};
}

TEST(ClipTokenizer, RefusesBrokenFiles) {
  using freeinit::ErrorCode;
  const auto refuses = [](const std::string& vocab, const std::string& merges,
                          const std::string& says) {
    const auto [code, message] = error_of(vocab, merges);
    EXPECT_EQ(code, ErrorCode::invalid_file) << message;
    EXPECT_NE(message.find(says), std::string::npos) << message;
  };
  refuses("[1]", "", "is not a JSON object");
  refuses("{\"a\":", "", "not valid JSON");
  refuses("{\"" + std::string(5000, 'k') + "\":1}", "", "takes 5000 bytes; expected at most 4096");
  refuses("{\"a\":-1}", "", "not an integer");
  refuses("{\"a\":\"x\"}", "", "not an integer");
  refuses("{\"a\":1}", "a a\n", "line 1: the vocabulary has no token 'aa'");
  refuses("{\"a\":1}", "#version: 0.2\nab\n", "line 2: expected two symbols");
  refuses("{\"a\":1}", "a b c\n", "line 1: expected two symbols");
  refuses("{\"a\":1,\"aa\":2}", "a a\n\na a\n", "line 2: expected two symbols");
}

TEST(ClipTokenizer, RefusesMissingFilesAndBadOptions) {
  EXPECT_THROW((void)freeinit::ClipTokenizer("/nonexistent/vocab.json", "/nonexistent/merges.txt"),
               freeinit::Error);
  freeinit::ClipTokenizerOptions options;
  options.max_length = 1;
  EXPECT_EQ(error_of("{}", "", options).first, freeinit::ErrorCode::invalid_argument);
  options.max_length = 77;
  options.bos_token_id = -1;
  EXPECT_EQ(error_of("{}", "", options).first, freeinit::ErrorCode::invalid_argument);
}

TEST(ClipTokenizer, AfterAMove) {
  freeinit::ClipTokenizer first = clip_tokenizer({});
  const freeinit::ClipTokenizer second(std::move(first));
  EXPECT_EQ(second.tokenize("a"), Ids{320});
  EXPECT_THROW((void)first.tokenize("a"), freeinit::Error);
  EXPECT_THROW((void)first.encode("a"), freeinit::Error);
  EXPECT_THROW((void)first.options(), freeinit::Error);
}

// Texts of a file may be as long as its writer likes; messages stay short.
TEST(ClipTokenizer, HostileFiles) {
  const std::string longest(1'000'000, 'x');
  const std::string deep = std::string(200'000, '[') + std::string(200'000, ']');
  for (const auto& [vocab, merges] :
       std::vector<std::pair<std::string, std::string>>{{R"({"a":)" + deep + "}", ""},
                                                        {"{\"" + longest + "\":-1}", ""},
                                                        {"{}", "a " + longest}}) {
    const auto [code, message] = error_of(vocab, merges);
    EXPECT_EQ(code, freeinit::ErrorCode::invalid_file);
    EXPECT_LT(message.size(), 500U);
  }
}

// A small vocabulary: unknown symbols become the unknown token, special tokens may lie outside it.
TEST(ClipTokenizer, SmallVocabulary) {
  const TemporaryFolder folder;
  write_file(folder.path() / "vocab.json", R"({"a":0,"b</w>":1,"ab</w>":2,"b":3})");
  write_file(folder.path() / "merges.txt", "#version: 0.2\r\na b</w>\r\n");
  freeinit::ClipTokenizerOptions options;
  options.bos_token_id = 4;
  options.eos_token_id = options.pad_token_id = options.unk_token_id = 5;
  const freeinit::ClipTokenizer tokenizer(folder.path() / "vocab.json",
                                          folder.path() / "merges.txt", options);
  EXPECT_EQ(tokenizer.tokenize("AB cb abb"), (Ids{2, 5, 1, 0, 3, 1}));
  EXPECT_EQ(tokenizer.tokenize("<|startoftext|>"), Ids{4});
  // Blank lines at the end are none.
  write_file(folder.path() / "merges.txt", "#version: 0.2\na b</w>\n\n \r\n");
  const freeinit::ClipTokenizer blank(folder.path() / "vocab.json", folder.path() / "merges.txt",
                                      options);
  EXPECT_EQ(blank.tokenize("AB cb abb"), (Ids{2, 5, 1, 0, 3, 1}));
}

}  // namespace
}  // namespace text_test
