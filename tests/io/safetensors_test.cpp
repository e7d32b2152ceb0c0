#include "io/raw_file.hpp"
#include "io/safetensors_content.hpp"
#include "support/error_of.hpp"
#include "support/temporary_folder.hpp"

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <utility>
#include <vector>

namespace io_test {
namespace {

const std::filesystem::path& golden_file() {
  static const std::filesystem::path path = FREEINIT_TEST_DATA "/io/all_dtypes.safetensors";
  return path;
}

/// The dtypes of tests/reference/io/make_golden.py in its order, with their sizes.
const std::vector<std::pair<std::string, std::size_t>>& golden_dtypes() {
  static const std::vector<std::pair<std::string, std::size_t>> dtypes{
      {"BOOL", 1}, {"U8", 1},  {"I8", 1},   {"F8_E5M2", 1}, {"F8_E4M3", 1}, {"I16", 2},
      {"U16", 2},  {"F16", 2}, {"BF16", 2}, {"I32", 4},     {"U32", 4},     {"F32", 4},
      {"C64", 8},  {"F64", 8}, {"I64", 8},  {"U64", 8}};
  return dtypes;
}

OwnedTensor counting_tensor(const std::string& dtype, std::vector<std::int64_t> shape,
                            std::size_t bytes, std::size_t from) {
  OwnedTensor tensor{dtype, std::move(shape), {}};
  for (std::size_t i = 0; i < bytes; ++i) {
    tensor.data.push_back(std::byte((from + i) % (dtype == "BOOL" ? 2 : 256)));
  }
  return tensor;
}

SafetensorsContent golden_content() {
  SafetensorsContent content;
  content.metadata = {{"note", "quotes \" and \\ and \xC3\xA9 \xE6\x9D\xB1 \n"}};
  for (std::size_t i = 0; i < golden_dtypes().size(); ++i) {
    const auto& [dtype, size] = golden_dtypes()[i];
    content.tensors[dtype] = counting_tensor(dtype, {2, 3}, 6 * size, i);
    content.tensors[dtype + ".scalar"] = counting_tensor(dtype, {}, size, i);
    content.tensors[dtype + ".empty"] = counting_tensor(dtype, {0, 4}, 0, i);
  }
  return content;
}

TEST(Safetensors, ReadsWhatPythonWrote) {
  const SafetensorsContent content = read_safetensors(golden_file());
  const SafetensorsContent expected = golden_content();
  EXPECT_EQ(content.metadata, expected.metadata);
  ASSERT_EQ(content.tensors.size(), expected.tensors.size());
  for (const auto& [name, tensor] : expected.tensors) {
    ASSERT_TRUE(content.tensors.contains(name)) << name;
    EXPECT_EQ(content.tensors.at(name).dtype, tensor.dtype) << name;
    EXPECT_EQ(content.tensors.at(name).shape, tensor.shape) << name;
    EXPECT_EQ(content.tensors.at(name).data, tensor.data) << name;
  }
}

TEST(Safetensors, WritesTheSameBytesAsPython) {
  const TemporaryFolder folder;
  write_safetensors(folder.path() / "out.safetensors", golden_content());
  EXPECT_EQ(file_content(folder.path() / "out.safetensors"), file_content(golden_file()));
}

TEST(Safetensors, ElementSizes) {
  for (const auto& [dtype, size] : golden_dtypes()) {
    EXPECT_EQ(freeinit::safetensors_element_size(dtype), size) << dtype;
  }
  EXPECT_EQ(freeinit::safetensors_element_size("F4"), 0U);
  EXPECT_EQ(freeinit::safetensors_element_size("float32"), 0U);
}

TEST(Safetensors, EmptyFileOfTensors) {
  const TemporaryFolder folder;
  write_safetensors(folder.path() / "e.safetensors", {});
  EXPECT_TRUE(read_safetensors(folder.path() / "e.safetensors").tensors.empty());
}

TEST(Safetensors, WriterRefusesWhatDoesNotFit) {
  const TemporaryFolder folder;
  const auto write = [&](const std::string& name, OwnedTensor tensor) {
    write_safetensors(folder.path() / "x.safetensors", {{{name, std::move(tensor)}}, {}});
  };
  EXPECT_ERROR(invalid_argument, "tensor 'a' of dtype 'F32' has 3 bytes",
               write("a", counting_tensor("F32", {1}, 3, 0)));
  EXPECT_ERROR(invalid_argument, "of dtype 'float' has",
               write("a", counting_tensor("float", {}, 4, 0)));
  EXPECT_ERROR(invalid_argument, "has 0 bytes", write("a", counting_tensor("U8", {-1}, 0, 0)));
  EXPECT_ERROR(invalid_argument, "another name than __metadata__",
               write("__metadata__", counting_tensor("U8", {}, 1, 0)));
  EXPECT_ERROR(invalid_argument, "not valid UTF-8", write("\xFF", counting_tensor("U8", {}, 1, 0)));
  EXPECT_TRUE(std::filesystem::is_empty(folder.path()));
  EXPECT_ERROR(io, "does not exist",
               write_safetensors("/nonexistent/x.safetensors", golden_content()));
}

/// Writes a file with this header text and so many data bytes.
void write_made(const std::filesystem::path& path, const std::string& header,
                std::size_t data_bytes) {
  std::string file(8, '\0');
  for (int i = 0; i < 8; ++i) file[i] = static_cast<char>(header.size() >> (8 * i) & 255);
  write_file(path, file + header + std::string(data_bytes, 'x'));
}

SafetensorsContent read_made(const std::string& header, std::size_t data_bytes) {
  const TemporaryFolder folder;
  write_made(folder.path() / "made", header, data_bytes);
  return read_safetensors(folder.path() / "made");
}

TEST(Safetensors, ReadsOneTensorIntoTheCallersMemory) {
  freeinit::SafetensorsReader file(golden_file());
  std::vector<std::byte> bytes(24);
  file.read("F32", bytes);
  EXPECT_EQ(bytes, golden_content().tensors.at("F32").data);
  EXPECT_ERROR(invalid_argument, "tensor 'F64' has 48 bytes; expected room for them, not for 24",
               file.read("F64", bytes));
  EXPECT_ERROR(not_found, "has no tensor 'x'", file.read("x", bytes));
  file.read("I32", bytes);  // goes on after an error
  EXPECT_EQ(bytes, golden_content().tensors.at("I32").data);
}

// What a header quotes may be as long and as deep as its writer likes; messages stay short.
TEST(Safetensors, HostileHeaders) {
  const auto refused = [](const std::string& header) {
    const freeinit::Error error = error_of([&] { (void)read_made(header, 0); });
    EXPECT_EQ(error.code(), freeinit::ErrorCode::invalid_file);
    EXPECT_LT(std::string(error.what()).size(), 700U);
    return std::string(error.what());
  };
  const std::string deep(200'000, '[');
  const std::string closed = deep + std::string(200'000, ']');
  const std::string longest(1'000'000, 'x');
  EXPECT_NE(refused(R"({"a":{"dtype":)" + closed + "}}").find("nested too deep"),
            std::string::npos);
  EXPECT_NE(refused(deep).find("nested too deep"), std::string::npos);
  refused("{\"" + longest + "\":1}");
  refused("{\"" + longest + "\":{\"dtype\":\"U8\"}}");
  refused("{\"" + longest + "\":{},\"" + longest + "\":{}}");
  refused(R"({"a":{"dtype":")" + longest + "\"}}");
  refused(R"({"a":)" + std::string(5000, '9') + "}");
  refused(R"({"a":")" + longest);
  refused(R"({"__metadata__":{")" + longest + R"(":1}})");
  const std::string named = "{\"" + longest + R"(":{"dtype":"U8","shape":[2],"data_offsets":)";
  refused(named + "[2,4]}}");  // a gap
  refused(named + "[0,1]}}");
}

TEST(Safetensors, HeadersAreLimitedBeforeTheyAreParsed) {
  const TemporaryFolder folder;
  const std::string padded = "{}" + std::string((16U << 20U) - 2, ' ');
  write_made(folder.path() / "padded", padded, 0);
  EXPECT_TRUE(read_safetensors(folder.path() / "padded").tensors.empty());
  write_made(folder.path() / "padded", padded + " ", 0);
  EXPECT_ERROR(invalid_file, "expected at most 16 MiB", read_safetensors(folder.path() / "padded"));
}

TEST(Safetensors, AcceptsWhatPythonAccepts) {
  EXPECT_EQ(read_made(R"({"a":{"dtype":"U8","shape":[2],"data_offsets":[0,2]}}   )", 2)
                .tensors.at("a")
                .data.size(),
            2U);
  EXPECT_EQ(read_made(R"({"__metadata__":null})", 0).tensors.size(), 0U);
  EXPECT_EQ(read_made(R"({"a":{"dtype":"F4","shape":[4],"data_offsets":[0,2],"extra":1}})", 2)
                .tensors.at("a")
                .shape[0],
            4);
}

TEST(Safetensors, ReaderRefusesBrokenHeaders) {
  const auto one = [](const std::string& dtype, const std::string& shape,
                      const std::string& offsets) {
    return R"({"a":{"dtype":")" + dtype + R"(","shape":)" + shape + R"(,"data_offsets":)" +
           offsets + "}}";
  };
  EXPECT_ERROR(invalid_file, "not valid JSON", read_made("{\"a\":", 0));
  EXPECT_ERROR(io, "'/dev/null'", read_safetensors("/dev/null"));  // has no size
  EXPECT_ERROR(invalid_file, "is not a JSON object", read_made("[]", 0));
  EXPECT_ERROR(invalid_file, "the key 'a' occurs twice", read_made(R"({"a":{},"a":{}})", 0));
  EXPECT_ERROR(invalid_file, "the key 'a.shape' is missing",
               read_made(R"({"a":{"dtype":"U8"}})", 0));
  EXPECT_ERROR(invalid_file, "a dtype of the safetensors format",
               read_made(one("X", "[]", "[0,1]"), 1));
  EXPECT_ERROR(invalid_file, "integers of at least 0", read_made(one("U8", "[-1]", "[0,1]"), 1));
  EXPECT_ERROR(invalid_file, "integers of at least 0", read_made(one("U8", "[1.0]", "[0,1]"), 1));
  EXPECT_ERROR(invalid_file, "expected [begin, end]", read_made(one("U8", "[1]", "[0]"), 1));
  EXPECT_ERROR(invalid_file, "expected [begin, end]", read_made(one("U8", "[1]", "[1,0]"), 1));
  EXPECT_ERROR(invalid_file, "as many bytes as", read_made(one("F32", "[1]", "[0,1]"), 1));
  // 2^32 * 2^32 elements overflow to 0 bytes; so do 2^62 of 4 bytes.
  EXPECT_ERROR(invalid_file, "as many bytes as",
               read_made(one("U8", "[4294967296,4294967296]", "[0,0]"), 0));
  EXPECT_ERROR(invalid_file, "as many bytes as",
               read_made(one("F32", "[4611686018427387904]", "[0,0]"), 0));
  EXPECT_ERROR(invalid_file, "sizes below 2^63",
               read_made(one("U8", "[9223372036854775808]", "[0,0]"), 0));
  EXPECT_ERROR(invalid_file, "as many bytes as", read_made(one("F4", "[3]", "[0,1]"), 1));
  EXPECT_ERROR(invalid_file, "'__metadata__.a' is 1; expected a string",
               read_made(R"({"__metadata__":{"a":1}})", 0));
}

TEST(Safetensors, ReaderRefusesGapsOverlapsAndLeftovers) {
  const auto two = [](const std::string& first, const std::string& second) {
    return R"({"a":{"dtype":"U8","shape":[2],"data_offsets":)" + first +
           R"(},"b":{"dtype":"U8","shape":[2],"data_offsets":)" + second + "}}";
  };
  EXPECT_NO_THROW(read_made(two("[2,4]", "[0,2]"), 4));
  EXPECT_ERROR(invalid_file, "a gap or an overlap", read_made(two("[0,2]", "[1,3]"), 4));
  EXPECT_ERROR(invalid_file, "a gap or an overlap", read_made(two("[0,2]", "[0,2]"), 2));
  EXPECT_ERROR(invalid_file, "a gap or an overlap", read_made(two("[0,2]", "[3,5]"), 5));
  EXPECT_ERROR(invalid_file, "a gap or an overlap", read_made(two("[1,3]", "[3,5]"), 5));
  EXPECT_ERROR(invalid_file, "take 4 bytes but the file holds 3",
               read_made(two("[0,2]", "[2,4]"), 3));
  EXPECT_ERROR(invalid_file, "take 4 bytes but the file holds 5",
               read_made(two("[0,2]", "[2,4]"), 5));
}

TEST(Safetensors, ReaderRefusesTruncatedFiles) {
  const TemporaryFolder folder;
  const std::string whole = file_content(golden_file());
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{7}, std::size_t{8}, std::size_t{100}, whole.size() - 1}) {
    write_file(folder.path() / "cut", whole.substr(0, size));
    EXPECT_ERROR(invalid_file, "", read_safetensors(folder.path() / "cut"));
  }
  write_file(folder.path() / "huge", std::string(8, '\xFF') + "{}");
  EXPECT_ERROR(invalid_file, "claims 18446744073709551615 bytes",
               read_safetensors(folder.path() / "huge"));
  EXPECT_ERROR(not_found, "no such file", read_safetensors("/nonexistent.safetensors"));
}

}  // namespace
}  // namespace io_test
