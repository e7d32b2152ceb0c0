#include "support/error_of.hpp"
#include "support/temporary_folder.hpp"

#include <freeinit/impl/networks/mapped_weights_inl.hpp>
#include <freeinit/impl/networks/torchscript_module_inl.hpp>

#include <ATen/Functions.h>
#include <caffe2/serialize/inline_container.h>
#include <gtest/gtest.h>
#include <torch/csrc/jit/api/module.h>

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <optional>
#include <string>

namespace mapped_weights_test {

using caffe2::serialize::PyTorchStreamReader;
using caffe2::serialize::PyTorchStreamWriter;

/// A network with weights of several dtypes, one that is shared, an empty one, and a constant of
/// its code.
torch::jit::Module network() {
  torch::jit::Module module("network");
  const at::Tensor half = at::arange(600, at::kHalf).reshape({20, 30});
  module.register_parameter("half", half, false);
  module.register_parameter("part", half.slice(0, 3, 9).t(), false);
  module.register_buffer("whole", at::arange(7, at::kLong));
  module.register_buffer("empty", at::empty({0, 4}));
  torch::jit::Module inner("inner");
  inner.register_parameter("weight", at::linspace(-1, 1, 30).reshape({30, 1}), false);
  module.register_module("inner", inner);
  module.define(R"(
def forward(self, x):
    y = torch.tensor([1.5, 2.5])
    return x @ self.half.float() @ self.inner.weight * y + self.part.float().sum() + self.whole.sum()
)");
  return module;
}

class MappedWeights : public testing::Test {
 protected:
  MappedWeights() { network().save(file_.string()); }

  [[nodiscard]] const std::filesystem::path& file() const { return file_; }
  [[nodiscard]] std::optional<torch::jit::Module> try_in_place() const {
    torch::jit::ExtraFilesMap extra;
    return freeinit::detail::read_in_place(file_, "network 'a.pt'", extra);
  }
  [[nodiscard]] torch::jit::Module read_in_place() const { return try_in_place().value(); }

  /// The file again, each part as `write` writes it.
  void rewrite(const std::function<void(PyTorchStreamWriter&, const std::string& part,
                                        const std::string& content)>& write) const {
    const auto copy = folder_.path() / "copy.pt";
    {
      PyTorchStreamReader reader(file_.string());
      PyTorchStreamWriter writer(copy.string());
      writer.setMinVersion(reader.version());
      for (const std::string& part : reader.getAllRecords()) {
        if (part.ends_with("version")) continue;
        const auto [data, size] = reader.getRecord(part);
        write(writer, part, {static_cast<const char*>(data.get()), size});
      }
      writer.writeEndOfFile();
    }
    std::filesystem::rename(copy, file_);
  }

