#include <freeinit/core/name_help.hpp>

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <vector>

namespace name_help_test {

using Names = std::vector<std::string>;
using freeinit::meant_names;

const std::set<std::string> kKnown{"guidance-scale", "height",    "negative-prompt",
                                   "num-frames",     "num-iters", "num-inference-steps",
                                   "save-passes",    "seed",      "width"};

TEST(NameHelp, KnowsWhatOtherProgramsSay) {
  EXPECT_EQ(meant_names("steps", kKnown), Names{"num-inference-steps"});
  EXPECT_EQ(meant_names("cfg-scale", kKnown), Names{"guidance-scale"});
  EXPECT_EQ(meant_names("size", kKnown), (Names{"height", "width"}));
  for (const char* name : {"passes", "num-passes", "iters", "iterations", "num-iterations"}) {
    EXPECT_EQ(meant_names(name, kKnown), Names{"num-iters"}) << name;
  }
}

TEST(NameHelp, SeesSlipsAndWords) {
  EXPECT_EQ(freeinit::near_name("sede", kKnown), "seed");
  EXPECT_EQ(meant_names("num-frame", kKnown), Names{"num-frames"});
  EXPECT_EQ(meant_names("neg-prompt", kKnown), Names{"negative-prompt"});
}

TEST(NameHelp, IsSilentAboutOtherWords) {
  for (const std::string& name : {std::string("device"), std::string("zzz"), std::string("threads"),
                                  std::string("sd"), std::string(), std::string(5000, 'x')}) {
    EXPECT_TRUE(meant_names(name, kKnown).empty()) << name;
    EXPECT_EQ(freeinit::near_name(name, kKnown), "") << name;
  }
}

TEST(NameHelp, AsksForOneOrSome) {
  EXPECT_EQ(freeinit::did_you_mean({}), "");
  EXPECT_EQ(freeinit::did_you_mean({"a"}), "; did you mean 'a'?");
  EXPECT_EQ(freeinit::did_you_mean({"a", "b", "c"}), "; did you mean 'a', 'b' or 'c'?");
}

}  // namespace name_help_test
