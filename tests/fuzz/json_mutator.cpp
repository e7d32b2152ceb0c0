// A mutator that knows JSON: it changes a value somewhere in the tree, so that most mutants get
// past the parser. The rest of the time libFuzzer changes bytes.
#include "fuzz/json_mutator.hpp"

#include <nlohmann/json.hpp>

#include <array>
#include <limits>
#include <random>
#include <string>
#include <vector>

extern "C" std::size_t LLVMFuzzerMutate(std::uint8_t* data, std::size_t size, std::size_t most);

namespace fuzz {
namespace {

using nlohmann::json;

json nasty_value(std::minstd_rand& random) {
  static const std::array<json, 18> values{json(nullptr),
                                           json(true),
                                           json(0),
                                           json(-1),
                                           json(1),
                                           json(std::int64_t{1} << 31),
                                           json(std::numeric_limits<std::int64_t>::max()),
                                           json(std::numeric_limits<std::int64_t>::min()),
                                           json(std::numeric_limits<std::uint64_t>::max()),
                                           json(1e308),
                                           json(-1e-308),
                                           json(0.5),
                                           json(""),
                                           json("../x"),
                                           json("/"),
                                           json(std::string(300, 'x')),
                                           json::array(),
                                           json::object()};
  return values[random() % values.size()];
}

/// Every value of a tree.
void collect(json& value, std::vector<json*>& all) {
  all.push_back(&value);
  if (!value.is_structured()) return;
  for (json& inner : value) collect(inner, all);
}

void change(json& root, std::minstd_rand& random) {
  std::vector<json*> all;
  collect(root, all);
  json& place = *all[random() % all.size()];
  const json other = *all[random() % all.size()];
  switch (random() % 5) {
    case 0:
      place = nasty_value(random);
      return;
    case 1:
      place = other;
      return;
    case 2:
      if (place.is_structured() && !place.empty()) {
        auto entry = place.begin();
        std::advance(entry, random() % place.size());
        place.erase(entry);
      }
      return;
    case 3:
      if (place.is_object()) place[std::to_string(random() % 3)] = other;
      if (place.is_array()) place.push_back(other);
      return;
    default:
      if (place.is_number_integer()) {  // wraps: also beyond the largest
        const auto number = static_cast<std::uint64_t>(place.get<std::int64_t>());
        place = static_cast<std::int64_t>(number + random() % 3 - 1);
      }
      if (place.is_string()) place = place.get<std::string>() + "_1";
  }
}

}  // namespace

std::size_t mutate_json(std::uint8_t* data, std::size_t size, std::size_t most, unsigned seed) {
  constexpr std::size_t kLargest = 1 << 16;
  constexpr int kDeepest = 100;  // what walks and writes a tree recurses on its levels
  std::minstd_rand random(seed);
  if (random() % 3 == 0 || size > kLargest) return LLVMFuzzerMutate(data, size, most);
  bool deep = false;
  const auto look = [&deep](int depth, json::parse_event_t, const json&) {
    deep = deep || depth > kDeepest;
    return true;
  };
  json root = json::parse(data, data + size, look, /*allow_exceptions=*/false);
  if (deep || root.is_discarded()) return LLVMFuzzerMutate(data, size, most);
  change(root, random);
  const std::string text = root.dump(-1, ' ', false, json::error_handler_t::replace);
  if (text.size() > most) return LLVMFuzzerMutate(data, size, most);
  std::copy(text.begin(), text.end(), data);
  return text.size();
}

}  // namespace fuzz