 private:
  TemporaryFolder folder_;
  std::filesystem::path file_ = folder_.path() / "a.pt";
};

void expect_same(const torch::jit::Module& found, const torch::jit::Module& wanted) {
  const auto tensors = [](const torch::jit::Module& module) {
    std::map<std::string, at::Tensor> result;
    for (const auto& each : module.named_parameters()) result[each.name] = each.value;
    for (const auto& each : module.named_buffers()) result[each.name] = each.value;
    return result;
  };
  const auto all = tensors(found);
  EXPECT_EQ(all.size(), 5U);
  for (const auto& [name, tensor] : tensors(wanted)) {
    EXPECT_EQ(all.at(name).strides(), tensor.strides()) << name;
    EXPECT_EQ(all.at(name).scalar_type(), tensor.scalar_type()) << name;
    EXPECT_TRUE(at::equal(all.at(name), tensor)) << name;
  }
  const at::Tensor x = at::linspace(0, 1, 20).reshape({1, 20});
  EXPECT_TRUE(at::equal(torch::jit::Module(found).forward({x}).toTensor(),
                        torch::jit::Module(wanted).forward({x}).toTensor()));
}

TEST_F(MappedWeights, AreThoseOfTheFile) {
  expect_same(read_in_place(), torch::jit::load(file().string()));
}

/// The weights outlive the file's name, and belong to each network alone.
TEST_F(MappedWeights, AreKeptAndPrivate) {
  const torch::jit::Module one = read_in_place();
  const torch::jit::Module two = read_in_place();
  one.attr("half").toTensor().fill_(7);
  const torch::jit::Module later = read_in_place();
  std::filesystem::remove(file());
  expect_same(two, network());
  expect_same(later, network());
}

/// Nothing is copied: the bytes lie where the file has them, one page-aligned mapping for all.
TEST_F(MappedWeights, LieInOneMapping) {
  const torch::jit::Module found = read_in_place();
  PyTorchStreamReader reader(file().string());
  const auto* half = static_cast<const char*>(found.attr("half").toTensor().storage().data());
  const auto* inner = static_cast<const char*>(
      found.attr("inner").toModule().attr("weight").toTensor().storage().data());
  std::string half_part;
  std::string inner_part;
  for (const std::string& part : reader.getAllRecords()) {
    if (!part.starts_with("data/")) continue;
    if (reader.getRecordSize(part) == 600 * 2) half_part = part;
    if (reader.getRecordSize(part) == 30 * 4) inner_part = part;
  }
  EXPECT_EQ(inner - half, static_cast<std::ptrdiff_t>(reader.getRecordOffset(inner_part)) -
                              static_cast<std::ptrdiff_t>(reader.getRecordOffset(half_part)));
}

/// Bytes of the file's mapping that are in memory; nothing where the system does not tell.
std::size_t resident_bytes(const std::filesystem::path& file) {
  std::ifstream mappings("/proc/self/smaps");
  bool is_of_file = false;
  std::size_t kib = 0;
  for (std::string line; std::getline(mappings, line);) {
    if (line.find(" kB") == line.npos) is_of_file = line.find(file.string()) != line.npos;
    if (is_of_file && line.starts_with("Rss:")) kib += std::stoul(line.substr(4));
  }
  return kib << 10;
}

/// A weight that goes, as one that is widened does, takes its pages along, and no others.
TEST_F(MappedWeights, ThatGoLeaveTheOthers) {
  torch::jit::Module large("network");
  for (const char* name : {"a", "b", "c"}) {
    large.register_parameter(name, at::full({1 << 18}, 1.0), false);
  }
  large.save(file().string());
  const torch::jit::Module found = read_in_place();
  for (const char* name : {"a", "b", "c"}) found.attr(name).toTensor().fill_(*name);
  const std::size_t before = resident_bytes(file());
  at::Tensor middle = found.attr("b").toTensor();
  middle.set_data(middle.to(at::kDouble));
  if (before > 0) {
    EXPECT_GT(before, resident_bytes(file()) + 1'000'000);
  }
  for (const char* name : {"a", "b", "c"}) {
    EXPECT_TRUE(at::eq(found.attr(name).toTensor(), *name).all().item<bool>()) << name;
  }
}

TEST_F(MappedWeights, OfALargeFileAloneAndNotWhereTheyAreWidened) {
  const auto read = [this](std::int64_t size) {
    torch::jit::Module module("network");
    module.register_parameter("a", at::ones({size}), false);
    module.save(file().string());
    torch::jit::ExtraFilesMap extra;
    const auto found = freeinit::detail::read_network(file(), "network 'a.pt'", at::kCPU, extra);
    EXPECT_EQ(found.attr("a").toTensor().sum().item<float>(), static_cast<float>(size));
    return resident_bytes(file());
  };
  EXPECT_EQ(read(1 << 10), 0U);
#ifdef __linux__
  EXPECT_GT(read(9 << 20), 32U << 20);
#endif
  torch::jit::Module module("network");
  module.register_parameter("half", at::ones({17 << 20}, at::kHalf), false);
  module.register_parameter("bias", at::ones({20}), false);
  module.define("def forward(self, x):\n    return x * self.half.sum() * self.bias.sum()\n");
  module.save(file().string());
  const freeinit::detail::TorchScriptModule found(
      {.source = {.file = file()}, .inputs = {"x"}, .dtype = "float32"});
  EXPECT_EQ(resident_bytes(file()), 0U);
  EXPECT_EQ(found({at::ones({1})}).item<float>(), 20.0F * (17 << 20));
}

TEST_F(MappedWeights, DoNotStayWhereTheyAreCompressed) {
  rewrite([](auto& writer, const auto& part, const auto& content) {
    writer.writeRecord(part, content.data(), content.size(), /*compress=*/true);
  });
  EXPECT_FALSE(try_in_place().has_value());
}

TEST_F(MappedWeights, DoNotStayBesideTensorsThatAreNotDense) {
  torch::jit::Module module = network();
  module.register_buffer("sparse", at::eye(4).to_sparse());
  module.save(file().string());
  EXPECT_FALSE(try_in_place().has_value());
}

/// What is not a weight is held in memory while the network is read.
TEST_F(MappedWeights, DoNotStayBesideLargeParts) {
  rewrite([](auto& writer, const auto& part, const auto& content) {
    writer.writeRecord(part, content.data(), content.size());
    if (part != "data.pkl") return;
    const std::string large(65U << 20, ' ');
    writer.writeRecord("extra/large", large.data(), large.size(), /*compress=*/true);
  });
  EXPECT_FALSE(try_in_place().has_value());
}

/// A file says on which device its tensors were.
TEST_F(MappedWeights, OfAnotherDeviceComeToTheProcessor) {
  const auto say = [this](const std::string& device) {
    rewrite([&](auto& writer, const auto& part, std::string content) {
      const std::string cpu("X\3\0\0\0cpu", 8);
      const auto at = content.find(cpu);
      if (part == "data.pkl" && at != content.npos) {
        const std::string length(1, static_cast<char>(device.size()));
        content.replace(at, cpu.size(), "X" + length + std::string(3, '\0') + device);
      }
      writer.writeRecord(part, content.data(), content.size());
    });
  };
  say("cuda:0");
  expect_same(read_in_place(), network());
  network().save(file().string());
  say("meta");
  try {
    if (const auto found = try_in_place()) expect_same(*found, network());
  } catch (const freeinit::Error& error) {
    EXPECT_EQ(error.code(), freeinit::ErrorCode::invalid_file) << error.what();
  }
}

/// A tensor that says it has more values than the file would reach beyond it.
TEST_F(MappedWeights, ShorterThanTheirTensorsAreRefused) {
  rewrite([](auto& writer, const auto& part, const auto& content) {
    const bool weight = part.starts_with("data/");
    writer.writeRecord(part, content.data(), weight ? content.size() / 2 : content.size());
  });
  EXPECT_ERROR(invalid_file, "network 'a.pt': a tensor takes ", read_in_place());
}

}  // namespace mapped_weights_test
