#include "text/clip_files.hpp"

#include <freeinit/text/mend_text.hpp>
#include <freeinit/text/prompt_notes.hpp>

#include <array>

namespace text_test {
namespace {

using freeinit::mend_text;
using Texts = std::vector<std::string>;

TEST(MendText, GivesTheIdsOfOpenClip) {
  const nlohmann::json mended = golden("mended.json");
  ASSERT_GT(mended.at("texts").size(), 1000U);
  for (std::size_t i = 0; i < mended.at("texts").size(); ++i) {
    const auto text = mended.at("texts")[i].get<std::string>();
    EXPECT_EQ(shared_tokenizer().tokenize(mend_text(text)),
              mended.at("ids")[i].get<std::vector<std::int64_t>>())
        << text << " -> " << mend_text(text);
  }
}

TEST(MendText, IsWhatOneReads) {
  EXPECT_EQ(mend_text("\u201CTom &amp;amp; Jerry\u201D\u2019s \uFB01re \uFF21\uFF11"),
            "\"Tom & Jerry\"'s fire A1");
  EXPECT_EQ(mend_text("<b> &amp;amp;"), "<b> &");
  EXPECT_EQ(mend_text("caf\xE9 \x01"), "caf\uFFFD ");
  EXPECT_EQ(mend_text("plain caf\u00E9, \u65E5\u672C"), "plain caf\u00E9, \u65E5\u672C");
  EXPECT_EQ(mend_text(""), "");
}

TEST(MendText, TakesNoLongForHostileText) {
  std::string chain = "&";
  for (int i = 0; i < 100'000; ++i) chain += "amp;";
  EXPECT_EQ(mend_text(chain), "&");
  std::string wide;
  for (int i = 0; i < 100'000; ++i) wide += "&#xFF06;amp;";
  EXPECT_LT(mend_text(wide).size(), wide.size());
}

TEST(PromptNotes, FindTheSyntaxOfOtherPrograms) {
  EXPECT_EQ(freeinit::foreign_syntax("a (big:1.3) cat <lora:add_detail:0.7>, [dog:cat:0.5] BREAK "
                                     "((masterpiece)) <my-style> (big:1.3)"),
            (Texts{"(big:1.3)", "<lora:add_detail:0.7>", "[dog:cat:0.5]", "BREAK",
                   "((masterpiece))", "<my-style>"}));
  for (const char* plain :
       {"", "a cat (big) on a mat [1]", "x < y > z", "Break dance", "at 16:9 (ratio 16:9)",
        "I <3 cats", "<|endoftext|>", "BREAKFAST \xFF"}) {
    EXPECT_EQ(freeinit::foreign_syntax(plain), Texts{}) << plain;
  }
}

TEST(PromptNotes, FindTheNamesOfEmbeddings) {
  EXPECT_EQ(freeinit::embedding_names("blurry, EasyNegative, badhandv4, ng_deepnegative_v1_75t"),
            (Texts{"EasyNegative", "badhandv4", "ng_deepnegative_v1_75t"}));
  EXPECT_EQ(freeinit::embedding_names("easy negative space, a bad artist"), Texts{});
}

TEST(PromptNotes, FindWordsThatAreNotKnown) {
  const Texts known{"a", "red", "circle", "moving"};
  EXPECT_EQ(freeinit::unknown_words("A red, RED circle moving.", known), Texts{});
  EXPECT_EQ(freeinit::unknown_words("a furry dog and a DOG \u4E00\u53EA\u72D7", known),
            (Texts{"furry", "dog", "and", "\u4E00\u53EA\u72D7"}));
}

}  // namespace
}  // namespace text_test
